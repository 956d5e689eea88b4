"""Learned tokens inside a network of one's own: two tasks, a head for each, and a loop in plain torch."""

import random

import torch
from torch.nn.functional import binary_cross_entropy_with_logits, cross_entropy

from tokenlayer import (
    ModelConfig,
    TextsConfig,
    TokenCounts,
    TokenEmbedding,
    TokenLearner,
    TrainConfig,
    Training,
    TrainingProgress,
)

draw = random.Random(0)
words = ["it", "was", "a", "story", "of", "people", "in", "some", "town", "with", "rain", "and", "much", "talk"]
topics, moods = ["concert", "football", "weather"], ["splendid", "tedious"]
pairs = [(topic, mood) for topic in topics for mood in moods] * 60
texts = [" ".join(draw.sample([*draw.choices(words, k=8), topic, mood], k=10)) for topic, mood in pairs]


class Network(torch.nn.Module):
    """Two heads read one sum of token vectors."""

    def __init__(self, layer, dim=6):
        super().__init__()
        self.layer = layer
        self.embedding = TokenEmbedding(layer.vocab_size, dim)
        self.topic = torch.nn.Sequential(torch.nn.Linear(dim, 12), torch.nn.ReLU(), torch.nn.Linear(12, len(topics)))
        self.mood = torch.nn.Linear(dim, 1)

    def forward(self, codes):
        tokens = self.layer(codes)
        embedded = self.embedding.pooled(tokens)
        return self.topic(embedded), self.mood(embedded).squeeze(1), tokens, embedded


# The tokens are to tell both: the rule is given both as one label. The losses are the network's own.
labels = [f"{topic} {mood}" for topic, mood in pairs]
config = TrainConfig(dataset=TextsConfig(texts, labels), model=ModelConfig(vocab_size=20, embedding_dim=6))
training = Training(config)
names = [name.split() for name in training.dataset.class_names]
topic_of, mood_of = (
    torch.tensor([kinds.index(name[at]) for name in names]) for at, kinds in enumerate((topics, moods))
)
batches, epochs = training.data.train_dataloader(), training.config.trainer.max_epochs
torch.manual_seed(0)
network = Network(training.layer)
optimizer = torch.optim.Adam(network.parameters(), lr=0.01)
learner = TokenLearner(training.rule, training.layer, network.embedding)
for step, batch in enumerate(batch for _ in range(epochs) for batch in batches):
    topic, mood, tokens, embedded = network(batch.codes)
    learner.watch(tokens, embedded, batch.rows)
    optimizer.zero_grad()
    loss = cross_entropy(topic, topic_of[batch.labels])
    loss = loss + binary_cross_entropy_with_logits(mood, mood_of[batch.labels].float())
    loss.backward()
    learner.step(optimizer, TrainingProgress(step, epochs * len(batches), len(batches)))

right = torch.zeros(2)
with torch.no_grad():
    for batch in training.data.test_dataloader():
        topic, mood, _, _ = network(batch.codes)
        right[0] += (topic.argmax(1) == topic_of[batch.labels]).sum()
        right[1] += ((mood > 0) == mood_of[batch.labels].bool()).sum()
print("accuracy on test texts: topic {:.2f}, mood {:.2f}".format(*right / len(training.dataset.splits["test"])))
print(training.tokens())


class Exported(torch.nn.Module):
    """The trained network for inference: `torch.export` and ONNX take no layer, whose matches have no fixed shape."""

    def __init__(self, network):
        super().__init__()
        self.counts = TokenCounts(network.layer)
        self.embedding, self.topic, self.mood = network.embedding, network.topic, network.mood

    def forward(self, codes):
        embedded = self.counts(codes) @ self.embedding.weight
        return self.topic(embedded), self.mood(embedded).squeeze(1)


codes = next(iter(training.data.test_dataloader())).codes
program = torch.export.export(
    Exported(network), (codes,), dynamic_shapes=({0: torch.export.Dim("texts"), 1: torch.export.Dim("width", min=20)},)
)
with torch.no_grad():
    for one, other in zip(program.module()(codes), network(codes), strict=False):
        torch.testing.assert_close(one, other)

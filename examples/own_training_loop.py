"""A learning rule in a training loop of one's own, around a network of one's own."""

import random

import torch
from torch.nn.functional import binary_cross_entropy_with_logits

from tokenlayer import ModelConfig, TextsConfig, TokenEmbedding, TokenLearner, TrainConfig, Training, TrainingProgress

draw = random.Random(0)
words = ["the", "film", "was", "a", "story", "of", "people", "in", "some", "town", "with", "music", "and", "rain"]
texts = [" ".join(draw.choices([*words, mood], k=12)) for _ in range(200) for mood in ("splendid", "tedious")]
labels = [float("splendid" in text) for text in texts]


class Network(torch.nn.Module):
    """Any network that sums up the vectors of the tokens somewhere."""

    def __init__(self, layer):
        super().__init__()
        self.layer = layer
        self.embedding = TokenEmbedding(layer.vocab_size, embedding_dim=1)
        self.out = torch.nn.Linear(1, 1)

    def forward(self, codes):
        tokens = self.layer(codes)
        embedded = self.embedding.pooled(tokens)
        return self.out(embedded).squeeze(1), tokens, embedded


training = Training(TrainConfig(dataset=TextsConfig(texts, labels), model=ModelConfig(vocab_size=20)))
batches, epochs = training.data.train_dataloader(), training.config.trainer.max_epochs
network = Network(training.layer)
optimizer = torch.optim.Adam(network.parameters(), lr=0.01)
learner = TokenLearner(training.rule, training.layer, network.embedding, readout=network.out.weight)
for step, batch in enumerate(batch for _ in range(epochs) for batch in batches):
    logits, tokens, embedded = network(batch.codes)
    learner.watch(tokens, embedded, batch.rows)
    optimizer.zero_grad()
    binary_cross_entropy_with_logits(logits, batch.labels.float()).backward()
    learner.step(optimizer, TrainingProgress(step, epochs * len(batches), len(batches)))
print(training.tokens())

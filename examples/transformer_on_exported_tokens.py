"""A small transformer, trained from scratch on texts that are cut into learned tokens."""

import random
import tempfile

import pytorch_lightning as pl
import torch
from transformers import AutoTokenizer, BertConfig, BertForSequenceClassification

from tokenlayer import ModelConfig, TextsConfig, TrainConfig, Training, export_tokenizer, load

draw = random.Random(0)
torch.manual_seed(0)
words = ["the", "film", "was", "a", "story", "of", "people", "in", "some", "town", "with", "music", "and", "rain"]
texts = [" ".join(draw.choices([*words, mood], k=12)) for _ in range(200) for mood in ("splendid", "tedious")]
labels = ["positive" if "splendid" in text else "negative" for text in texts]

training = Training(TrainConfig(dataset=TextsConfig(texts, labels), model=ModelConfig(vocab_size=20)))
trainer = pl.Trainer(max_epochs=training.config.trainer.max_epochs, logger=False, enable_checkpointing=False)
trainer.fit(training.module, training.data)
with tempfile.TemporaryDirectory() as folder:
    trainer.save_checkpoint(f"{folder}/model.ckpt")
    export_tokenizer(load(f"{folder}/model.ckpt"), f"{folder}/tokens")
    tokenizer = AutoTokenizer.from_pretrained(f"{folder}/tokens")  # from here on without tokenlayer
batch = tokenizer(texts, padding=True, return_tensors="pt")
sizes = {"hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 64}
config = BertConfig(vocab_size=len(tokenizer), pad_token_id=tokenizer.pad_token_id, **sizes)
network = BertForSequenceClassification(config)
optimizer = torch.optim.Adam(network.parameters(), lr=0.005)
wanted = torch.tensor([label == "positive" for label in labels]).long()
for rows in (rows for _ in range(12) for rows in torch.randperm(len(texts)).split(32)):
    optimizer.zero_grad()
    network(**{name: value[rows] for name, value in batch.items()}, labels=wanted[rows]).loss.backward()
    optimizer.step()
network.eval()
with torch.no_grad():
    print(tokenizer.tokenize(texts[labels.index("positive")]))
    print("accuracy", (network(**batch).logits.argmax(1) == wanted).double().mean().item())

"""Train on texts in memory with a plain Lightning trainer: no configuration file, no Hydra, no MLflow."""

import random

import pytorch_lightning as pl

from tokenlayer import ModelConfig, TextsConfig, TrainConfig, Training

draw = random.Random(0)
words = ["the", "film", "was", "a", "story", "of", "people", "in", "some", "town", "with", "music", "and", "rain"]
texts = [" ".join(draw.choices([*words, mood], k=12)) for _ in range(200) for mood in ("splendid", "tedious")]
labels = ["positive" if "splendid" in text else "negative" for text in texts]

training = Training(TrainConfig(dataset=TextsConfig(texts, labels), model=ModelConfig(vocab_size=20)))
print(*training.choices, sep="\n")  # what the texts decided, and why
trainer = pl.Trainer(max_epochs=training.config.trainer.max_epochs, logger=False, enable_checkpointing=False)
trainer.fit(training.module, training.data)
probabilities = trainer.predict(training.module, training.data)  # of the test texts, batch by batch
print(training.tokens())

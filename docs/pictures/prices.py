"""Draws prices.png, the prices of n-grams: python docs/pictures/prices.py, some ten seconds."""

from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pytorch_lightning as pl
import torch
from scipy import stats

from tokenlayer import GraftRuleConfig, ModelConfig, TrainConfig, Training, Vocabulary
from tokenlayer.data.sources.planted import PlantedConfig
from tokenlayer.rules.graft_rule import GraftRule

settings = {"dataset": PlantedConfig(), "model": ModelConfig(vocab_size=100)}
never = GraftRuleConfig(edit_interval=1000.0)  # in an epoch it watches, and replaces nothing
training = Training(TrainConfig(**settings, learning_rule=never))
rule, dataset = training.rule, training.dataset
assert isinstance(rule, GraftRule)
pl.Trainer(accelerator="cpu", max_epochs=1, logger=False, enable_checkpointing=False).fit(
    training.module, training.data
)

index = rule.selection.index
price = rule.selection.scores(rule.gradient.double().numpy())
ngrams = [ngram.rstrip("█") for ngram in Vocabulary(torch.from_numpy(index.ngrams)).decode(dataset.alphabet)]
planted = {pattern for patterns in dataset.ground_truth.patterns.values() for pattern in patterns}
overlaps = np.array([any(pattern in ngram or ngram in pattern for pattern in planted) for ngram in ngrams])

figure, axes = plt.subplots(figsize=(7, 3.2), layout="constrained")
bins = np.geomspace(1e-2, price.max(), 60)
axes.hist(price[~overlaps], bins, color="0.7", label=f"other n-grams ({(~overlaps).sum():,})")
around = f"a planted pattern, a part of one, or more ({overlaps.sum():,})"
axes.hist(price[overlaps], bins, color="C1", alpha=0.7, label=around)
middle = np.sqrt(bins[1:] * bins[:-1])
axes.plot(middle, len(price) * np.diff(stats.chi2(1).cdf(bins)), color="C0", label="χ², one degree of freedom")
found = [price[ngrams.index(pattern)] for pattern in sorted(planted) if pattern in ngrams]
axes.plot(found, np.full(len(found), 1.0), "v", color="C3", label=f"the planted patterns themselves ({len(found)})")
axes.set(xscale="log", yscale="log", xlabel="price S²/V", ylabel="n-grams", ylim=(0.7, None))
figure.legend(loc="outside upper center", ncols=2, frameon=False, fontsize="small")
figure.savefig(Path(__file__).with_name("prices.png"), dpi=130)
print(len(planted), len(found), np.median(price[~overlaps]))

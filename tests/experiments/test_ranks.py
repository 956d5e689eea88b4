"""The original's gradient has one direction for all patterns; what texts say of grams has hardly fewer than grams."""

import pytest
import ranks
import torch
from tokenlayer.config.schema import TrainConfig
from tokenlayer.training.run import build_model

from tokenlayer.config.check import Spec, check
from tokenlayer.config.compose import composing
from tokenlayer.data.prepare import prepare

SETTINGS = [
    "dataset=planted",
    "dataset.n_texts=600",
    "initializer=random_grams",
    "initializer.gram_lens=[3,4,5]",
    "model=tokens",
    "model.n_neurons=60",
    "model.vector_penalty=0.0",
    "learning_rule=seed",
]
TEXTS = 300


@pytest.fixture
def config(monkeypatch: pytest.MonkeyPatch) -> TrainConfig:
    monkeypatch.setattr(ranks, "TEXTS", TEXTS)
    with composing("train") as composer:
        (job,) = check(composer, SETTINGS, Spec(TrainConfig, lambda composed, _: composed), multirun=False)
    return job.config


def test_ranks(config: TrainConfig) -> None:
    found = ranks.spectra(config)
    assert {D: ranks.rank(values, TEXTS) for D, values in found.patterns.items()} == {1: 1, 8: 1}
    assert len(found.grams) == 60
    assert ranks.rank(found.grams, TEXTS) > 50


def test_the_gradients_of_a_gram_that_is_a_token_add_up_to_that_of_its_vector(config: TrainConfig) -> None:
    dataset = prepare(config.dataset)
    torch.manual_seed(config.seed)
    model = build_model(config, dataset).double()
    codes = torch.from_numpy(dataset.splits["train"].codes[:TEXTS].copy())
    labels = torch.from_numpy(dataset.splits["train"].labels[:TEXTS])
    model.loss(model(codes), labels).backward()
    patterns = model.tokenization.patterns.detach()
    own = ranks.gram_gradients(config, dataset, lambda shape: patterns)
    assert model.embedding.weight.grad is not None
    torch.testing.assert_close(own.sum(0), model.embedding.weight.grad[:, 0])

"""The original's gradient has one direction for all patterns; token gradients have nearly one for each n-gram."""

import pytest
import torch
from experiments.why_the_original_cannot_learn import ranks

from tokenlayer.config.check import Spec, check
from tokenlayer.config.compose import composing
from tokenlayer.data.prepare import prepare
from tokenlayer.training.build import build_model
from tokenlayer.training.config import TrainConfig

SETTINGS = [
    "dataset=planted",
    "dataset.n_texts=600",
    "initializer=random_ngrams",
    "initializer.ngram_lengths=[3,4,5]",
    "model=tokens",
    "model.vocab_size=60",
    "model.embedding_l2=0.0",
    "learning_rule=original",
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
    assert len(found.ngrams) == 60
    assert ranks.rank(found.ngrams, TEXTS) > 50


def test_the_gradients_of_an_ngram_that_is_a_token_add_up_to_that_of_its_embedding(config: TrainConfig) -> None:
    dataset = prepare(config.dataset)
    torch.manual_seed(config.seed)
    model = build_model(config, dataset).double()
    codes = torch.from_numpy(dataset.splits["train"].codes[:TEXTS].copy())
    labels = torch.from_numpy(dataset.splits["train"].labels[:TEXTS])
    model.loss(model(codes), labels).backward()
    own = ranks.ngram_gradients(config, dataset, model.tokenization.vocabulary())
    assert model.embedding.weight.grad is not None
    torch.testing.assert_close(own.sum(0), model.embedding.weight.grad[:, 0])

"""Token quality as a run records it."""

import pytest
import torch
from random_edits import RandomEditsConfig
from tiny_training import STEPS_PER_EPOCH, Training

from tokenlayer.layer.quality import QualityMeter
from tokenlayer.training.callbacks.token_quality import TokenQualityConfig


@pytest.fixture
def editing(training: Training) -> Training:
    training.rule = RandomEditsConfig()
    training.trainer.max_epochs = 2
    return training


def values(fitted, name):
    metrics = fitted.recorder.load_metrics()
    rows = metrics[metrics["key"] == f"tokens/{name}"]
    return dict(zip(rows["step"].tolist(), rows["value"].tolist(), strict=True))


@pytest.mark.parametrize("texts", [11, 1000])
def test_of_the_first_validation_texts_at_the_end_of_the_run(editing: Training, texts: int) -> None:
    fitted = editing.fit(TokenQualityConfig(texts=texts))
    prepared = fitted.data.prepared
    meter = QualityMeter(40, prepared.alphabet.size)
    codes = torch.from_numpy(prepared.splits["validation"].codes[:texts].copy())
    meter.update(fitted.module.model.tokenization(codes))
    for name, value in meter.compute().items():
        assert values(fitted, name)[2 * STEPS_PER_EPOCH - 1] == pytest.approx(value), name
    assert not fitted.module.model.tokenization._forward_hooks


def test_turnover_is_what_the_edits_replaced_since_the_validation_before(editing: Training) -> None:
    editing.rule = RandomEditsConfig(every=STEPS_PER_EPOCH + 1, replaced=6)  # one edit, in the second epoch
    assert values(editing.fit(TokenQualityConfig()), "turnover") == {16: 0, 33: 6 / 40}
    editing.rule = RandomEditsConfig(every=10, replaced=6)  # steps 9, 19 and 29
    turnovers = values(editing.fit(TokenQualityConfig()), "turnover")
    assert turnovers[16] == 6 / 40
    assert 6 / 40 < turnovers[33] <= 12 / 40

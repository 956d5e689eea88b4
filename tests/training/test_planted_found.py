"""Planted patterns that are tokens, counted by hand and in a fit whose patterns are given."""

import pytest
import torch
from tiny_training import TEXTS, Training

from tokenlayer.data.prepare import prepare
from tokenlayer.data.sources.planted import PlantedConfig
from tokenlayer.data.types import PreparedDataset
from tokenlayer.rules.frozen import FrozenRuleConfig
from tokenlayer.tracking.reading import find_runs
from tokenlayer.training.callbacks.base import RunContext
from tokenlayer.training.callbacks.planted_found import PlantedFoundConfig
from tokenlayer.training.callbacks.planted_found_callback import PlantedFound, share_found
from tokenlayer.training.job import Job
from tokenlayer.vocabularies.listed import ListedConfig


def test_flanking_blanks_count_for_nothing() -> None:
    tokens = ["abc██", "█de██", "f█g██", "abcd█", "█████"]
    assert share_found(["abc", "de", "fg", "bcd"], tokens) == 0.5
    assert share_found(["abc", "abc"], tokens) == 1
    assert share_found(["xyz"], []) == 0


def test_metrics_of_a_fit(training: Training, tmp_path) -> None:
    truth = prepare(PlantedConfig(**TEXTS)).ground_truth
    assert truth is not None
    of_class = list(truth.patterns["class_0"])
    given = [*of_class[:3], truth.distractors[0], of_class[3] + "z", "zzzz"]
    (tmp_path / "patterns.txt").write_text("\n".join(given))
    training.initializer = ListedConfig(file=str(tmp_path / "patterns.txt"))
    training.model.vocab_size = len(given)
    training.rule = FrozenRuleConfig()
    training.fit(PlantedFoundConfig(), test=True)
    (run,) = find_runs(output_dir=training.output_dir).to_dict("records")
    assert run["metrics.planted/found"] == pytest.approx(3 / 12)
    assert run["metrics.planted/distractors"] == pytest.approx(1 / 12)


def test_texts_that_nobody_planted_get_nothing(training: Training) -> None:
    prepared = prepare(training.dataset)
    unplanted = PreparedDataset(**{**vars(prepared), "ground_truth": None})
    run = RunContext(None, unplanted, Job(None, {}))  # type: ignore[arg-type]
    assert not isinstance(PlantedFoundConfig().build(run), PlantedFound)


def test_a_pattern_that_can_never_match_is_not_found(original: Training, tmp_path) -> None:
    truth = prepare(PlantedConfig(**TEXTS)).ground_truth
    assert truth is not None
    (tmp_path / "patterns.txt").write_text(truth.patterns["class_0"][0])
    original.initializer = ListedConfig(file=str(tmp_path / "patterns.txt"))
    original.model.vocab_size = 1
    fitted = original.fit(PlantedFoundConfig())
    (callback,) = fitted.callbacks
    logged: list[dict[str, float]] = []
    callback.recorder.log_metrics = lambda metrics, step: logged.append(metrics)  # type: ignore[method-assign]
    layer = fitted.module.model.tokenization
    callback.on_test_epoch_end(fitted.trainer, fitted.module)
    with torch.no_grad():
        layer.patterns[:2, 0, 0] = layer.patterns.max() + 1  # a tie
    callback.on_test_epoch_end(fitted.trainer, fitted.module)
    assert [metrics["planted/found"] for metrics in logged] == [pytest.approx(1 / 12), 0]

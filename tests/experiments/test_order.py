"""The patterns that the study of order gives to a model are those that its texts have."""

from pathlib import Path

import pytest
from experiments.order import study

from tokenlayer.config.check import Spec, check
from tokenlayer.config.compose import composing
from tokenlayer.data.sources.planted_order import PlantedOrderConfig
from tokenlayer.training.config import TrainConfig

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_the_files_hold_the_planted_patterns(seed: int) -> None:
    with composing("train") as composer:
        spec = Spec(TrainConfig, lambda plain, _: plain)
        (job,) = check(composer, [*study.COMMON, f"seed={seed}"], spec, multirun=False)
    dataset = job.config.dataset
    assert isinstance(dataset, PlantedOrderConfig)
    truth = dataset.load().ground_truth
    assert truth is not None
    patterns = (ROOT / study.FOLDER / f"{seed}.txt").read_text().splitlines()
    assert patterns == [*truth.patterns["class_1"], *truth.patterns["class_0"]]

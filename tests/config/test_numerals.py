"""Ids and names that look like numbers reach the configuration as they were typed."""

import pytest

from tokenlayer.config.check import Spec, check
from tokenlayer.config.compose import composing
from tokenlayer.config.numerals import quoted
from tokenlayer.config.problems import ConfigError
from tokenlayer.config.resume import SavedRun, find
from tokenlayer.config.scalars import to_str
from tokenlayer.training.config import EvaluateConfig, TrainConfig

IDS = ["0123", "00000000000000000000000000000000", "1e5", "1E5", "12e4567", "1_000", "0x1f", "007e1", "12345678", "0"]
IDS += ["1.50", "+7", "ab12", "0123456789abcdef0123456789abcdef", "-5", "1e", "e5"]


@pytest.mark.parametrize("key", ["resume", "tracking.experiment", "tracking.run_name", "output_dir"])
def test_text_stays_as_typed(key: str) -> None:
    with composing("train") as composer:
        for text in IDS:
            for plus in ("", "+", "++"):
                (override,) = quoted([f"{plus}{key}={text}"], TrainConfig)
                assert to_str(composer.parse(override).value()) == text


def test_the_configuration_has_the_text() -> None:
    texts = quoted(["resume=0123", "tracking.experiment=1e5", "seed=7"], TrainConfig)
    with composing("train") as composer:
        (job,) = check(composer, texts, Spec(TrainConfig, lambda composed, _: composed), multirun=False)
    assert (job.config.resume, job.config.tracking.experiment, job.config.seed) == ("0123", "1e5", 7)
    assert (job.resolved["resume"], job.resolved["tracking"]["experiment"]) == ("0123", "1e5")


def test_each_value_of_a_sweep() -> None:
    assert quoted(["-m", "resume=0123,1e5,ab,12"], TrainConfig) == ["-m", "resume='0123','1e5',ab,12"]
    assert quoted(["run=01"], EvaluateConfig) == ["run='01'"]


@pytest.mark.parametrize(
    "override", ["seed=007", "optimizer.lr=1e-3", "model.vocab_size=1_000", "resume='0123'", "resume=null", "~resume"]
)
def test_what_is_no_text_is_left_alone(override: str) -> None:
    assert quoted([override], TrainConfig) == [override]


def test_a_number_of_a_file_is_told() -> None:
    def read(run: str, *_: object) -> SavedRun:
        return SavedRun(run, {}, [])

    composed = {"tracking": {"uri": None}, "output_dir": "outputs"}
    assert find(composed | {"resume": 12345678}, "resume", read).name == "12345678"
    with pytest.raises(ConfigError, match=r"resume: is the number 100000\.0 in this file: put it between quotes"):
        find(composed | {"resume": 1e5}, "resume", read)

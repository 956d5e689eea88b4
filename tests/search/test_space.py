"""The values of one setting."""

from pathlib import Path

import pytest
import yaml

from tokenlayer.config.problems import ConfigError
from tokenlayer.config.typed import load
from tokenlayer.search.config import SearchConfig
from tokenlayer.search.space import as_text, shown

LR = {"type": "float", "low": 1e-3, "high": 1e-1, "log": True}


def loaded(**values: object) -> SearchConfig:
    return load({"space": {"optimizer.lr": values}}, SearchConfig, key="search")


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({**LR, "low": 1.0}, r"search.space.optimizer.lr.low: 1.0 is above high=0.1"),
        ({**LR, "low": 0.0}, "log: there is no logarithm of low=0.0"),
        ({**LR, "low": "small"}, "low: expected an integer or a number or null, got 'small'"),
        ({**LR, "hihg": 1.0}, "hihg: no such key; did you mean search.space.optimizer.lr.high"),
        ({**LR, "step": 0.1}, "step: does not go with log"),
        ({"type": "float", "low": float("nan"), "high": 1.0}, "must be finite"),
        ({"type": "float", "low": 0.0}, "high: must be given"),
        ({"type": "float", "low": 0.0, "high": 1.0, "step": 0.3}, "steps of 0.3 do not lead from low=0.0 to high=1.0"),
        ({"type": "float", "low": 0.0, "high": 1.0, "step": 0}, "step: 0 is not above 0"),
        ({"type": "int", "low": 1, "high": 2.5}, "high: 2.5 is no integer"),
        ({"type": "integer", "low": 1, "high": 2}, "type: expected one of float, int, categorical, got 'integer'"),
        ({"type": "int", "choices": [1, 2]}, "choices: are those of a categorical setting"),
        ({"type": "categorical"}, "choices: must list the values"),
        ({"type": "categorical", "choices": []}, "choices: must list the values"),
        ({"type": "categorical", "choices": ["a"], "low": 1}, "low: is a number's"),
        ({"type": "categorical", "choices": ["a", "a"]}, "choices: name a value more than once"),
        ({"type": "categorical", "choices": [{"a": 1}]}, "choices: are numbers, words"),
    ],
)
def test_what_cannot_be_searched(values: dict[str, object], told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        loaded(**values)


def test_both_ends_and_one_value_between_are_checked() -> None:
    assert loaded(**LR).space["optimizer.lr"].probes() == ["0.001", "0.1", "0.01"]
    assert loaded(type="int", low=2, high=8).space["optimizer.lr"].probes() == ["2", "8"]
    assert loaded(type="float", low=0, high=1, step=0.25).space["optimizer.lr"].probes() == ["0.0", "1.0"]
    assert loaded(type="float", low=0.1, high=0.1).space["optimizer.lr"].probes() == ["0.1"]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "null"),
        (True, "true"),
        (1e-05, "1e-05"),
        ("graft", "graft"),
        ("a b'c", "'a b\\'c'"),
        ("1e5", "'1e5'"),
        ("null", "'null'"),
        ("", "''"),
        ([2, 3, "x y"], "[2,3,'x y']"),
    ],
)
def test_choices_as_hydra_reads_them(value: object, text: str) -> None:
    assert as_text(value) == text


def test_numbers_are_shown_short() -> None:
    assert [shown(text) for text in ("0.0031622776", "123456", "graft", "1e-05")] == [
        "0.003162",
        "123456",
        "graft",
        "1e-05",
    ]


@pytest.mark.parametrize("path", sorted((Path(__file__).parents[2] / "conf/search").glob("*.yaml")), ids=str)
def test_the_packaged_spaces(path: Path) -> None:
    assert load(yaml.safe_load(path.read_text(encoding="utf-8")), SearchConfig, key="search").space


@pytest.mark.parametrize(
    ("metric", "told"),
    [
        ("test/accuracy", "the best is chosen on validation texts"),
        ("validation/acuracy", "did you mean validation/accuracy"),
    ],
)
def test_metrics_that_choose_nothing(metric: str, told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        load({"metric": metric}, SearchConfig, key="search")


def test_a_loss_is_minimized() -> None:
    assert not SearchConfig(metric="validation/loss").is_maximized
    assert SearchConfig().is_maximized

"""Optuna's storage, in one process after the other."""

import sqlite3
from pathlib import Path

import pytest

from tokenlayer.errors import InputError
from tokenlayer.search.config import SearchConfig
from tokenlayer.search.space import Dimension
from tokenlayer.search.study import FILE, Outcome, RunningTrial, SearchStudy

SPACE = {
    "lr": Dimension(type="float", low=1e-3, high=1e-1, log=True),
    "n": Dimension(type="int", low=2, high=40, step=2),
    "rule": Dimension(type="categorical", choices=["graft", "grow", None]),
}


def opened(folder: Path, **config: object) -> SearchStudy:
    return SearchStudy(folder, "mine", SearchConfig(**config), SPACE, seed=0)  # type: ignore[arg-type]


def measured(study: SearchStudy, trial: RunningTrial) -> None:
    trial.note([0.5], 0.5 + float(trial.settings["lr"]))
    study.tell(trial, Outcome.COMPLETE)


@pytest.mark.parametrize("sampler", ["tpe", "random"])
def test_an_interrupted_search_tries_what_the_unbroken_one_does(tmp_path: Path, sampler: str) -> None:
    unbroken = opened(tmp_path / "unbroken", sampler=sampler)
    for _ in range(14):
        measured(unbroken, unbroken.ask())
    broken = tmp_path / "broken"
    for number in range(14):
        begun = opened(broken, sampler=sampler).ask()
        (trial,) = opened(broken, sampler=sampler).interrupted()
        assert (trial.number, trial.settings) == (number, begun.settings)
        measured(opened(broken, sampler=sampler), trial)
    assert opened(broken).trials() == unbroken.trials()
    assert len({trial.settings["lr"] for trial in unbroken.trials()}) == 14, "no value is drawn again"


def test_what_was_noted_outlives_its_process(tmp_path: Path) -> None:
    trial = opened(tmp_path).ask()
    trial.note([0.4], 0.4)
    trial.note([0.4, 0.8, 0.6], 0.8)
    (again,) = opened(tmp_path).interrupted()
    assert again.value == 0.8
    again.note([0.4, 0.8, 0.6], 0.8)
    study = opened(tmp_path)
    study.tell(again, Outcome.PRUNED)
    (record,) = study.trials()
    assert (record.outcome, record.value) == (Outcome.PRUNED, 0.6), "a pruned one counts with its last validation"
    assert study.best() is None
    assert study.interrupted() == []


def test_the_best_is_the_smallest_loss(tmp_path: Path) -> None:
    study = opened(tmp_path, metric="validation/loss")
    for _ in range(3):
        measured(study, study.ask())
    failed = study.ask()
    study.tell(failed, Outcome.FAILED)
    best = study.best()
    assert best is not None
    assert best.value == min(trial.value for trial in study.trials() if trial.value is not None)
    assert study.trials()[failed.number].outcome is Outcome.FAILED


def test_worse_than_the_median_is_pruned_if_that_is_wanted(tmp_path: Path) -> None:
    study = opened(tmp_path)
    for _ in range(5):
        trial = study.ask()
        trial.note([0.9], 0.9)
        assert not trial.should_be_pruned()
        study.tell(trial, Outcome.COMPLETE)
    trial = study.ask()
    trial.note([0.8], 0.8)
    assert trial.should_be_pruned()
    (again,) = opened(tmp_path, pruner="none").interrupted()
    assert not again.should_be_pruned()


def test_importances_need_trials_that_differ(tmp_path: Path) -> None:
    study = opened(tmp_path)
    for value in (0.5, 0.5):
        trial = study.ask()
        trial.note([value], value)
        study.tell(trial, Outcome.COMPLETE)
    assert study.importances() == {}
    for _ in range(6):
        measured(study, study.ask())
    importances = study.importances()
    assert sum(importances.values()) == pytest.approx(1)
    assert max(importances, key=lambda key: importances[key]) == "lr"


def test_a_folder_of_any_name(tmp_path: Path) -> None:
    folder = tmp_path / "100% of a? #1 & ü"
    measured(opened(folder), opened(folder).ask())
    assert [path.name for path in folder.iterdir()] == [FILE]
    assert len(opened(folder).trials()) == 1


@pytest.mark.parametrize("damage", ["no database", "overwritten", "of another version"])
def test_a_damaged_file_is_told_and_left_alone(tmp_path: Path, damage: str) -> None:
    measured(opened(tmp_path), opened(tmp_path).ask())
    path = tmp_path / FILE
    content = path.read_bytes()
    if damage == "no database":
        path.write_bytes(b"no database at all" * 1000)
    elif damage == "overwritten":
        path.write_bytes(content[:8192] + b"\xff" * 8192 + content[16384:])
    else:
        with sqlite3.connect(path) as connection:
            connection.execute("UPDATE alembic_version SET version_num = 'v99.0.0'")
    before = path.read_bytes()
    with pytest.raises(InputError, match=r"search\.db: the trials of searches are kept in this file") as told:
        opened(tmp_path)
    assert "\n" not in str(told.value)
    assert path.read_bytes() == before

"""Every study composes all of its runs, makes a report without any, and has a place for results in its README."""

import importlib
from pathlib import Path
from types import ModuleType

import pytest
from matplotlib.figure import Figure

from tokenlayer.study.conditions import tasks
from tokenlayer.study.recorded import Recorded
from tokenlayer.study.report import inserted
from tokenlayer.study.results import Results
from tokenlayer.study.status import Place, RunStatus, State

FOLDER = Path(__file__).parents[2] / "experiments"
STUDIES = sorted(path.parent.name for path in FOLDER.glob("*/study.py"))


def load(name: str) -> ModuleType:
    return importlib.import_module(f"experiments.{name}.study")


def test_studies_are_found() -> None:
    assert {"rules", "vocabulary_size", "why_the_original_cannot_learn"} <= set(STUDIES)


@pytest.mark.parametrize("name", STUDIES)
def test_every_run_composes(name: str, output_dir: Path) -> None:
    module = load(name)
    assert module.STUDY.name == name
    needed = tasks(module.STUDY)
    assert len({(frozenset(task.settings.items()), task.seed) for task in needed}) == len(needed), (
        "a run is there twice"
    )
    report = module.report(Results([RunStatus(task, State.MISSING) for task in needed], Place(output_dir), Recorded()))
    assert all(isinstance(figure, Figure) for _, figure in report.figures.values())


@pytest.mark.parametrize("name", STUDIES)
def test_the_readme_says_how_to_rerun_it_and_has_a_place_for_results(name: str) -> None:
    readme = (FOLDER / name / "README.md").read_text()
    assert f"make experiment NAME={name}\n" in readme
    assert "**Expected**" in readme
    assert "| new |" in inserted(readme, "| new |", FOLDER)

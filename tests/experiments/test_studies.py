"""Every study composes all of its runs, reports on none, and its README has a place for results."""

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest
from matplotlib.figure import Figure

from tokenlayer.study.cells import tasks
from tokenlayer.study.found import Found, Place, State
from tokenlayer.study.recorded import Recorded
from tokenlayer.study.report import inserted
from tokenlayer.study.results import Results

FOLDER = Path(__file__).parents[2] / "experiments"
STUDIES = sorted(path.parent.name for path in FOLDER.glob("*/study.py"))


def load(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"{name}_study", FOLDER / name / "study.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_studies_are_found() -> None:
    assert {"rules", "vocabulary_size", "why_the_seed_cannot_learn"} <= set(STUDIES)


@pytest.mark.parametrize("name", STUDIES)
def test_every_run_composes(name: str, output_dir: Path) -> None:
    module = load(name)
    assert module.STUDY.name == name
    needed = tasks(module.STUDY)
    assert len({(frozenset(task.settings.items()), task.seed) for task in needed}) == len(needed), (
        "a run is there twice"
    )
    report = module.report(Results([Found(task, State.MISSING) for task in needed], Place(output_dir), Recorded()))
    assert all(isinstance(figure, Figure) for _, figure in report.figures.values())


@pytest.mark.parametrize("name", STUDIES)
def test_the_readme_says_how_to_rerun_it_and_has_a_place_for_results(name: str) -> None:
    readme = (FOLDER / name / "README.md").read_text()
    assert f"make experiment NAME={name}\n" in readme
    assert "**Expected**" in readme
    assert "| new |" in inserted(readme, "| new |", FOLDER)

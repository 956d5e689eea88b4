"""The rows, comparisons, README and conditions of every study agree."""

from pathlib import Path

import pytest
from test_studies import FOLDER, STUDIES, load

from tokenlayer.study.conditions import Study, Task
from tokenlayer.study.recorded import RUNS, Recorded, comparisons_csv, merged, runs_csv
from tokenlayer.study.report import BEGIN, inserted, text
from tokenlayer.study.results import Results
from tokenlayer.study.status import Place, RunStatus, State


def needed(study: Study) -> list[Task]:
    """Every run of a study in the order of its tables, without settings, which records do not need."""
    seeds = sorted({seed for condition in study.conditions for seed in condition.seeds})
    return [
        Task(study.name, condition, seed, (), {})
        for seed in seeds
        for condition in study.conditions
        if seed in condition.seeds
    ]


@pytest.mark.parametrize("name", STUDIES)
def test_the_readme_is_what_the_records_say(name: str, output_dir: Path) -> None:
    module = load(name)
    missing = [RunStatus(task, State.MISSING) for task in needed(module.STUDY)]
    results = Results(missing, Place(output_dir), Recorded.read(FOLDER / name))
    readme = (FOLDER / name / "README.md").read_text()
    rendered = text(module.report(results), results, FOLDER / name, readme)
    assert "| --- |" in rendered
    assert inserted(readme, rendered, FOLDER).partition(BEGIN)[2] == readme.partition(BEGIN)[2]


@pytest.mark.parametrize("name", STUDIES)
def test_every_row_is_of_a_declared_run_and_has_its_origin(name: str) -> None:
    declared = {(task.condition.name, str(task.seed)): task.condition.shown for task in needed(load(name).STUDY)}
    rows = Recorded.read(FOLDER / name).rows
    assert rows
    assert [row["run_id"] for row in rows if (row["condition"], row["seed"]) not in declared] == []
    assert [row["run_id"] for row in rows if not row["commit"].removeprefix("<=").removesuffix("+dirty")] == []
    assert all(row["run_id"] for row in rows)
    assert len({row["run_id"] for row in rows}) == len(rows)
    for row in rows:
        shown = declared[row["condition"], row["seed"]]
        assert {key: row[key] for key in shown} == {key: str(value) for key, value in shown.items()}


@pytest.mark.parametrize("name", STUDIES)
def test_every_comparison_is_of_conditions_with_that_many_seeds_in_common(name: str) -> None:
    seeds = {condition.name: set(condition.seeds) for condition in load(name).STUDY.conditions}
    for item in Recorded.read(FOLDER / name).compared:
        assert 0 < item.seeds <= len(seeds[item.one] & seeds[item.other])


@pytest.mark.parametrize("name", STUDIES)
def test_to_merge_nothing_changes_no_byte(name: str) -> None:
    recorded = Recorded.read(FOLDER / name)
    assert runs_csv(merged(recorded.rows, [])) == (FOLDER / name / RUNS).read_text()
    comparisons = FOLDER / name / "comparisons.csv"
    if comparisons.exists():
        assert comparisons_csv(recorded.compared) == comparisons.read_text()

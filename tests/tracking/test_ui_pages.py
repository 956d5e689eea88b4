"""Views are stored as tags of experiments, and nothing else is written."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from mlflow.tracking import MlflowClient

from tokenlayer.errors import InputError
from tokenlayer.tracking import ui_view
from tokenlayer.tracking.store import Store, open_store
from tokenlayer.tracking.sweep_tags import KEYS_TAG, KIND_TAG, NAME_TAG, SWEEP, job_tags, keys_tag
from tokenlayer.tracking.ui_pages import Pages, pages_of


@pytest.fixture
def store(output_dir: Path) -> Store:
    return open_store(None, output_dir, create=False)


@pytest.fixture
def experiment(store: Store) -> str:
    return store.experiment_id("here")


def made_sweep(client: MlflowClient, experiment: str, name: str) -> str:
    """A sweep of two runs; gives the parent's id."""
    tags = {KIND_TAG: SWEEP, NAME_TAG: name, KEYS_TAG: keys_tag(["seed"])}
    parent = str(client.create_run(experiment, tags=tags, run_name=f"run of {name}").info.run_id)
    for seed in "01":
        child = client.create_run(experiment, tags=job_tags(parent, {"seed": seed})).info.run_id
        client.log_metric(child, "test/accuracy", 0.5)
        client.log_param(child, "seed", seed)
    return parent


def views(client: MlflowClient, experiment: str) -> dict[str, str]:
    """The experiment's stored views."""
    tags = client.get_experiment(experiment).tags
    return {key: value for key, value in tags.items() if key.startswith(ui_view.TAG_PREFIX)}


def rows(output_dir: Path) -> dict[str, int]:
    """The number of rows of each table of the store."""
    with closing(sqlite3.connect(output_dir / "mlflow.db")) as database:
        tables = [name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        return {name: database.execute(f'SELECT count(*) FROM "{name}"').fetchone()[0] for name in tables}


def asked(output_dir: Path, named: str | None = None) -> Pages:
    return pages_of(named, None, output_dir)


def test_a_sweep_is_found_by_name_and_by_id(client: MlflowClient, experiment: str, output_dir: Path) -> None:
    parent = made_sweep(client, experiment, "sizes")
    made_sweep(client, experiment, "others")
    for named in ("sizes", "run of sizes", parent, parent[:12]):
        found = asked(output_dir, named)
        assert [page.shows for page in found.pages] == ["its charts", "its table"]
        assert all(page.path.endswith(f"viewStateShareKey=tokenlayer-sweep-{parent}") for page in found.pages)
        assert found.unprepared is None
    assert list(views(client, experiment)) == [f"{ui_view.TAG_PREFIX}tokenlayer-sweep-{parent}"]


def test_nothing_else_is_written_and_a_view_is_replaced(
    client: MlflowClient, experiment: str, output_dir: Path
) -> None:
    parent = made_sweep(client, experiment, "sizes")
    before = rows(output_dir)
    asked(output_dir, "sizes")
    asked(output_dir)
    first, after = views(client, experiment), rows(output_dir)
    assert {table: n - before[table] for table, n in after.items() if n != before[table]} == {"experiment_tags": 2}
    child = client.create_run(experiment, tags=job_tags(parent, {"seed": "2"})).info.run_id
    client.log_metric(child, "validation/loss", 0.5)
    asked(output_dir, "sizes")
    again = views(client, experiment)
    assert list(again) == list(first)
    assert again != first, "the new run's metrics are not in the view"


def test_experiments_with_runs_the_latest_first(client: MlflowClient, store: Store, output_dir: Path) -> None:
    assert asked(output_dir).pages == []
    for start, name in enumerate(["old", "new", "empty"]):
        experiment = store.experiment_id(name)
        if name != "empty":
            client.create_run(experiment, start_time=1000 + start)
    assert [page.shows for page in asked(output_dir).pages] == ["experiment new", "experiment old"]


def test_a_run_has_its_page_and_its_charts(client: MlflowClient, experiment: str, output_dir: Path) -> None:
    run_id = client.create_run(experiment, run_name="a run").info.run_id
    page, charts = asked(output_dir, "a run").pages
    assert page.path == f"#/experiments/{experiment}/runs/{run_id}?workflowType=machine_learning"
    assert charts.path.endswith(f"compareRunsMode=CHART&viewStateShareKey=tokenlayer-run-{run_id}")


def test_a_store_that_takes_no_tags_is_shown_as_it_is(client: MlflowClient, experiment: str, output_dir: Path) -> None:
    parent = made_sweep(client, experiment, "sizes")
    with closing(sqlite3.connect(output_dir / "mlflow.db")) as database:
        database.execute("CREATE TRIGGER deny BEFORE INSERT ON experiment_tags BEGIN SELECT RAISE(ABORT, 'no'); END")
        database.commit()
    found = asked(output_dir, "sizes")
    assert found.unprepared is not None
    assert found.unprepared.startswith("the view cannot be stored")
    assert "\n" not in found.unprepared
    assert f"%27{parent}%27" in found.pages[0].path
    assert "viewStateShareKey" not in found.pages[0].path
    assert views(client, experiment) == {}


def test_another_version_of_mlflow_is_shown_as_it_is(
    client: MlflowClient, experiment: str, output_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ui_view, "CHECKED_WITH", "3.1")
    made_sweep(client, experiment, "sizes")
    assert "tried with MLflow 3.1, and 3.17." in str(asked(output_dir, "sizes").unprepared)
    assert views(client, experiment) == {}


def test_no_secret_is_in_a_view(client: MlflowClient, experiment: str, output_dir: Path) -> None:
    made_sweep(client, experiment, "of postgresql://me:hunter@127.0.0.1/runs")
    asked(output_dir, "of postgresql://me:hunter@127.0.0.1/runs")
    (value,) = views(client, experiment).values()
    assert '"tokenlayer: sweep of postgresql://***@127.0.0.1/runs"' in value


def test_what_is_not_there_is_an_error(experiment: str, output_dir: Path) -> None:
    with pytest.raises(InputError, match="there is no run 'nobody'"):
        asked(output_dir, "nobody")

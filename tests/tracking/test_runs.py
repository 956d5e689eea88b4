"""Runs are found by what a person types of them."""

from collections import Counter
from pathlib import Path

import pytest
from mlflow.exceptions import MlflowException
from mlflow.tracking import MlflowClient
from requests import RequestException
from sqlalchemy.exc import SQLAlchemyError

from tokenlayer.errors import InputError
from tokenlayer.tracking import reading, runs
from tokenlayer.tracking.runs import end_unstarted_run, find_run
from tokenlayer.tracking.store import Store, open_store
from tokenlayer.tracking.ui_pages import pages_of


@pytest.fixture
def store(output_dir: Path) -> Store:
    return open_store(None, output_dir, create=False)


@pytest.fixture
def experiment(store: Store) -> str:
    return store.experiment_id("named")


def made(client: MlflowClient, experiment: str, name: str) -> str:
    return str(client.create_run(experiment, run_name=name).info.run_id)


def found(store: Store, named: str) -> str:
    return str(find_run(store, named).info.run_id)


@pytest.mark.parametrize("name", ["first", 'it\'s "50%" of_it\\', "a/b c=1", "ünï ☃", "'", "%", "_"])
def test_by_id_by_its_beginning_and_by_name(store: Store, client: MlflowClient, experiment: str, name: str) -> None:
    run_id = made(client, experiment, name)
    other = made(client, client.create_experiment("elsewhere"), f"{name} again")
    n_common = next(i for i in range(32) if run_id[i] != other[i])
    assert {found(store, named) for named in (run_id, run_id[: n_common + 1], run_id[:-1], name)} == {run_id}
    assert found(store, f"{name} again") == other


def test_what_is_no_beginning_or_name(store: Store, client: MlflowClient, experiment: str) -> None:
    run_id = made(client, experiment, "Name")
    for named in ("name", "Nam", "Name ", "N%", "____", "", "%", run_id[1:], f"{run_id}0", run_id.upper()):
        with pytest.raises(InputError, match="there is no run"):
            find_run(store, named)
    with pytest.raises(InputError, match=rf"there is no run 'Nmae' in .*; did you mean {run_id} \(Name\)\?"):
        find_run(store, "Nmae")


def test_no_name_is_as_long(store: Store) -> None:
    with pytest.raises(InputError, match="no run has a name of 100,000 characters") as raised:
        find_run(store, "x" * 100_000)
    assert len(str(raised.value)) < 1000


def test_the_candidates_of_an_ambiguous_beginning(store: Store, client: MlflowClient, experiment: str) -> None:
    ids = [made(client, experiment, f"number {i}") for i in range(17)]
    beginning, n = Counter(run_id[0] for run_id in ids).most_common(1)[0]
    with pytest.raises(InputError) as caught:
        find_run(store, beginning)
    first, *lines = str(caught.value).splitlines()
    assert first.startswith(f"{beginning!r} names {n} runs in ")
    assert first.endswith("; give more of its id, or all of it")
    expected = {f"  {run_id}  number {i}  RUNNING" for i, run_id in enumerate(ids) if run_id[0] == beginning}
    assert {line[:-25] for line in lines} == expected
    assert all(line.endswith(" UTC") for line in lines)


def test_a_name_that_begins_an_id(store: Store, client: MlflowClient, experiment: str) -> None:
    run_id = made(client, experiment, "long")
    other = made(client, experiment, run_id[:5])
    with pytest.raises(InputError, match=r"names 2 runs .*; give its id instead\n"):
        find_run(store, run_id[:5])
    assert found(store, run_id[:6] if other[:6] != run_id[:6] else run_id) == run_id
    third = made(client, experiment, run_id)
    assert found(store, run_id) == run_id != third, "a whole id is never ambiguous"


def test_many_candidates_are_cut(
    store: Store, client: MlflowClient, experiment: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runs, "_CANDIDATES", 2)
    for _ in range(5):
        made(client, experiment, "same")
    with pytest.raises(InputError, match=r"names 5 runs(?s:.*)\n  … and 3 earlier ones$") as caught:
        find_run(store, "same")
    assert len(str(caught.value).splitlines()) == 4


def test_deleted_runs(store: Store, client: MlflowClient, experiment: str) -> None:
    first, second = (made(client, experiment, "same") for _ in range(2))
    client.delete_run(first)
    assert found(store, "same") == second, "a deleted one is no candidate beside one that is there"
    for named in (first, first[:-1]):
        with pytest.raises(InputError, match=f"run {first} is deleted in .* `mlflow runs restore --run-id {first}`"):
            find_run(store, named)
    client.delete_run(second)
    with pytest.raises(InputError, match=r"'same' names 2 runs in .*, which are all deleted; restore one"):
        find_run(store, "same")


def test_a_run_of_a_deleted_experiment(store: Store, client: MlflowClient, experiment: str) -> None:
    run_id = made(client, experiment, "gone")
    client.delete_experiment(experiment)
    with pytest.raises(InputError, match=f"run {run_id} is deleted"):
        find_run(store, "gone")


def test_functions_that_read_take_any_of_them(client: MlflowClient, experiment: str, output_dir: Path) -> None:
    run_id = made(client, experiment, "read me")
    client.log_metric(run_id, "loss", 0.5, step=3)
    client.log_text(run_id, "hello", "notes/a.txt")
    for named in (run_id, run_id[:12], "read me"):
        assert reading.metric_history(named, "loss", output_dir=output_dir)["value"].tolist() == [0.5]
        assert reading.download_artifact(named, "notes/a.txt", output_dir=output_dir).read_text() == "hello"
        assert f"/runs/{run_id}?" in pages_of(named, None, output_dir).pages[0].path
        with pytest.raises(InputError, match=f"run {run_id} has no table 'grads_log'"):
            reading.load_log(named, output_dir=output_dir)


@pytest.mark.parametrize("error", [MlflowException("away"), RequestException(), SQLAlchemyError()])
def test_a_run_that_could_not_begin_has_failed_as_far_as_the_store_answers(
    error: Exception, store: Store, client: MlflowClient, experiment: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_id = made(client, experiment, "unstarted")
    end_unstarted_run(store, run_id)
    assert client.get_run(run_id).info.status == "FAILED"

    def away(*arguments: object, **settings: object) -> None:
        raise error

    monkeypatch.setattr(MlflowClient, "set_terminated", away)
    end_unstarted_run(store, run_id)

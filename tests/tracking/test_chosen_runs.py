"""Which runs are meant by names and filters, and what is read of them."""

from pathlib import Path

import pytest
from mlflow.tracking import MlflowClient

from tokenlayer.errors import InputError
from tokenlayer.tracking.chosen_runs import ChosenRuns, Sweep, choose_runs
from tokenlayer.tracking.sweep_tags import KEYS_TAG, KIND_TAG, NAME_TAG, SWEEP, job_tags, keys_tag


@pytest.fixture
def parent(client: MlflowClient) -> str:
    """A sweep of two jobs, before them a run that is alone, after them another of the name `alone too`."""
    client.create_run("0", 1000, {}, run_name="alone")
    tags = {KIND_TAG: SWEEP, NAME_TAG: "Rules, ä%", KEYS_TAG: keys_tag(["model.lr", "seed"])}
    made: str = client.create_run("0", 2000, tags, run_name="renamed").info.run_id
    for start in range(2):
        job = client.create_run("0", 3000 + start, job_tags(made, {"seed": str(start)}), run_name=f"job{start}")
        client.log_metric(job.info.run_id, "test/accuracy", 0.8 + start / 10)
    client.create_run("0", 4000, {}, run_name="alone too")
    client.set_terminated(made, "KILLED")
    return made


def chosen(output_dir: Path, *named: str, where: str = "") -> ChosenRuns:
    return choose_runs(named, where, None, output_dir)


def names(runs: ChosenRuns) -> list[tuple[str, str]]:
    return list(zip(runs.frame["name"], runs.frame["sweep"], strict=True))


JOBS = [("job1", "Rules, ä%"), ("job0", "Rules, ä%")]


def test_without_names_all_runs_are_meant_and_no_parent(parent: str, output_dir: Path) -> None:
    found = chosen(output_dir)
    assert names(found) == [("alone too", ""), ("job1", ""), ("job0", ""), ("alone", "")]
    assert set(found.frame["experiment"]) == {"Default"}
    assert found.sweeps == ()


def test_a_sweep_is_named_by_its_name_or_its_id(parent: str, output_dir: Path) -> None:
    for named in ("Rules, ä%", parent, parent[:12], "renamed"):
        found = chosen(output_dir, named)
        assert names(found) == JOBS
        assert found.sweeps == (Sweep("Rules, ä%", ("model.lr", "seed"), "KILLED"),)


def test_what_is_named_twice_is_there_once(parent: str, output_dir: Path) -> None:
    found = chosen(output_dir, "job1", "Rules, ä%", "alone", parent, "alone")
    assert names(found) == [*JOBS, ("alone", "")]
    assert len(found.sweeps) == 1


def test_a_filter_lets_some_of_those_named_through_or_of_all(parent: str, output_dir: Path) -> None:
    good = "metrics.`test/accuracy` > 0.85"
    assert names(chosen(output_dir, "Rules, ä%", "alone", where=good)) == JOBS[:1]
    assert names(chosen(output_dir, where=good)) == [("job1", "")]
    assert names(chosen(output_dir, where="attributes.status = 'RUNNING'"))[0] == ("alone too", "")
    with pytest.raises(InputError, match=r"the filter '.*' lets no run through of those named in sqlite"):
        chosen(output_dir, "alone", where=good)
    with pytest.raises(InputError, match=r"the filter '.*' lets no run through in sqlite"):
        chosen(output_dir, where="metrics.`test/accuracy` > 1")
    with pytest.raises(InputError, match="the filter 'nonsense' does not work"):
        chosen(output_dir, where="nonsense")


def test_nothing_to_choose_from(client: MlflowClient, output_dir: Path) -> None:
    with pytest.raises(InputError, match=r"^there are no runs in sqlite"):
        chosen(output_dir)
    client.create_run("0", tags={KIND_TAG: SWEEP, NAME_TAG: "empty"})
    with pytest.raises(InputError, match=r"sweep empty has no jobs in sqlite.*; wait for the first to begin"):
        chosen(output_dir, "empty")


def test_a_name_of_two_sweeps_is_none(parent: str, client: MlflowClient, output_dir: Path) -> None:
    for name in ("twice", "twice"):
        client.create_run("0", tags={KIND_TAG: SWEEP, NAME_TAG: name}, run_name="r")
    with pytest.raises(InputError, match="there is no run 'twice'"):
        chosen(output_dir, "twice")


def test_files_and_histories_are_read_in_their_place(output_dir: Path, client: MlflowClient, tmp_path: Path) -> None:
    place = tmp_path / "a b%"
    experiment = client.create_experiment("placed", artifact_location=place.as_uri())
    run_id = client.create_run(experiment).info.run_id
    client.log_text(run_id, "hello", "logs/note.txt")
    for step, value, time in ((2, 0.2, 10), (1, 0.1, 30), (2, 0.3, 20)):
        client.log_metric(run_id, "m", value, timestamp=time, step=step)
    found = chosen(output_dir)
    path = found.file(run_id, "logs/note.txt")
    assert path == place / run_id / "artifacts" / "logs" / "note.txt"
    assert path.read_text() == "hello"
    assert found.file(run_id, "logs") is None
    assert found.file(run_id, "logs/other.txt") is None
    assert found.history(run_id, "m") == [(1, 0.1), (2, 0.2), (2, 0.3)]

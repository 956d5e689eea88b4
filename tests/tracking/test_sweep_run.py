"""The parent of a sweep: begun, gone on with, refused to others, rewritten."""

import json
import logging
from pathlib import Path

import pytest
from mlflow.entities import Run
from mlflow.exceptions import MlflowException
from mlflow.tracking import MlflowClient

from tokenlayer.errors import InputError
from tokenlayer.tracking import sweep_run
from tokenlayer.tracking.config import TrackingConfig
from tokenlayer.tracking.store import Store, open_store
from tokenlayer.tracking.sweep_run import SweepIdentity, SweepRun
from tokenlayer.tracking.sweep_tags import (
    COMMAND_TAG,
    ERROR_TAG,
    FIXED_TAG,
    KEYS_TAG,
    KIND_TAG,
    NAME_TAG,
    PARENT_TAG,
    SEARCH,
    SPACE_TAG,
    STOPPED_TAG,
    job_tags,
)

MINE = SweepIdentity("mine", "train", ("model.vocab_size=30", "text=ä"), ("seed",))


@pytest.fixture
def store(output_dir: Path) -> Store:
    return open_store(None, output_dir)


def opened(output_dir: Path, identity: SweepIdentity = MINE, **settings: str) -> SweepRun:
    return SweepRun.open(identity, TrackingConfig(**settings), output_dir)


def test_a_sweep_is_begun_and_gone_on_with(output_dir: Path, client: MlflowClient) -> None:
    first = opened(output_dir)
    run = client.get_run(first.run_id)
    assert (run.info.run_name, run.info.experiment_id) == ("mine", first.experiment_id)
    shown = {tag: run.data.tags[tag] for tag in (KIND_TAG, NAME_TAG, COMMAND_TAG, FIXED_TAG, KEYS_TAG)}
    assert shown == {
        KIND_TAG: "sweep",
        NAME_TAG: "mine",
        COMMAND_TAG: "train",
        FIXED_TAG: '["model.vocab_size=30", "text=ä"]',
        KEYS_TAG: '["seed"]',
    }
    first.log_params({"data.seed": "0", "long": "x" * 7000} | {f"p{n}": "0" for n in range(120)})
    first.close()
    again = opened(output_dir)
    assert (again.run_id, again.experiment_id) == (first.run_id, first.experiment_id)
    again.log_params({"data.seed": "1", "new": "2"})
    params = client.get_run(again.run_id).data.params
    assert (params["data.seed"], params["new"], len(params)) == ("0", "2", 123)
    assert len(params["long"]) == 6000
    again.close()


def test_while_one_is_open_no_other_process_has_it(output_dir: Path) -> None:
    held = opened(output_dir)
    with pytest.raises(InputError, match=r"sweep\.name=mine"):
        opened(output_dir)
    opened(output_dir, SweepIdentity("other", "train", (), ("seed",))).close()
    held.close()


@pytest.mark.parametrize(
    ("identity", "told"),
    [
        (SweepIdentity("mine", "baseline", MINE.fixed, MINE.keys), "its command is train, now baseline"),
        (SweepIdentity("mine", "train", MINE.fixed, ()), "it varies seed, now nothing"),
        (
            SweepIdentity("mine", "train", ("text=ä", "a=1", "b=2"), MINE.keys),
            "its fixed settings had model.vocab_size=30, now a=1, b=2",
        ),
    ],
)
def test_other_settings_are_refused_and_named(identity: SweepIdentity, told: str, output_dir: Path) -> None:
    opened(output_dir).close()
    with pytest.raises(InputError, match=rf"sweep\.name=mine: .* has a sweep of this name \(run \w+\), and {told}: "):
        opened(output_dir, identity)


def test_it_stays_in_its_experiment(output_dir: Path) -> None:
    opened(output_dir).close()
    with pytest.raises(InputError, match=r"it is in the experiment 'tokenlayer', by tracking\.experiment"):
        opened(output_dir, experiment="elsewhere")


def test_a_search_of_the_same_name_is_another(output_dir: Path, client: MlflowClient) -> None:
    space = ("lr in [ä, 1]",)
    sweep, search = opened(output_dir), opened(output_dir, SweepIdentity("mine", "train", (), (), SEARCH, space))
    assert sweep.run_id != search.run_id
    run = client.get_run(search.run_id)
    assert run.data.tags[SPACE_TAG] == '["lr in [ä, 1]"]'
    assert SweepIdentity("mine", "train", (), (), SEARCH, space).differences(run) == []
    wider = SweepIdentity("mine", "train", (), (), SEARCH, ("lr in [ä, 2]",))
    assert wider.differences(run) == ["its search space had lr in [ä, 1], now lr in [ä, 2]"]
    sweep.close()
    search.close()


@pytest.mark.parametrize(
    ("error", "is_done", "status"),
    [
        (None, True, "FINISHED"),
        (None, False, "FAILED"),
        (ValueError(), True, "FAILED"),
        (KeyboardInterrupt(), False, "KILLED"),
    ],
)
def test_its_status(
    error: BaseException | None, is_done: bool, status: str, output_dir: Path, client: MlflowClient, store: Store
) -> None:
    run = opened(output_dir)
    sweep_run.stop(store, run.run_id)
    assert sweep_run.is_stopped(store, run.run_id)
    run.begin()
    assert client.get_run(run.run_id).info.status == "RUNNING"
    assert STOPPED_TAG not in client.get_run(run.run_id).data.tags
    assert not sweep_run.is_stopped(store, run.run_id)
    run.finish(error, is_done=is_done)
    run.close()
    assert client.get_run(run.run_id).info.status == status


def test_the_runs_under_it(output_dir: Path, client: MlflowClient, store: Store) -> None:
    parent = opened(output_dir)
    tags = job_tags(parent.run_id, {"seed": "0"})
    job = client.create_run(parent.experiment_id, 5000, tags)
    loose, taken = (client.create_run(parent.experiment_id, 7000 + n, {}) for n in range(2))
    client.set_tag(taken.info.run_id, PARENT_TAG, "another")
    client.set_terminated(loose.info.run_id, "FAILED")
    for run in (loose, taken):
        parent.adopt(run.info.run_id, job_tags(parent.run_id, {"seed": "1"}))
    later, first = sweep_run.children(store, parent.experiment_id, parent.run_id)
    assert (later.run_id, later.status, later.started) == (loose.info.run_id, "FAILED", 7.0)
    assert (first.run_id, first.status, first.started) == (job.info.run_id, "RUNNING", 5.0)
    assert [child.tags["seed"] for child in (later, first)] == ["1", "0"]
    assert not first.is_recorded_now
    client.set_tag(job.info.run_id, "tokenlayer.lease", client.get_run(parent.run_id).data.tags["tokenlayer.lease"])
    assert [c.is_recorded_now for c in sweep_run.children(store, parent.experiment_id, parent.run_id)] == [False, True]
    parent.close()


def test_why_a_job_failed_is_left_with_its_run_or_with_a_new_one(
    output_dir: Path, client: MlflowClient, store: Store
) -> None:
    experiment = store.experiment_id(None)
    run_id = client.create_run(experiment).info.run_id
    sweep_run.record_failure(store, experiment, run_id, "job", {ERROR_TAG: "no texts", "seed": "1"})
    tags = client.get_run(run_id).data.tags
    assert (tags[ERROR_TAG], tags.get("seed")) == ("no texts", None)
    sweep_run.record_failure(store, experiment, None, "job", {ERROR_TAG: "no texts", "seed": "1"})
    made: Run = client.search_runs([experiment])[0]
    assert (made.info.run_name, made.info.status, made.data.tags["seed"]) == ("job", "FAILED", "1")


def test_a_parent_is_rewritten(
    output_dir: Path, tmp_path: Path, client: MlflowClient, store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    parent = opened(output_dir)
    run_id = parent.run_id
    parent.close()
    files = tmp_path / "files"
    (files / "tables").mkdir(parents=True)
    for name in ("runs.json", "tables/means.json", "picture.svg"):
        (files / name).write_text("{}")
    sweep_run.rewrite(store, run_id, "# Note", {"best": 0.5}, files)
    run = client.get_run(run_id)
    assert run.data.tags["mlflow.note.content"] == "# Note"
    assert run.data.metrics == {"best": 0.5}
    assert {file.path for file in client.list_artifacts(run_id)} == {"runs.json", "tables", "picture.svg"}
    tables = json.loads(run.data.tags["mlflow.loggedArtifacts"])
    assert [table["path"] for table in tables] == ["runs.json", "tables/means.json"]
    assert not caplog.records


def test_a_store_that_is_away_stops_nothing(
    output_dir: Path, tmp_path: Path, store: Store, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    parent = opened(output_dir)

    def away(*arguments: object, **settings: object) -> None:
        raise MlflowException("pulled the plug")

    monkeypatch.setattr(sweep_run, "why_away", lambda uri: "pulled the plug")
    for name in ("get_run", "set_tag", "create_run"):
        monkeypatch.setattr(MlflowClient, name, away)
    sweep_run.stop(store, parent.run_id)
    assert not sweep_run.is_stopped(store, parent.run_id)
    sweep_run.record_failure(store, parent.experiment_id, parent.run_id, "job", {ERROR_TAG: "no texts"})
    sweep_run.record_failure(store, parent.experiment_id, None, "job", {ERROR_TAG: "no texts"})
    with caplog.at_level(logging.WARNING):
        sweep_run.rewrite(store, parent.run_id, "", {}, tmp_path)
        parent.finish(None, is_done=True)
    assert [record.getMessage() for record in caplog.records] == [
        f"the parent run {parent.run_id} is not up to date: pulled the plug"
    ]


def test_of_two_that_began_at_once_the_later_gives_way(output_dir: Path, client: MlflowClient, store: Store) -> None:
    experiment = store.experiment_id(None)
    older, later = (client.create_run(experiment, start, MINE.tags()).info.run_id for start in (1000, 2000))
    sweep_run._give_way_to_an_older(store, older, MINE)
    with pytest.raises(InputError, match="another process has just begun this"):
        sweep_run._give_way_to_an_older(store, later, MINE)
    assert client.get_run(later).info.lifecycle_stage == "deleted"
    assert client.get_run(older).info.lifecycle_stage == "active"

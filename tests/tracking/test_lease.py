import dataclasses
import logging
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from mlflow.tracking import MlflowClient

from tokenlayer.errors import InputError
from tokenlayer.tracking import lease as lease_module
from tokenlayer.tracking.config import TrackingConfig
from tokenlayer.tracking.holder import EXPIRY_SECONDS, Holder
from tokenlayer.tracking.lease import LEASE_TAG, LeaseLostError, mark_dead_runs
from tokenlayer.tracking.recorder import Recorder
from tokenlayer.tracking.store import open_store

LAST = "checkpoints/last.ckpt"


def ended_process() -> int:
    """The id of a process that is no more."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def elsewhere(seconds_ago: float) -> Holder:
    """A holder on another machine, last heard of some time ago."""
    here = Holder.this_process()
    return dataclasses.replace(here, host="other", machine="other boot", heartbeat=time.time() - seconds_ago)


def holder(client: MlflowClient, run_id: str) -> Holder | None:
    tag = client.get_run(run_id).data.tags.get(LEASE_TAG)
    return None if tag is None else Holder.from_tag(tag)


def save(recorder: Recorder, step: int) -> Path:
    path = recorder.checkpoints / f"step_{step:08d}.ckpt"
    path.write_bytes(b"weights of step %d" % step)
    return path


@pytest.fixture
def config(output_dir: Path) -> TrackingConfig:
    return TrackingConfig(uri=f"sqlite:///{output_dir}/mlflow.db")


@pytest.fixture
def left(recorder: Recorder, client: MlflowClient) -> Callable[[Holder], str]:
    """Leaves the run as a process does that ended in the middle of it: with its lease."""

    def leave(last_holder: Holder) -> str:
        recorder.commit(1, save(recorder, 1), [LAST])
        recorder._lease.stop()
        recorder._folder.close()
        client.set_tag(recorder.run_id, LEASE_TAG, last_holder.to_tag())
        return recorder.run_id

    return leave


def test_a_run_has_its_lease_from_the_first_moment_to_the_last(recorder: Recorder, client: MlflowClient) -> None:
    first = holder(client, recorder.run_id)
    assert first is not None
    assert first.is_alive()
    recorder.finish("FINISHED")
    assert holder(client, recorder.run_id) is None


@pytest.mark.promise("A run that is RUNNING is resumed with another output folder", "refused, exit 2")
def test_a_second_recorder_is_refused_wherever_it_records(
    recorder: Recorder, config: TrackingConfig, tmp_path: Path
) -> None:
    recorder.commit(1, save(recorder, 1), [LAST])
    told = rf"^resume={recorder.run_id}: another process is recording this run \(process \d+ on .*\); wait for it"
    with pytest.raises(InputError, match=told):
        Recorder.resume(config, tmp_path / "other", recorder.run_id)
    recorder.commit(2, save(recorder, 2), [LAST])
    recorder.finish("FINISHED")
    with Recorder.resume(config, tmp_path / "other", recorder.run_id) as again:
        assert again.resume_step == 2


def test_of_several_that_resume_at_once_one_does(
    left: Callable[[Holder], str], output_dir: Path, forked: Callable[..., list[int]]
) -> None:
    dead = dataclasses.replace(Holder.this_process(), pid=ended_process())
    codes = forked("resumed_elsewhere", output_dir, times=4, run_id=left(dead))
    assert sorted(codes) == [0, 2, 2, 2]


@pytest.mark.promise("The process of a run is dead, on this machine", "the run can be resumed at once")
def test_a_dead_process_of_this_machine_is_succeeded_at_once(
    left: Callable[[Holder], str], output_dir: Path, client: MlflowClient
) -> None:
    here = Holder.this_process()
    for dead in (
        dataclasses.replace(here, pid=ended_process()),
        dataclasses.replace(here, started=here.started - 1),  # another process with the same id
    ):
        run_id = left(dead)
        with Recorder.resume(TrackingConfig(), output_dir, run_id):
            taken = holder(client, run_id)
        assert taken is not None
        assert taken.token != dead.token


@pytest.mark.promise("The process of a run is on another machine", "refused until its lease has expired")
def test_one_on_another_machine_when_its_lease_has_expired(
    left: Callable[[Holder], str], output_dir: Path, client: MlflowClient
) -> None:
    run_id = left(elsewhere(EXPIRY_SECONDS - 30))
    with pytest.raises(InputError, match=r"process \d+ on other, last heard of 15\d s ago"):
        Recorder.resume(TrackingConfig(), output_dir, run_id)
    client.set_tag(run_id, LEASE_TAG, elsewhere(EXPIRY_SECONDS + 1).to_tag())
    Recorder.resume(TrackingConfig(), output_dir, run_id).finish("FINISHED")


@pytest.mark.promise(
    "Another process takes the lease of a run", "this one stops sending, keeps its data, and exits with 1"
)
def test_a_recorder_whose_lease_is_taken_stops_and_keeps_what_it_has(
    recorder: Recorder, config: TrackingConfig, tmp_path: Path, client: MlflowClient, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(LeaseLostError, match="is recorded by another process now"), recorder:  # noqa: PT012
        recorder.log_metrics({"m": 1.0}, 0)
        recorder.commit(1, save(recorder, 1), [LAST])
        # Not heard of for a while, it was held for dead.
        client.set_tag(recorder.run_id, LEASE_TAG, elsewhere(EXPIRY_SECONDS + 1).to_tag())
        other = Recorder.resume(config, tmp_path / "other", recorder.run_id)
        other.log_metrics({"m": 2.0}, 1)
        other.commit(2, save(other, 2), [LAST])
        recorder.log_metrics({"m": 3.0}, 1)
        recorder.commit(2, save(recorder, 2), [LAST])
    assert [m.value for m in client.get_metric_history(recorder.run_id, "m")] == [1.0, 2.0]
    assert client.get_run(recorder.run_id).info.status == "RUNNING"
    assert recorder.load_metrics()["value"].tolist() == [1.0, 3.0]
    other.finish("FINISHED")
    # Back in the first folder, MLflow's history is the run's.
    with caplog.at_level(logging.WARNING):
        again = Recorder.resume(config, tmp_path / "outputs", recorder.run_id)
    again.finish("FINISHED")
    assert "the run was recorded elsewhere since; what differs is kept in" in caplog.text
    assert again.load_metrics()["value"].tolist() == [1.0, 2.0]
    (aside,) = recorder.root.glob("aside-*")
    assert len((aside / "commits.jsonl").read_text().splitlines()) == 3


def test_heartbeats_keep_the_lease_and_the_status(
    output_dir: Path, client: MlflowClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lease_module, "HEARTBEAT_SECONDS", 0.05)
    with Recorder.start(TrackingConfig(), output_dir) as recorder:
        first = holder(client, recorder.run_id)
        client.set_terminated(recorder.run_id, "KILLED")  # by someone whose clock is wrong
        for _ in range(200):
            time.sleep(0.05)
            now = holder(client, recorder.run_id)
            if client.get_run(recorder.run_id).info.status == "RUNNING":
                break
        assert first is not None
        assert now is not None
        assert now.heartbeat > first.heartbeat
        assert client.get_run(recorder.run_id).info.status == "RUNNING"
    assert client.get_run(recorder.run_id).info.status == "FINISHED"


def test_heartbeats_of_a_sync_leave_the_status_alone(
    output_dir: Path, client: MlflowClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Recorder.start(TrackingConfig(), output_dir) as recorder:
        pass
    monkeypatch.setattr(lease_module, "HEARTBEAT_SECONDS", 0.05)
    lease = lease_module.Lease(open_store(None, output_dir), keeps_running=False)
    lease.take(client.get_run(recorder.run_id))
    first = holder(client, recorder.run_id)
    for _ in range(200):
        time.sleep(0.05)
        now = holder(client, recorder.run_id)
        assert first is not None
        assert now is not None
        if now.heartbeat > first.heartbeat:
            break
    lease.release()
    assert now.heartbeat > first.heartbeat
    assert client.get_run(recorder.run_id).info.status == "FINISHED"


@pytest.mark.promise("The process of a run was killed", "the next command that opens the store marks the run KILLED")
def test_runs_whose_process_is_gone_are_marked(recorder: Recorder, output_dir: Path, client: MlflowClient) -> None:
    made = {}
    for name, tags in {
        "dead": {LEASE_TAG: dataclasses.replace(Holder.this_process(), pid=ended_process()).to_tag()},
        "expired": {LEASE_TAG: elsewhere(EXPIRY_SECONDS + 1).to_tag()},
        "elsewhere": {LEASE_TAG: elsewhere(0).to_tag()},
        "damaged": {LEASE_TAG: '{"token": []'},
        "foreign": {},
    }.items():
        made[name] = client.create_run(recorder.experiment_id, tags=tags).info.run_id
    marked = mark_dead_runs(open_store(None, output_dir))
    assert sorted(marked) == sorted([made["dead"], made["expired"]])
    running = {name for name, run_id in made.items() if client.get_run(run_id).info.status == "RUNNING"}
    assert running == {"elsewhere", "damaged", "foreign"}
    assert client.get_run(recorder.run_id).info.status == "RUNNING"


@pytest.mark.parametrize("tag", ["", "[]", "{}", "7", '{"pid": "x"}', "[" * 100_000])
def test_a_tag_that_is_no_holders(tag: str) -> None:
    assert Holder.from_tag(tag) is None


def test_a_run_that_has_ended_since_the_search_keeps_its_status(
    left: Callable[[Holder], str], client: MlflowClient, output_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_id = left(dataclasses.replace(Holder.this_process(), pid=ended_process()))
    store = open_store(None, output_dir)
    found = store.client.search_runs([client.get_run(run_id).info.experiment_id])
    client.set_terminated(run_id, status="FINISHED")
    monkeypatch.setattr(store.client, "search_runs", lambda *_, **__: found)
    assert mark_dead_runs(store) == []
    assert client.get_run(run_id).info.status == "FINISHED"

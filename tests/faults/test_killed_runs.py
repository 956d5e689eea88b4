"""SIGKILL at any moment: the run that is resumed is the run that nothing befell."""

import random
import signal
import time

import pytest
from commands import TINY, Fault, Record, Server, Store, assert_same

KILL = ["SIGKILL"]
RECORDER, MIRROR = "tokenlayer.tracking.recorder", "tokenlayer.tracking.mirror:Mirror"
SPREAD = 30
faults = pytest.mark.faults


def killed_and_resumed(server: Server, store: Store, fault: Fault) -> str:
    command = server.run("train", *TINY, *store.place, faults=[fault])
    assert command.code == -signal.SIGKILL, command.printed
    assert command.run_id is not None, command.printed
    resumed = server.run("train", f"resume={command.run_id}", *store.place)
    assert resumed.code == 0, resumed.printed
    return command.run_id


# What is killed where, in which commit.
CALLS = [
    pytest.param(f"{RECORDER}:append_commit", 5, id="written, not committed"),
    pytest.param(f"{RECORDER}:append_commit", 7, id="validated", marks=faults),
    pytest.param(f"{RECORDER}:append_commit", 8, id="after the validation", marks=faults),
    pytest.param(f"{RECORDER}:append_commit", 14, id="trained, before the test", marks=faults),
    pytest.param(f"{RECORDER}:append_commit", 15, id="tested", marks=faults),
    *(pytest.param(f"{MIRROR}.send", n, id=f"committed {n}", marks=faults) for n in (2, 7, 8, 12, 13, 14, 15)),
    *(pytest.param(f"{MIRROR}._send_values", n, id=f"sending metrics {n}", marks=faults) for n in (3, 7, 11, 12)),
    pytest.param(f"{MIRROR}.set_status", 1, id="sent, without a status", marks=faults),
    pytest.param("tokenlayer.tracking.lease:Lease.release", 1, id="ended", marks=faults),
]


@pytest.mark.promise("SIGKILL at a given call, then resume", "the same run, bit for bit")
@pytest.mark.parametrize(("place", "count"), CALLS)
def test_killed_at_a_call(server: Server, store: Store, whole: Record, place: str, count: int) -> None:
    run_id = killed_and_resumed(server, store, (place, count, KILL))
    assert_same(store.record(run_id), whole)


@faults
@pytest.mark.promise(f"SIGKILL × {SPREAD} at random moments from the run's line on, then resume", "the same run")
@pytest.mark.parametrize("number", range(SPREAD))
def test_killed_at_a_random_moment(
    server: Server, store: Store, whole: Record, seconds_of_a_run: float, number: int
) -> None:
    # One in each thirtieth of a run, its end included.
    moment = (number + random.Random(number).random()) / SPREAD * seconds_of_a_run
    command = server.start("train", *TINY, *store.place)
    run_id = command.wait_for_run()
    time.sleep(moment)
    command.kill()
    assert command.wait() in (-signal.SIGKILL, 0), command.printed
    resumed = server.run("train", f"resume={run_id}", *store.place)
    assert resumed.code == 0, resumed.printed
    assert_same(store.record(run_id), whole)


@pytest.fixture(scope="module")
def seconds_of_a_run(server: Server, tmp_path_factory: pytest.TempPathFactory) -> float:
    """From the line with the run's id to the end."""
    command = server.start("train", *TINY, f"output_dir={tmp_path_factory.mktemp('timed')}")
    command.wait_for_run()
    began = time.monotonic()
    assert command.wait() == 0, command.printed
    return time.monotonic() - began


BEFORE = [
    pytest.param(f"{RECORDER}:create_run", id="before MLflow has it", marks=faults),
    pytest.param("tokenlayer.tracking.folder:RunFolder.take_name", id="when MLflow has it"),
    pytest.param(f"{RECORDER}:append_commit", id="before its settings are committed", marks=faults),
]


@pytest.mark.promise("SIGKILL before the run's line", "nothing stays RUNNING, the same command starts cleanly")
@pytest.mark.parametrize("place", BEFORE)
def test_killed_before_it_says_its_id(server: Server, store: Store, place: str) -> None:
    killed = server.run("train", *TINY, *store.place, faults=[(place, 1, KILL)])
    assert killed.code == -signal.SIGKILL, killed.printed
    assert killed.run_id is None
    again = server.run("train", *TINY, *store.place, "trainer.max_steps=2")
    assert again.code == 0, again.printed
    others = {run.info.status for run in store.runs() if run.info.run_id != again.run_id}
    assert others <= {"KILLED"}


@faults
@pytest.mark.promise("A finished run is resumed twice", "nothing new")
def test_a_finished_run_resumed_twice(server: Server, store: Store, whole: Record) -> None:
    command = server.run("train", *TINY, *store.place)
    for _ in range(2):
        resumed = server.run("train", f"resume={command.run_id}", *store.place)
        assert resumed.code == 0, resumed.printed
    assert command.run_id is not None
    assert_same(store.record(command.run_id), whole)

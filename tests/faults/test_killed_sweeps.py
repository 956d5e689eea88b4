"""Sweeps that are killed or interrupted: the same command again makes of them what nothing befell."""

import random
import shutil
import signal
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest
from commands import TINY, Command, Record, Server, Store, assert_same
from mlflow.entities import Run

ONE_EPOCH = (*(text for text in TINY if "max_epochs" not in text), "trainer.max_epochs=1")
SWEEP = ("train", "-m", *ONE_EPOCH, "seed=0,1,2")
JOBLIB = ("hydra/launcher=joblib", "hydra.launcher.n_jobs=2")
SUBMITIT = ("hydra/launcher=submitit_local",)
"""Starts the same processes as `hydra/launcher=slurm` does."""
RAY = ("hydra/launcher=ray", "hydra.launcher.ray.init.num_cpus=2")
SPREAD = 5
faults = pytest.mark.faults


def children(store: Store) -> dict[str, list[Run]]:
    """The runs of each seed, the latest first."""
    found: dict[str, list[Run]] = {}
    for run in store.runs():
        if "mlflow.parentRunId" in run.data.tags:
            found.setdefault(run.data.tags["seed"], []).append(run)
    return found


def parent(store: Store) -> Run:
    (found,) = [run for run in store.runs() if run.data.tags.get("tokenlayer.kind") == "sweep"]
    return found


@dataclass(frozen=True)
class WholeSweep:
    """The sweep that nothing befalls."""

    records: dict[str, Record]
    note: str
    seconds: float


@pytest.fixture(scope="module")
def whole_sweep(server: Server, tmp_path_factory: pytest.TempPathFactory, empty_database: Path) -> WholeSweep:
    folder = tmp_path_factory.mktemp("whole_sweep")
    shutil.copyfile(empty_database, folder / "mlflow.db")
    store = Store(folder)
    command = server.start(*SWEEP, *store.place)
    command.wait_for_run()
    began = time.monotonic()
    assert command.wait() == 0, command.printed
    seconds = time.monotonic() - began
    return WholeSweep(records(store), table(parent(store)), seconds)


def records(store: Store) -> dict[str, Record]:
    return {seed: store.record(runs[0].info.run_id) for seed, runs in children(store).items()}


def table(run: Run) -> str:
    """The results in the note of a parent; the command line in it names the folder."""
    return "\n".join(line for line in run.data.tags["mlflow.note.content"].splitlines() if line.startswith("|"))


def assert_whole(store: Store, whole: WholeSweep, again: Command) -> None:
    assert again.code == 0, again.printed
    assert {seed: len(runs) for seed, runs in children(store).items()} == dict.fromkeys("012", 1), "one run a job"
    found = records(store)
    for seed, record in whole.records.items():
        assert_same(found[seed], record)
    assert parent(store).info.status == "FINISHED"
    assert table(parent(store)) == whole.note


@pytest.mark.promise(
    "SIGKILL within a sweep, then the same command", "the same runs under the same parent, bit for bit"
)
def test_killed_in_a_job(server: Server, store: Store, whole_sweep: WholeSweep) -> None:
    fault = ("tokenlayer.tracking.recorder:append_commit", 14, ["SIGKILL"])
    killed = server.run(*SWEEP, *store.place, faults=[fault])
    assert killed.code == -signal.SIGKILL, killed.printed
    assert [runs[0].info.status for runs in children(store).values()].count("FINISHED") == 1, killed.printed
    assert_whole(store, whole_sweep, server.run(*SWEEP, *store.place))


@faults
@pytest.mark.promise(f"SIGKILL × {SPREAD} at random moments of a sweep, then the same command", "the same runs")
@pytest.mark.parametrize("number", range(SPREAD))
def test_killed_at_random(server: Server, store: Store, whole_sweep: WholeSweep, number: int) -> None:
    command = server.start(*SWEEP, *store.place)
    command.wait_for_run()
    time.sleep((number + random.Random(number).random()) / SPREAD * whole_sweep.seconds)
    command.kill()
    assert command.wait() in (-signal.SIGKILL, 0), command.printed
    assert_whole(store, whole_sweep, server.run(*SWEEP, *store.place))


@pytest.mark.promise("SIGTERM within a sweep, then the same command", "130, KILLED, the same runs")
@faults
def test_interrupted_in_a_job(server: Server, store: Store, whole_sweep: WholeSweep) -> None:
    fault = ("tokenlayer.tracking.recorder:append_commit", 14, ["SIGTERM"])
    stopped = server.run(*SWEEP, *store.place, faults=[fault])
    assert stopped.code == 130, stopped.printed
    assert "Traceback" not in stopped.printed
    assert "3 jobs: 1 done, 1 interrupted, 1 to run; the same command goes on with those left" in stopped.printed
    assert sorted(runs[0].info.status for runs in children(store).values()) == ["FINISHED", "KILLED"]
    assert parent(store).info.status == "KILLED"
    assert_whole(store, whole_sweep, server.run(*SWEEP, *store.place))


@pytest.mark.promise("SIGTERM of a sweep under joblib, then the same command", "130, all KILLED, the same runs")
@faults
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_interrupted_under_joblib(
    server: Server, store: Store, whole_sweep: WholeSweep, number: signal.Signals
) -> None:
    command = server.start(*SWEEP, *JOBLIB, *store.place)
    command.wait_for_run()
    end = time.monotonic() + 120
    while command.printed.count("] run ") < 2 and time.monotonic() < end:  # both processes train
        time.sleep(0.05)
    command.kill(number)
    assert command.wait() == 130, command.printed
    assert "Traceback" not in command.printed
    assert {runs[0].info.status for runs in children(store).values()} <= {"KILLED", "FINISHED"}
    assert len(children(store)) == 2, "the third has not begun"
    assert parent(store).info.status == "KILLED"
    assert_whole(store, whole_sweep, server.run(*SWEEP, *JOBLIB, *store.place))


@pytest.mark.promise("SIGKILL of one process of a sweep under joblib, then the same command", "1, the same runs")
@faults
def test_one_process_killed_under_joblib(server: Server, store: Store, whole_sweep: WholeSweep) -> None:
    command = server.start(*SWEEP, *JOBLIB, *store.place)
    command.wait_for_run()
    end = time.monotonic() + 120
    while command.printed.count("] run ") < 2 and time.monotonic() < end:
        time.sleep(0.05)
    (forked_from,) = (child for child in psutil.Process(command.pid).children() if child.children())
    forked_from.children()[0].kill()
    assert command.wait() == 1, command.printed
    assert "a process of the launcher has died" in command.printed
    assert "Traceback" not in command.printed
    assert "3 jobs: " in command.printed, "the summary comes all the same"
    statuses = {runs[0].info.status for runs in children(store).values()}
    assert "RUNNING" not in statuses
    assert_whole(store, whole_sweep, server.run(*SWEEP, *JOBLIB, *store.place))


@pytest.mark.promise(
    "the signal of Slurm that a job's time is nearly up, under submitit, then the same command",
    "1, KILLED, the same runs",
)
@faults
def test_out_of_time_under_submitit(server: Server, store: Store, whole_sweep: WholeSweep) -> None:
    pytest.importorskip("submitit", reason="the extra slurm is not installed")
    command = server.start(*SWEEP, *SUBMITIT, *store.place)
    end = time.monotonic() + 240
    while len(children(store)) < 3 and time.monotonic() < end:
        time.sleep(0.05)
    for process in psutil.Process(command.pid).children(recursive=True):
        with suppress(psutil.NoSuchProcess):  # it is done
            if "submitit.core._submit" in process.cmdline():
                process.send_signal(signal.SIGUSR2)
    assert command.wait() == 1, command.printed
    # The last has just begun when the first may be done.
    assert {"KILLED"} <= {runs[0].info.status for runs in children(store).values()} <= {"KILLED", "FINISHED"}
    assert parent(store).info.status == "FAILED"
    assert_whole(store, whole_sweep, server.run(*SWEEP, *SUBMITIT, *store.place))


@pytest.mark.promise("SIGTERM of a sweep under Ray, then the same command", "130, all KILLED, the same runs")
@faults
def test_interrupted_under_ray(server: Server, store: Store, whole_sweep: WholeSweep) -> None:
    pytest.importorskip("ray", reason="the extra ray is not installed")
    command = server.start(*SWEEP, *RAY, *store.place)
    end = time.monotonic() + 240
    while len(children(store)) < 2 and time.monotonic() < end:  # both processes train
        time.sleep(0.05)
    command.kill(signal.SIGTERM)
    assert command.wait() == 130, command.printed
    assert {runs[0].info.status for runs in children(store).values()} <= {"KILLED", "FINISHED"}
    assert parent(store).info.status == "KILLED"
    assert_whole(store, whole_sweep, server.run(*SWEEP, *RAY, *store.place))

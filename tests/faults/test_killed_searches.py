"""SIGKILL in the middle of a search: the same command ends with the trials of the unbroken one."""

import random
import shutil
import signal
import time
from pathlib import Path

import pandas as pd
import pytest
from commands import TINY, Server, Store

from tokenlayer.tracking.reading import find_runs

LINE = (
    "search",
    *(setting for setting in TINY if not setting.startswith("trainer.max_epochs")),
    "trainer.max_epochs=1",
    "optimizer.lr=tag(log, interval(1e-3,1e-1))",
    "search.n_trials=2",
    "search.name=mine",
)
RECORDER = "tokenlayer.tracking.recorder"
STUDY = "tokenlayer.search.study:SearchStudy"
SPREAD = 12
faults = pytest.mark.faults


def results(store: Store) -> pd.DataFrame:
    """What the finished trials have come to, by their number."""
    runs = find_runs(output_dir=store.output_dir, where="attributes.status = 'FINISHED'")
    runs = runs[runs["tags.tokenlayer.search.trial"].notna()]
    wanted = ["tags.tokenlayer.search.trial", "tags.optimizer.lr", "metrics.validation/loss", "metrics.test/loss"]
    return runs[wanted].sort_values(wanted[0]).reset_index(drop=True)


@pytest.fixture(scope="module")
def unbroken(
    server: Server, tmp_path_factory: pytest.TempPathFactory, empty_database: Path
) -> tuple[pd.DataFrame, float]:
    """The trials of a search that nothing befalls, and the seconds that it took."""
    folder = tmp_path_factory.mktemp("unbroken")
    shutil.copyfile(empty_database, folder / "mlflow.db")
    began = time.monotonic()
    command = server.run(*LINE, *Store(folder).place)
    assert command.code == 0, command.printed
    return results(Store(folder)), time.monotonic() - began


def check_continued(server: Server, store: Store, unbroken: pd.DataFrame) -> None:
    again = server.run(*LINE, *store.place)
    assert again.code == 0, again.printed
    pd.testing.assert_frame_equal(results(store), unbroken)
    (parent,) = [run for run in store.runs() if run.data.tags.get("tokenlayer.kind") == "search"]
    assert parent.info.status == "FINISHED"
    assert parent.data.metrics["trials/complete"] == 2
    assert {run.info.status for run in store.runs()} <= {"FINISHED", "KILLED"}


# A trial of one epoch has 9 commits.
CALLS = [
    pytest.param(f"{RECORDER}:append_commit", 14, id="in the second trial"),
    pytest.param(f"{RECORDER}:append_commit", 10, id="as the second trial begins", marks=faults),
    pytest.param("tokenlayer.tracking.folder:RunFolder.take_name", 2, id="before its run has settings", marks=faults),
    pytest.param(f"{STUDY}.ask", 2, id="between two trials", marks=faults),
    pytest.param(f"{STUDY}.tell", 2, id="trained, not told", marks=faults),
    pytest.param("tokenlayer.search.study:RunningTrial.note", 2, id="before a validation is noted", marks=faults),
    pytest.param("tokenlayer.search.record:SearchRecord.update", 3, id="before the parent is written", marks=faults),
]


@pytest.mark.promise("SIGKILL in a search at a given call, then the same command", "the trials of the unbroken search")
@pytest.mark.parametrize(("place", "count"), CALLS)
def test_killed_at_a_call(
    server: Server, store: Store, unbroken: tuple[pd.DataFrame, float], place: str, count: int
) -> None:
    killed = server.run(*LINE, *store.place, faults=[(place, count, ["SIGKILL"])])
    assert killed.code == -signal.SIGKILL, killed.printed
    check_continued(server, store, unbroken[0])


@faults
@pytest.mark.promise(f"SIGKILL × {SPREAD} in a search at random moments", "the trials of the unbroken search")
@pytest.mark.parametrize("number", range(SPREAD))
def test_killed_at_a_random_moment(
    server: Server, store: Store, unbroken: tuple[pd.DataFrame, float], number: int
) -> None:
    command = server.start(*LINE, *store.place)
    time.sleep((number + random.Random(number).random()) / SPREAD * unbroken[1])
    command.kill()
    assert command.wait() in (-signal.SIGKILL, 0), command.printed
    check_continued(server, store, unbroken[0])


@pytest.mark.promise("SIGTERM in a search, then the same command", "exit code 130; the trials of the unbroken search")
@pytest.mark.faults
def test_asked_to_stop(server: Server, store: Store, unbroken: tuple[pd.DataFrame, float]) -> None:
    stopped = server.run(*LINE, *store.place, faults=[(f"{RECORDER}:append_commit", 14, ["SIGTERM"])])
    assert stopped.code == 130, stopped.printed
    statuses = {run.info.status for run in store.runs()}
    assert statuses == {"FINISHED", "KILLED"}
    check_continued(server, store, unbroken[0])
    assert len(store.runs()) == 3, "the trial went on in its run"

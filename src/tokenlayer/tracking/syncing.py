"""Sending to MLflow what it lacks of a run, without training or testing it."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mlflow.entities import Run

from tokenlayer.errors import InputError, RunStoppedError
from tokenlayer.tracking.commands import resume_command
from tokenlayer.tracking.folder import CHECKPOINTS, RunFolder
from tokenlayer.tracking.journal import Commit, latest_files, latest_holders
from tokenlayer.tracking.lease import Lease, mark_dead_runs
from tokenlayer.tracking.mirror import COMMIT_TAG, Mirror, marked
from tokenlayer.tracking.remote import RemoteRun
from tokenlayer.tracking.resuming import sent_of
from tokenlayer.tracking.runs import check_resumable, find_run
from tokenlayer.tracking.store import Store, open_store


@dataclass(frozen=True)
class Synced:
    """What was done for a run."""

    run_id: str
    commits: int
    """How many were sent."""
    status: str
    """The run's status in MLflow now."""

    def __str__(self) -> str:
        sent = {0: "nothing to send", 1: "1 commit sent"}.get(self.commits, f"{self.commits} commits sent")
        return f"run {self.run_id}: {sent}, {self.status}"


def sync(named: str, uri: str | None, output_dir: Path) -> Synced:
    """Send what MLflow lacks of a run, and set the status it ended with; KILLED where its process noted none.

    Args:
        named: the run's id, the beginning of it, or its name.
        uri: tracking URI; None: the default store of `output_dir`.
        output_dir: holds the run's folder.

    Raises:
        InputError: there is no such store or run, nothing of the run lies here, or another process records it.
        RunStoppedError: MLflow does not take all of it, or some of it is damaged.

    """
    store = open_store(uri, output_dir, create=False)
    mark_dead_runs(store)
    run = find_run(store, named, RunFolder(output_dir, named).origin() if named.isalnum() else None)
    check_resumable(run)
    run_id = str(run.info.run_id)
    folder = RunFolder(output_dir, run_id)
    if not folder.journal.is_file():
        raise InputError(f"nothing of run {run_id} lies in {folder.root}; name its output folder with --output-dir")
    folder.open()
    lease = Lease(store, keeps_running=False)
    try:
        lease.take(run)
        return _send(store, run, folder, lease, resume_command(run_id, uri, output_dir))
    finally:
        lease.release()
        folder.close()


def _send(store: Store, run: Run, folder: RunFolder, lease: Lease, resume: str) -> Synced:
    run_id = str(run.info.run_id)
    # Read again: until the lease was taken, its former holder may have sent more.
    now = store.client.get_run(run_id)
    commits = folder.read_commits().commits
    sent = sent_of(commits, marked(now.data.tags.get(COMMIT_TAG)))
    if sent is None:  # the run went on elsewhere
        return Synced(run_id, 0, str(now.info.status))
    damaged = _damaged(folder, commits, sent)
    if damaged is not None:
        raise RunStoppedError(f"run {run_id}: {damaged} is damaged or gone; record it again with: {resume}")
    mirror = Mirror(RemoteRun(store, run, folder.scratch), folder, lease, sent)
    if not mirror.send(commits):
        raise RunStoppedError(f"run {run_id}: {mirror.sent - sent} of {len(commits) - sent} commits could be sent")
    status = (commits[-1].status if commits else None) or "KILLED"
    # Whoever saw that the process was gone has set KILLED; a run that has noted its end ended otherwise.
    if now.info.status in ("RUNNING", "KILLED") and status != now.info.status and not mirror.set_status(status):
        raise RunStoppedError(f"run {run_id}: all is sent, but for its status {status}")
    return Synced(run_id, len(commits) - sent, str(store.client.get_run(run_id).info.status))


def _damaged(folder: RunFolder, commits: Sequence[Commit], sent: int) -> str | None:
    """The first file that is to be sent and is not what was committed."""
    for name, (digest, number) in latest_files(commits).items():
        if number >= sent and not folder.has_file(name, digest):
            return name
    holders = set(latest_holders(commits).values())
    for commit in commits[sent:]:
        saved = commit.checkpoint
        if (
            saved is not None
            and (saved.keep or saved in holders)
            and not folder.has_checkpoint(saved.file, saved.digest)
        ):
            return f"{CHECKPOINTS}/{saved.file}"
    return None

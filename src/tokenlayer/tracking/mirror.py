"""Sending commits to MLflow, in order, in such a way that sending one twice changes nothing.

Files are put over what is there, and looked at there before they count as sent; metric rows carry the time they were
recorded at, and MLflow keeps one of equal rows; parameters and tags are the same again. Within a commit the order is
files, its line of the journal, checkpoint, metrics, dataset and model, mark: whoever finds only MLflow's side can see
from the checkpoint's digest which commit it belongs to, and no metric is there before the checkpoint after which it
need not be recorded again. The mark is a tag with the digest of the last commit that MLflow has: it names a history,
not a number.

Sending to a store that is no SQLite file is mostly waiting. What may wait is sent to it in a thread, beside the
training; everything else is sent after that.
"""

import logging
import shutil
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from itertools import zip_longest
from pathlib import Path
from typing import TypeVar

from mlflow.entities import Metric, Param, RunTag
from mlflow.exceptions import MlflowException
from requests import RequestException
from sqlalchemy.exc import SQLAlchemyError

from tokenlayer.redaction import redacted
from tokenlayer.tracking.dataset_input import INPUT, send_dataset
from tokenlayer.tracking.folder import CHECKPOINTS, RunFolder, digest
from tokenlayer.tracking.journal import Commit, SavedCheckpoint, latest_files, latest_holders
from tokenlayer.tracking.lease import Lease
from tokenlayer.tracking.logged_model import MODEL, send_model
from tokenlayer.tracking.model_files import FILES
from tokenlayer.tracking.names import LOGGED_TABLES_TAG, logged_tables
from tokenlayer.tracking.remote import NotKeptError, RemoteRun, journal_artifact
from tokenlayer.tracking.tables import read_parts
from tokenlayer.tracking.uri import why_away

# MLflow takes 1,000 things at once, and of them 100 parameters and 100 tags.
METRICS_PER_REQUEST = 800
PAIRS_PER_REQUEST = 100
# Of the time that the latest sending took, after which one that may wait is due.
PAUSE = 50
COMMIT_TAG = "tokenlayer.commits"

History = tuple[Sequence[Commit], int]
"""Commits of a run, and how many of them MLflow has."""

_log = logging.getLogger(__name__)
_Item = TypeVar("_Item")


class Mirror:
    """Sends the commits of one run.

    Attributes:
        sent: how many commits MLflow has.

    Args:
        remote: the run in MLflow.
        folder: the run's local files.
        lease: the right to send.
        sent: how many commits MLflow has.

    """

    def __init__(self, remote: RemoteRun, folder: RunFolder, lease: Lease, sent: int = 0) -> None:
        self.sent = sent
        self._remote = remote
        self._folder = folder
        self._lease = lease
        self._warned = False
        self._not_before = 0.0
        self._beside: Future[bool] | None = None
        self._history_beside: History = ((), 0)

    @property
    def is_sending(self) -> bool:
        """True while commits are sent beside the training."""
        return self._beside is not None and not self._beside.done()

    def in_use(self, commits: Sequence[Commit]) -> list[History]:
        """Histories whose checkpoints are needed: that of the run, and the one that is being sent."""
        return [(commits, self.sent), *([self._history_beside] if self.is_sending else [])]

    def wait(self) -> None:
        """Return when nothing is being sent beside the training; how that went is told by the next sending."""
        if self._beside is not None:
            wait([self._beside])

    def wait_for(self, names: Iterable[str]) -> None:
        """Return when none of these artifacts is being sent beside the training."""
        commits, sent = self._history_beside
        if not {name for commit in commits[sent:] for name in commit.files}.isdisjoint(names):
            self.wait()

    def send(self, commits: Sequence[Commit], *, may_wait: bool = False) -> bool:
        """Send those of `commits` that MLflow does not have.

        Args:
            commits: all of the run.
            may_wait: leave them to a later sending if one is in progress, or the latest has ended a short while ago,
                compared with what it took: so sending takes no more than a fiftieth of the time, however slow the
                store, or short the time between two commits. A store that is no SQLite file gets them in a thread.

        Returns:
            whether all are sent: False also where they were left for later, or are being sent. A failure is logged
            once.

        Raises:
            LeaseLostError: another process records the run now.

        """
        if may_wait and (self.is_sending or not self._is_due(commits)):
            return False
        beside, self._beside = self._beside, None
        if beside is not None:
            beside.result()
        if may_wait and not self._remote.store.is_file:
            self._history_beside = tuple(commits), self.sent
            thread = ThreadPoolExecutor(1, thread_name_prefix="mirror")
            self._beside = thread.submit(self._send, self._history_beside[0])
            thread.shutdown(wait=False)
            return False
        return self._send(commits)

    def _is_due(self, commits: Sequence[Commit]) -> bool:
        # A run is found, and known for what it is, by its parameters and tags: these are always due.
        names_the_run = any(commit.params or commit.tags for commit in commits[self.sent :])
        return names_the_run or time.monotonic() >= self._not_before

    def _send(self, commits: Sequence[Commit]) -> bool:
        began = time.monotonic()
        is_sent = self._attempt(lambda: self._send_pending(commits))
        now = time.monotonic()
        self._not_before = now + PAUSE * (now - began)
        return is_sent

    def set_status(self, status: str) -> bool:
        """Set the run's status; one that ends the run also sets its end time."""
        client, run_id = self._remote.client, self._remote.run_id
        if status == "RUNNING":
            return self._attempt(lambda: client.update_run(run_id, status=status))
        return self._attempt(lambda: client.set_terminated(run_id, status=status))

    def _attempt(self, send: Callable[[], object]) -> bool:
        store = self._remote.store
        reason = why_away(store.uri)
        if reason is None:
            try:
                self._lease.check()
                send()
            except (MlflowException, RequestException, SQLAlchemyError, OSError, ValueError, NotKeptError) as error:
                reason = redacted(str(error)) or type(error).__name__
        if reason is None:
            if self._warned:
                _log.info("MLflow at %s answers again; all is sent", store.shown)
            self._warned = False
        elif not self._warned:
            _log.warning(
                "MLflow at %s cannot be written to (%s); the run is kept in %s and sent later",
                store.shown,
                reason,
                self._folder.root,
            )
            self._warned = True
        return reason is None

    def _send_pending(self, commits: Sequence[Commit]) -> None:
        holders, latest = latest_holders(commits), latest_files(commits)
        for commit in commits[self.sent :]:
            # In a backlog only the newest content of a name is sent; the older one is not there any more.
            newest = [name for name, content in commit.files.items() if latest[name] == (content, commit.number)]
            files = {name: commit.files[name] for name in newest if not name.startswith(FILES)}
            self._remote.send_all(self._folder.artifacts, files)
            self._send_journal(commit)
            if commit.checkpoint is not None:
                saved = commit.checkpoint
                names = [alias for alias in saved.aliases if holders[alias] == saved]
                names += [f"{CHECKPOINTS}/{saved.file}"] if saved.keep else []
                for name in dict.fromkeys(names):
                    self._send_checkpoint(saved, name)
            self._send_values(commit, {**commit.tags, **_tag_of_tables(commits[: commit.number + 1])})
            self._send_entities(commit, latest)
            self._remote.client.set_tag(self._remote.run_id, COMMIT_TAG, mark(commit))
            self.sent = commit.number + 1

    def _send_entities(self, commit: Commit, latest: Mapping[str, tuple[str, int]]) -> None:
        """What MLflow keeps of a run beside artifacts and metrics, as the newest artifact of its kind describes it."""
        newest = [name for name in (INPUT, MODEL) if name in commit.files and latest[name][1] == commit.number]
        if INPUT in newest:
            send_dataset(self._remote.client, self._remote.run_id, self._folder.artifacts / INPUT)
        if MODEL in newest:
            send_model(self._remote, self._folder.artifacts)

    def _send_journal(self, commit: Commit) -> None:
        name = journal_artifact(commit.number)
        path = self._folder.scratch / Path(name).name
        path.write_text(commit.to_line(), encoding="utf-8")
        self._remote.send(path, name, digest(path))
        path.unlink()

    def _send_checkpoint(self, saved: SavedCheckpoint, name: str) -> None:
        source = self._folder.checkpoints / saved.file
        if Path(name).name == saved.file:
            self._remote.send(source, name, saved.digest)
            return
        # MLflow takes a file's own name; a hard link gives it another without a copy.
        link = self._folder.scratch / Path(name).name
        link.unlink(missing_ok=True)
        try:
            link.hardlink_to(source)
        except OSError:  # a file system without links
            shutil.copyfile(source, link)
        try:
            self._remote.send(link, name, saved.digest)
        finally:
            link.unlink()

    def _send_values(self, commit: Commit, tags: Mapping[str, str]) -> None:
        """Parameters, tags and metrics, together: a request costs more than what is in it."""
        batches = zip_longest(
            _batches([Param(k, v) for k, v in commit.params.items()], PAIRS_PER_REQUEST),
            _batches([RunTag(k, v) for k, v in tags.items()], PAIRS_PER_REQUEST),
            _batches(self._metrics(commit), METRICS_PER_REQUEST),
            fillvalue=(),
        )
        for some_params, some_tags, metrics in batches:
            # The newest first: MLflow keeps the latest value of each name apart, and anew for each later one.
            newest_first = metrics[::-1]
            self._remote.client.log_batch(self._remote.run_id, metrics=newest_first, params=some_params, tags=some_tags)

    def _metrics(self, commit: Commit) -> list[Metric]:
        if commit.metrics is None:
            return []
        columns = read_parts([self._folder.artifacts / commit.metrics]).select(["key", "value", "timestamp", "step"])
        return [Metric(*row) for row in zip(*(column.to_pylist() for column in columns.columns), strict=True)]


def _tag_of_tables(commits: Sequence[Commit]) -> dict[str, str]:
    """The tag that lists the tables so far, if the last of the commits has some."""
    if not commits[-1].tables:
        return {}
    return {LOGGED_TABLES_TAG: logged_tables([path for commit in commits for path in commit.tables])}


def mark(commit: Commit) -> str:
    """The value of the tag that says that MLflow has a commit and all before it; the number is for people."""
    return f"{commit.number + 1} {commit.digest}"


def marked(tag: str | None) -> str:
    """The digest of the last commit that MLflow has, by its tag; empty where it has none."""
    return "" if tag is None else tag.rpartition(" ")[2]


def _batches(items: list[_Item], size: int) -> list[list[_Item]]:
    return [items[i : i + size] for i in range(0, len(items), size)]

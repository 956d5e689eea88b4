"""Sending commits to MLflow, in order, in such a way that sending one twice changes nothing.

Files are put over what is there; metric rows carry the time they were recorded at, and MLflow keeps one of
equal rows; parameters and tags are the same again. Within a commit the order is files, journal, checkpoint,
metrics, mark: whoever finds only MLflow's side can see from the checkpoint's digest which commit it belongs
to, and no metric is there before the checkpoint after which it need not be recorded again.
"""

import logging
import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

from mlflow.entities import Metric, Param, RunTag
from mlflow.exceptions import MlflowException
from requests import RequestException
from sqlalchemy.exc import SQLAlchemyError

from tokenlayer.redaction import redacted
from tokenlayer.tracking.folder import CHECKPOINTS, JOURNAL_ARTIFACT, RunFolder
from tokenlayer.tracking.journal import Commit, latest_holders, write_journal
from tokenlayer.tracking.store import Store
from tokenlayer.tracking.tables import read_parts
from tokenlayer.tracking.uri import why_away

METRICS_PER_REQUEST = 1000
PAIRS_PER_REQUEST = 100
COMMIT_TAG = "tokenlayer.commits"

_log = logging.getLogger(__name__)
_Item = TypeVar("_Item")


class Mirror:
    """Sends the commits of one run.

    Args:
        store: where to.
        run_id: MLflow's run.
        folder: the run's local files.

    """

    def __init__(self, store: Store, run_id: str, folder: RunFolder) -> None:
        self._store = store
        self._run_id = run_id
        self._folder = folder
        self._warned = False

    def send(self, commits: Sequence[Commit]) -> bool:
        """Send those of `commits` that are not marked as sent.

        Returns:
            whether all are sent; if not, why is logged once.

        """
        return self._attempt(lambda: self._send_pending(commits))

    def send_tail(self, tail: Commit) -> bool:
        """Send the rows, files and tags after the last commit of a run that broke off.

        Its metric rows stay in their file: a resumed run records those steps again, and MLflow forgets no
        metric.
        """
        return self._attempt(lambda: self._send_tail(tail))

    def set_status(self, status: str) -> bool:
        """Set the run's status; one that ends the run also sets its end time."""
        client = self._store.client
        if status == "RUNNING":
            return self._attempt(lambda: client.update_run(self._run_id, status=status))
        return self._attempt(lambda: client.set_terminated(self._run_id, status=status))

    def _attempt(self, send: Callable[[], object]) -> bool:
        reason = why_away(self._store.uri)
        if reason is None:
            try:
                send()
            except (MlflowException, RequestException, SQLAlchemyError, OSError) as error:
                reason = redacted(str(error)) or type(error).__name__
        if reason is None:
            if self._warned:
                _log.info("MLflow at %s answers again; all is sent", self._store.shown)
            self._warned = False
        elif not self._warned:
            _log.warning(
                "MLflow at %s cannot be written to (%s); the run is kept in %s and sent later",
                self._store.shown,
                reason,
                self._folder.root,
            )
            self._warned = True
        return reason is None

    def _send_pending(self, commits: Sequence[Commit]) -> None:
        holders = latest_holders(commits)
        for i in range(self._folder.mirrored(), len(commits)):
            commit = commits[i]
            self._send_files(commit.files)
            self._send_journal(commits[: i + 1])
            if commit.checkpoint is not None:
                saved = commit.checkpoint
                # In a backlog only the newest holder of an alias is sent; the older ones' files are gone.
                names = [alias for alias in saved.aliases if holders[alias] == saved]
                names += [f"{CHECKPOINTS}/{saved.file}"] if saved.keep else []
                for name in dict.fromkeys(names):
                    self._send_checkpoint(saved.file, name)
            self._send_pairs(commit.params, commit.tags)
            if commit.metrics is not None:
                self._send_metrics(commit.metrics)
            self._store.client.set_tag(self._run_id, COMMIT_TAG, str(i + 1))
            self._folder.mark_mirrored(i + 1)

    def _send_tail(self, tail: Commit) -> None:
        self._send_files(tail.files)
        self._send_pairs(tail.params, tail.tags)

    def _send_files(self, names: Sequence[str]) -> None:
        for name in names:
            self._upload(self._folder.artifacts / name, name)

    def _send_journal(self, commits: Sequence[Commit]) -> None:
        path = self._folder.scratch / Path(JOURNAL_ARTIFACT).name
        write_journal(path, commits)
        self._upload(path, JOURNAL_ARTIFACT)

    def _send_checkpoint(self, file: str, name: str) -> None:
        source = self._folder.checkpoints / file
        if Path(name).name == file:
            self._upload(source, name)
            return
        # MLflow takes a file's own name; a hard link gives it another without a copy.
        link = self._folder.scratch / Path(name).name
        link.unlink(missing_ok=True)
        try:
            link.hardlink_to(source)
        except OSError:  # a file system without links
            shutil.copyfile(source, link)
        try:
            self._upload(link, name)
        finally:
            link.unlink()

    def _upload(self, source: Path, name: str) -> None:
        parent = Path(name).parent.as_posix()
        self._store.client.log_artifact(self._run_id, str(source), None if parent == "." else parent)

    def _send_pairs(self, params: Mapping[str, str], tags: Mapping[str, str]) -> None:
        for some_params in _batches([Param(k, v) for k, v in params.items()], PAIRS_PER_REQUEST):
            self._store.client.log_batch(self._run_id, params=some_params)
        for some_tags in _batches([RunTag(k, v) for k, v in tags.items()], PAIRS_PER_REQUEST):
            self._store.client.log_batch(self._run_id, tags=some_tags)

    def _send_metrics(self, name: str) -> None:
        columns = read_parts([self._folder.artifacts / name]).select(["key", "value", "timestamp", "step"])
        rows = zip(*(column.to_pylist() for column in columns.columns), strict=True)
        for metrics in _batches([Metric(*row) for row in rows], METRICS_PER_REQUEST):
            self._store.client.log_batch(self._run_id, metrics=metrics)


def _batches(items: list[_Item], size: int) -> list[list[_Item]]:
    return [items[i : i + size] for i in range(0, len(items), size)]

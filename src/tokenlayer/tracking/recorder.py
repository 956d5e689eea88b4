"""Recording a run: everything goes to local files first and from there, at commits, to MLflow."""

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self

import pandas as pd
import pyarrow as pa

from tokenlayer.interrupts import held_back, is_interruption
from tokenlayer.redaction import redacted_settings
from tokenlayer.tracking.config import TrackingConfig
from tokenlayer.tracking.folder import RunFolder, digest, metrics_artifact, parts_of
from tokenlayer.tracking.journal import Commit, SavedCheckpoint, append_commit, resume_point
from tokenlayer.tracking.mirror import Mirror
from tokenlayer.tracking.names import LOGGED_TABLES_TAG, PARAM_LENGTH, TAG_LENGTH, check_name, cut, with_logged_table
from tokenlayer.tracking.resuming import check_can_go_on, recorded_at, restore
from tokenlayer.tracking.runs import check_resumable, create_run, known_run
from tokenlayer.tracking.store import Store, open_store
from tokenlayer.tracking.tables import PART, MetricBuffer, TableBuffer, joined, read_parts

Status = Literal["FINISHED", "FAILED", "KILLED"]
# A table's part is written before the commit when its buffer holds more; no rows pile up in memory.
BUFFERED_ROWS = 100_000

_log = logging.getLogger(__name__)


class Recorder:
    """The record of a run, made by `start` or `resume`; a context manager that gives the run its right status.

    Nothing but `commit` and `finish` talks to MLflow; the rest costs a training step microseconds. Rows,
    metrics and files count from the commit on: a run that breaks off is resumed from its last commit with a
    checkpoint, and what came after is dropped and recorded again. So commit rows together with a checkpoint.

    Attributes:
        run_id: MLflow's id of the run.
        experiment_id: MLflow's id of its experiment.
        uri: the store's URI, without user and password.
        root: the run's local folder.
        directory: the tree of artifacts as committed so far.
        checkpoints: folder for checkpoints to be committed; name them by step.
        resume_from: the checkpoint to continue from; None when training starts at the beginning.
        resume_step: optimizer steps done at that checkpoint, else 0.

    """

    def __init__(self, store: Store, run_id: str, experiment_id: str, folder: RunFolder, commits: list[Commit]) -> None:
        self.run_id = run_id
        self.experiment_id = experiment_id
        self.uri = store.shown
        self.root = folder.root
        self.directory = folder.artifacts
        self.checkpoints = folder.checkpoints
        point = resume_point(commits)
        saved = None if point is None else point.checkpoint
        self.resume_from = None if saved is None else folder.checkpoints / saved.file
        self.resume_step = 0 if point is None else point.step
        self._folder = folder
        self._commits = commits
        self._mirror = Mirror(store, run_id, folder)
        self._metrics = MetricBuffer()
        self._tables: dict[str, TableBuffer] = {}
        self._rows_to: int | None = None
        self._recorded = recorded_at(folder, commits, self.resume_step)
        self._all_params = {k: v for commit in commits for k, v in commit.params.items()}
        self._all_tags = {k: v for commit in commits for k, v in commit.tags.items()}
        self._params: dict[str, str] = {}
        self._tags: dict[str, str] = {}
        self._open = True

    @classmethod
    def start(
        cls,
        config: TrackingConfig,
        output_dir: Path,
        *,
        run_name: str | None = None,
        tags: Mapping[str, str] | None = None,
    ) -> Self:
        """Start a new run.

        Args:
            config: where to record.
            output_dir: the folder under which the run's folder is made.
            run_name: the name to take when `config` gives none.
            tags: tags beside those of `config`.

        Raises:
            InputError: the store cannot be used; nothing is written then.

        """
        store = open_store(config.uri, output_dir)
        experiment_id = store.experiment_id(config.experiment)
        run_id = create_run(store, experiment_id, config.run_name or run_name, {**(tags or {}), **config.tags})
        folder = RunFolder(output_dir, run_id)
        folder.open()
        folder.write_origin(store.shown, config.experiment)
        return cls(store, run_id, experiment_id, folder, [])

    @classmethod
    def resume(cls, config: TrackingConfig, output_dir: Path, run_id: str) -> Self:
        """Continue a run: drop what came after its last commit, send what MLflow lacks, set it RUNNING.

        The run's local folder is restored from MLflow when it is gone or older than what MLflow has.

        Raises:
            InputError: the store cannot be used; the run is unknown, in use, or cannot be continued.

        """
        folder = RunFolder(output_dir, run_id)
        store = open_store(config.uri, output_dir, create=False)
        run = known_run(store, run_id, folder.origin())
        check_resumable(run)
        folder.open()
        try:
            commits = restore(store, run, folder)
            folder.write_origin(store.shown, config.experiment)
            recorder = cls(store, run_id, run.info.experiment_id, folder, commits)
            sent = recorder._mirror.send(commits)
            status = folder.status()
            if sent and status is not None:
                recorder._mirror.set_status(status)
            check_can_go_on(run_id, commits)
            recorder._mirror.set_status("RUNNING")
        except BaseException:
            folder.close()
            raise
        return recorder

    def log_params(self, params: Mapping[str, Any]) -> None:
        """Record parameters, as text; long ones are cut visibly.

        MLflow keeps the first value of a parameter for ever; another value of a resumed run becomes a tag
        `resumed.<name>`.
        """
        for name, value in params.items():
            check_name(name)
            text = cut(str(redacted_settings(value, name)), PARAM_LENGTH)
            known = self._all_params.setdefault(name, text)
            if known == text:
                self._params[name] = text
            else:
                self.set_tags({f"resumed.{name}": text})

    def set_tags(self, tags: Mapping[str, str]) -> None:
        """Set tags; long ones are cut visibly."""
        for name, value in tags.items():
            check_name(name)
            self._tags[name] = self._all_tags[name] = cut(redacted_settings(value, name), TAG_LENGTH)

    def log_metrics(self, metrics: Mapping[str, Any], step: int) -> None:
        """Record values as MLflow metrics at `step`; names may hold `/`, values are what `float` takes.

        A resumed run's values for a name and step that are committed already are dropped.

        Raises:
            ValueError: a name that MLflow does not take.

        """
        if self._recorded:
            metrics = {k: v for k, v in metrics.items() if (k, int(step)) not in self._recorded}
        self._metrics.append(metrics, step)

    def append(self, table: str, columns: Mapping[str, Any]) -> None:
        """Add rows to a table: one of scalars, or columns of equal length; scalars beside them are repeated.

        Columns are lists or NumPy arrays of shape (rows,), or (rows, n) for a vector in each row; None is
        null.

        Raises:
            ValueError: columns of different lengths, or others than the table has.

        """
        buffer = self._tables.get(table)
        if buffer is None:
            parts = parts_of((name for commit in self._commits for name in commit.files), table)
            numbers = [int(found[1]) for name in parts if (found := PART.search(name))]
            buffer = self._tables[table] = TableBuffer(table, max(numbers, default=-1) + 1)
        buffer.append(columns)
        if buffer.rows > BUFFERED_ROWS:
            self._write_part(buffer)

    def table(self, relative: str, frame: pd.DataFrame) -> None:
        """Write a table as the JSON that MLflow's UI shows as one (what `mlflow.log_table` writes).

        Args:
            relative: artifact path, ending in `.json`.
            frame: the table; its index is left out.

        """
        frame.to_json(self.artifact(relative), orient="split", index=False, date_format="iso")
        logged = with_logged_table(self._all_tags.get(LOGGED_TABLES_TAG, "[]"), relative)
        self.set_tags({LOGGED_TABLES_TAG: logged})

    def artifact(self, relative: str) -> Path:
        """The path at which to write the artifact `relative`; it is taken whole at the next commit."""
        path = self._folder.incoming / relative
        if not path.resolve().is_relative_to(self._folder.incoming.resolve()):
            raise ValueError(f"artifact path {relative!r} leaves the run")
        path.parent.mkdir(parents=True, exist_ok=True)
        return path

    def commit(
        self, step: int, checkpoint: Path | None = None, aliases: Sequence[str] = (), *, keep: bool = False
    ) -> None:
        """Make what was recorded so far lasting, and send it to MLflow.

        A store that does not answer only delays the sending.

        Args:
            step: optimizer steps done.
            checkpoint: a file in `checkpoints` from which training can continue after this commit.
            aliases: artifact paths under which the checkpoint is uploaded over the one before, e.g.
                `checkpoints/last.ckpt`. Its local file lives as long as it holds one, or is the last.
            keep: upload it as `checkpoints/<its name>`, too.

        """
        saved = None
        if checkpoint is not None:
            if checkpoint.parent.resolve() != self.checkpoints.resolve():
                raise ValueError(f"{checkpoint} does not lie in {self.checkpoints}")
            saved = SavedCheckpoint(checkpoint.name, digest(checkpoint), tuple(aliases), keep)
        with held_back():
            commit = self._gather(step, saved)
            append_commit(self._folder.journal, commit)
            self._commits.append(commit)
            self._forget_pending()
        self._mirror.send(self._commits)
        self._folder.prune_checkpoints(self._commits)

    def finish(self, status: Status) -> None:
        """End the run. What came after the last commit is committed if it finished, else sent as files."""
        if not self._open:
            return
        self._open = False
        self._folder.write_status(status)
        try:
            if status == "FINISHED":
                self.commit(self._commits[-1].step if self._commits else 0)
                sent = self._mirror.send(self._commits)
            else:
                with held_back():
                    tail = self._gather(self._commits[-1].step if self._commits else 0, None)
                sent = self._mirror.send(self._commits) and self._mirror.send_tail(tail)
            if not (sent and self._mirror.set_status(status)):
                _log.warning("send the rest of the run later with: tokenlayer train resume=%s", self.run_id)
        finally:
            self._folder.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if error is None:
            self.finish("FINISHED")
        else:
            self.finish("KILLED" if is_interruption(error) else "FAILED")

    def load_log(self, table: str) -> pd.DataFrame:
        """All rows of a table so far, those since the last commit among them."""
        buffer = self._tables.get(table)
        if buffer is not None and buffer.rows:
            self._write_part(buffer)
        folders = (self.directory / table, self._folder.incoming / table)
        return _frame(read_parts(part for folder in folders for part in folder.glob("part-*.parquet")))

    def load_metrics(self) -> pd.DataFrame:
        """All metric rows so far: `key`, `value`, `timestamp` (ms since 1970), `step`."""
        parts = (self.directory / metrics_artifact(0)).parent.glob("part-*.parquet")
        return _frame(joined([read_parts(parts), self._metrics.table()]))

    def _gather(self, step: int, saved: SavedCheckpoint | None) -> Commit:
        for buffer in self._tables.values():
            self._write_part(buffer)
        number = len(self._commits)
        largest = self._metrics.write_part(self._folder.incoming / metrics_artifact(number))
        self._note_rows_to(largest)
        files = self._folder.accept_incoming()
        metrics = metrics_artifact(number) if metrics_artifact(number) in files else None
        return Commit(number, int(step), self._rows_to, metrics, files, dict(self._params), dict(self._tags), saved)

    def _forget_pending(self) -> None:
        self._params, self._tags, self._rows_to = {}, {}, None

    def _write_part(self, buffer: TableBuffer) -> None:
        self._note_rows_to(buffer.write_part(self._folder.incoming))

    def _note_rows_to(self, step: int | None) -> None:
        if step is not None:
            self._rows_to = step if self._rows_to is None else max(self._rows_to, step)


def _frame(table: pa.Table) -> pd.DataFrame:
    frame: pd.DataFrame = table.to_pandas()
    return frame

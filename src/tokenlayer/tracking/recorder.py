"""Recording a run: everything goes to local files first and from there, at commits, to MLflow."""

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self

import pandas as pd

from tokenlayer.atomic import replace_text
from tokenlayer.interrupts import held_back, is_interruption
from tokenlayer.redaction import redacted_settings
from tokenlayer.tracking.commands import sync_command
from tokenlayer.tracking.config import TrackingConfig
from tokenlayer.tracking.folder import RunFolder, metrics_artifact, parts_of, sealed
from tokenlayer.tracking.journal import Commit, append_commit, latest_files
from tokenlayer.tracking.known_rows import KnownRows
from tokenlayer.tracking.lease import Lease, LeaseLostError, mark_dead_runs
from tokenlayer.tracking.mirror import COMMIT_TAG, Mirror, marked
from tokenlayer.tracking.names import PARAM_LENGTH, TAG_LENGTH, check_name, cut
from tokenlayer.tracking.out_of_space import raise_if_out_of_space
from tokenlayer.tracking.remote import RemoteRun
from tokenlayer.tracking.resuming import History, restore, whole_checkpoint
from tokenlayer.tracking.runs import check_resumable, create_run, end_unstarted_run, known_run
from tokenlayer.tracking.store import open_store
from tokenlayer.tracking.tables import MetricBuffer, TableBuffer, as_frame, joined, next_part, read_parts
from tokenlayer.tracking.uri import named_experiment

Status = Literal["FINISHED", "FAILED", "KILLED"]
BUFFERED_ROWS = 100_000  # of a table: with more a part is written before the commit, so that none pile up in memory

_log = logging.getLogger(__name__)


class Recorder:
    """The record of a run, made by `start` or `resume`; a context manager that gives the run its right status.

    Only `commit` and `finish` wait for MLflow; the rest costs a training step microseconds. Rows, metrics and
    files count from the commit on: a run that breaks off is resumed from its last commit with a checkpoint. Rows of
    later commits are there already when they are recorded again, and are dropped; what no commit has is forgotten.

    Attributes:
        run_id: MLflow's id of the run.
        experiment_id: MLflow's id of its experiment.
        uri: the store's URI, without user and password.
        root: the run's local folder.
        directory: the tree of artifacts as committed so far.
        checkpoints: folder for checkpoints to be committed; name them by step.
        scratch: folder for what is no part of the run; it is emptied when the run is resumed.
        resume_from: the checkpoint to continue from; None when training starts at the beginning.
        resume_step: optimizer steps done at that checkpoint, else 0.

    """

    def __init__(
        self, remote: RemoteRun, experiment_id: str, folder: RunFolder, lease: Lease, history: History, sync: str
    ) -> None:
        commits, point = history.commits, history.point
        saved = None if point is None else point.checkpoint
        self.run_id = remote.run_id
        self.experiment_id = experiment_id
        self.uri = remote.store.shown
        self.root = folder.root
        self.directory = folder.artifacts
        self.checkpoints = folder.checkpoints
        self.scratch = folder.scratch
        self.resume_from = None if saved is None else folder.checkpoints / saved.file
        self.resume_step = 0 if point is None else point.step
        self._remote, self._folder, self._lease, self._sync, self._commits = remote, folder, lease, sync, commits
        self._mirror = Mirror(remote, folder, lease, history.sent)
        self._metrics = MetricBuffer()
        self._tables: dict[str, TableBuffer] = {}
        self._known = KnownRows(folder.artifacts, commits[0 if point is None else point.number + 1 :])
        self._all_params = {k: v for commit in commits for k, v in commit.params.items()}
        self._params: dict[str, str] = {}
        self._tags: dict[str, str] = {}
        self._shown_as_tables: dict[str, None] = {}
        self._open = True

    @classmethod
    def start(
        cls,
        config: TrackingConfig,
        output_dir: Path,
        *,
        run_name: str | None = None,
        tags: Mapping[str, str] | None = None,
        texts: Mapping[str, str] | None = None,
    ) -> Self:
        """Start a new run.

        The folder is made before the run, which therefore is not begun where the folder cannot be written.

        Args:
            config: where to record.
            output_dir: the folder under which the run's folder is made.
            run_name: the name to take when `config` gives none.
            tags: tags beside those of `config`.
            texts: artifact path → content of what is committed before anything else, such as the settings.

        Raises:
            InputError: the store or the folder cannot be used; nothing is begun then.
            RunStoppedError: the disk is full; the run has ended as FAILED.

        """
        store = open_store(config.uri, output_dir)
        mark_dead_runs(store)
        experiment_id = store.experiment_id(config.experiment)
        folder, lease = RunFolder.starting(output_dir), Lease(store)
        with held_back():
            try:
                all_tags = {**(tags or {}), **config.tags, **lease.tags()}
                run = create_run(store, experiment_id, config.run_name or run_name, all_tags)
                run_id = str(run.info.run_id)
            except BaseException:
                folder.remove()
                raise
            try:
                lease.begin(run_id)
                folder.take_name(run_id)
                folder.write_origin(store.shown, named_experiment(config.experiment))
                remote = RemoteRun(store, run, folder.scratch)
                sync = sync_command(run_id, config.uri, output_dir)
                recorder = cls(remote, experiment_id, folder, lease, History([]), sync)
            except BaseException:
                end_unstarted_run(store, run_id)
                lease.release()
                folder.remove()
                raise
        if texts:
            try:
                recorder.write_texts(texts)
                recorder.commit(0)
            except BaseException as error:
                recorder._break_off(error)
                raise
        return recorder

    @classmethod
    def resume(cls, config: TrackingConfig, output_dir: Path, run_id: str) -> Self:
        """Continue a run: drop what came after its last commit, send what MLflow lacks, set it RUNNING.

        What is damaged or gone in the run's local folder is taken from MLflow; see `resuming.restore`.

        Raises:
            InputError: the store cannot be used; the run is unknown, in use, or cannot be continued.

        """
        folder, store = RunFolder(output_dir, run_id), open_store(config.uri, output_dir, create=False)
        run = known_run(store, run_id, folder.origin())
        check_resumable(run)
        mark_dead_runs(store)
        folder.open()
        lease = Lease(store)
        try:
            lease.take(run)
            remote = RemoteRun(store, run, folder.scratch)
            # Read again: until the lease was taken, another recorder may have sent more.
            mark = store.client.get_run(run_id).data.tags.get(COMMIT_TAG)
            history = restore(remote, marked(mark), folder)
            folder.write_origin(store.shown, named_experiment(config.experiment))
            sync = sync_command(run_id, config.uri, output_dir)
            recorder = cls(remote, run.info.experiment_id, folder, lease, history, sync)
            recorder._mirror.send(history.commits)
            recorder._mirror.set_status("RUNNING")
        except BaseException:
            lease.release()
            folder.close()
            raise
        return recorder

    def write_texts(self, texts: Mapping[str, str]) -> bool:
        """Write text artifacts, as far as they differ from what is committed; returns whether any does."""
        committed, is_new = latest_files(self._commits), False
        for name, text in texts.items():
            path = self.artifact(name)
            replace_text(path, text)
            if name in committed and committed[name][0] == sealed(path):
                path.unlink()
            else:
                is_new = True
        return is_new

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
            self._tags[name] = cut(redacted_settings(value, name), TAG_LENGTH)

    def log_metrics(self, metrics: Mapping[str, Any], step: int) -> None:
        """Record values as MLflow metrics at `step`; names may hold `/`, values are what `float` takes.

        A resumed run's values for a name and step that were committed after its checkpoint are dropped.

        Raises:
            ValueError: a name that MLflow does not take.

        """
        self._metrics.append(self._known.new_metrics(metrics, int(step)), step)

    def append(self, table: str, columns: Mapping[str, Any]) -> None:
        """Add rows to a table: one of scalars, or columns of equal length; scalars beside them are repeated.

        Columns are lists or NumPy arrays of shape (rows,), or (rows, n) for a vector in each row; None is
        null. A resumed run's rows at a `step` that were committed after its checkpoint are dropped.

        Raises:
            ValueError: columns of different lengths, or others than the table has.

        """
        buffer = self._tables.get(table)
        if buffer is None:
            names = parts_of((name for commit in self._commits for name in commit.files), table)
            buffer = self._tables[table] = TableBuffer(table, next_part(names))
        if (new := self._known.new_rows(table, columns)) is None:
            return
        buffer.append(new)
        if buffer.rows > BUFFERED_ROWS:
            buffer.write_part(self._folder.incoming)

    def table(self, relative: str, frame: pd.DataFrame) -> None:
        """Write a table as the JSON that MLflow's UI shows as one (what `mlflow.log_table` writes).

        Args:
            relative: artifact path, ending in `.json`.
            frame: the table; its index is left out.

        """
        replace_text(self.artifact(relative), frame.to_json(orient="split", index=False, date_format="iso"))
        self._shown_as_tables[relative] = None

    def artifact(self, relative: str) -> Path:
        """The path to put the artifact `relative` at, whole (`atomic.replacing`): a commit takes what it finds."""
        path = self._folder.incoming / relative
        if not path.resolve().is_relative_to(self._folder.incoming.resolve()):
            raise ValueError(f"artifact path {relative!r} leaves the run")
        path.parent.mkdir(parents=True, exist_ok=True)
        return path

    def commit(
        self,
        step: int,
        checkpoint: Path | None = None,
        aliases: Sequence[str] = (),
        *,
        keep: bool = False,
        may_wait: bool = False,
    ) -> None:
        """Make what was recorded so far lasting, and send it to MLflow.

        A store that does not answer only delays the sending.

        Args:
            step: optimizer steps done.
            checkpoint: a file in `checkpoints` from which training can continue after this commit.
            aliases: artifact paths under which the checkpoint is uploaded over the one before, e.g.
                `checkpoints/last.ckpt`. Its local file lives as long as it holds one, or is the last.
            keep: upload it as `checkpoints/<its name>`, too.
            may_wait: send it with a later commit, or beside the training; see `Mirror.send`.

        """
        with held_back():
            self._commit(step, checkpoint, aliases, keep=keep)
            self._mirror.send(self._commits, may_wait=may_wait)
            self._folder.prune_checkpoints(self._mirror.in_use(self._commits))

    def finish(self, status: Status) -> None:
        """End the run: commit what came after the last commit, and set the status here and in MLflow.

        What cannot be done, because the disk is full for instance, keeps nothing else from being done. Signals wait.

        Raises:
            OSError: the last commit of a run that would be FINISHED could not be written; it is FAILED.

        """
        if not self._open:
            return
        self._open = False
        with held_back():
            try:
                self._finish(status)
            finally:
                self._lease.release()
                self._folder.close()

    def _finish(self, status: Status) -> None:
        self._mirror.wait()  # before the heartbeats end, and before there is space for what it reads back
        self._lease.stop()
        self._folder.spend_reserve()
        # A run that breaks off has its status before anything else, which may fail for the same reason.
        is_told = status != "FINISHED" and self._set_status(status)
        failure: OSError | None = None
        try:
            self._commit(self._commits[-1].step if self._commits else 0, status=status)
        except OSError as error:
            _log.warning("what was recorded since the last commit is lost: %s", error)
            self._folder.drop_incoming()
            if status == "FINISHED":
                failure, status = error, "FAILED"
        try:
            is_sent = self._mirror.send(self._commits)
            if not ((is_told or self._set_status(status)) and is_sent):
                _log.warning("send the rest of the run later with: %s", self._sync)
        except LeaseLostError as error:
            _log.warning("%s", error)
        if failure is not None:
            raise failure

    def _set_status(self, status: Status) -> bool:
        try:
            return self._mirror.set_status(status)
        except LeaseLostError:  # the run is another's, and so is its status
            return False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if error is not None:
            self._break_off(error)
            return
        try:
            self.finish("FINISHED")
        except OSError as failure:
            raise_if_out_of_space(failure, self.run_id, self.root)
            raise

    def _break_off(self, error: BaseException) -> None:
        """End the run with the status that befits the error; raises another in its place if the disk is full."""
        self.finish("KILLED" if is_interruption(error) else "FAILED")
        raise_if_out_of_space(error, self.run_id, self.root)

    def checkpoint(self, file: str) -> Path | None:
        """The committed checkpoint of this name, as long as it is whole here or in MLflow."""
        found = [c.checkpoint for c in self._commits if c.checkpoint is not None and c.checkpoint.file == file]
        return whole_checkpoint(self._remote, self._folder, found[-1]) if found else None

    def load_log(self, table: str) -> pd.DataFrame:
        """All rows of a table that were recorded so far, those since the last commit among them."""
        if table in self._tables:
            self._tables[table].write_part(self._folder.incoming)
        folders = (self.directory / table, self._folder.incoming / table)
        return as_frame(read_parts(part for folder in folders for part in folder.glob("part-*.parquet")))

    def load_metrics(self) -> pd.DataFrame:
        """All metric rows so far: `key`, `value`, `timestamp` (ms since 1970), `step`."""
        parts = (self.directory / metrics_artifact(0)).parent.glob("part-*.parquet")
        return as_frame(joined([read_parts(parts), self._metrics.table()]))

    def _commit(
        self,
        step: int,
        checkpoint: Path | None = None,
        aliases: Sequence[str] = (),
        *,
        keep: bool = False,
        status: Status | None = None,
    ) -> None:
        """Make what was recorded so far lasting, here."""
        saved = None if checkpoint is None else self._folder.saved_checkpoint(checkpoint, tuple(aliases), keep)
        for buffer in self._tables.values():
            buffer.write_part(self._folder.incoming)
        number = len(self._commits)
        self._metrics.write_part(self._folder.incoming / metrics_artifact(number))
        files = self._folder.incoming_files()
        self._mirror.wait_for(files)
        commit = Commit(
            number=number,
            step=int(step),
            metrics=metrics_artifact(number) if metrics_artifact(number) in files else None,
            files=files,
            params=dict(self._params),
            tags=dict(self._tags),
            checkpoint=saved,
            tables=tuple(self._shown_as_tables),
            status=status,
            previous=self._commits[-1].digest if self._commits else "",
        )
        append_commit(self._folder.journal, commit)
        self._commits.append(commit)
        self._params, self._tags, self._shown_as_tables = {}, {}, {}
        self._folder.accept(files)

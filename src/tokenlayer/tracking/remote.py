"""The artifacts of one run in MLflow: nothing counts as sent before it was looked at, or as read before its digest.

MLflow keeps the files of the run's model in a place of their own, under the model's id; here they are artifacts of the
run like all others, with paths that begin with `model/files/`.
"""

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from pathlib import Path
from urllib.parse import unquote, urlsplit

from mlflow.artifacts import download_artifacts
from mlflow.entities import Run
from mlflow.exceptions import MlflowException
from mlflow.tracking import MlflowClient
from requests import RequestException

from tokenlayer.tracking.folder import CHECKPOINTS, digest, is_file_of
from tokenlayer.tracking.journal import Commit, SavedCheckpoint, whole_commits
from tokenlayer.tracking.model_files import FILES
from tokenlayer.tracking.store import Store

JOURNAL = "journal/commits"
MODEL_TAG = "tokenlayer.model"
"""On a run: the id of its model."""
_AT_ONCE = 4
_NO_ANSWER = (MlflowException, RequestException, OSError, ValueError)


class NotKeptError(Exception):
    """MLflow took a file without an error and does not have it: a proxy may have answered in its place."""


def journal_artifact(number: int) -> str:
    """Artifact path of a commit's line of the journal."""
    return f"{JOURNAL}/{number:06d}.json"


class RemoteRun:
    """The files of a run in MLflow.

    Args:
        store: where the run is.
        run: the run, of which the id and the place of its artifacts are wanted.
        scratch: a folder for files on their way.

    """

    def __init__(self, store: Store, run: Run, scratch: Path) -> None:
        self.store = store
        self.run_id = str(run.info.run_id)
        self._run_address = str(run.info.artifact_uri)
        self._scratch = scratch

    @property
    def client(self) -> MlflowClient:
        """MLflow's client for the store."""
        return self.store.client

    def send_all(self, folder: Path, files: Mapping[str, str]) -> None:
        """Upload files as `send` does, several at once to a store that is elsewhere: most of the time is waiting.

        Args:
            folder: holds the files, each in the place of its artifact.
            files: the digest of each, by artifact path. None is begun after one that fails.

        Raises:
            NotKeptError: one of the artifacts is not what was sent.

        """
        at_once = _AT_ONCE if self._local_folder is None else 1
        with ThreadPoolExecutor(at_once) as pool:
            sent = [pool.submit(self.send, folder / name, name, content) for name, content in files.items()]
            try:
                for each in sent:
                    each.result()
            finally:
                pool.shutdown(cancel_futures=True)

    def send(self, source: Path, name: str, content: str) -> None:
        """Upload a file, and make sure that it is there.

        A folder on this machine reports its own errors, and the size is looked at. Anything else is read back: a
        proxy may answer an upload with a page of its own, and an artifact that is replaced by one of the same size
        shows no difference in a listing.

        Args:
            source: the file; the artifact has its name.
            name: artifact path.
            content: the digest of the file.

        Raises:
            NotKeptError: the artifact is not what was sent.

        """
        parent = Path(name.removeprefix(FILES)).parent.as_posix()
        folder = None if parent == "." else parent
        if name.startswith(FILES):
            self.client.log_model_artifact(self._model_id, str(source), folder)
        else:
            self.client.log_artifact(self.run_id, str(source), folder)
        local = self._local_path(name)
        if local is not None:
            is_kept = local.is_file() and local.stat().st_size == source.stat().st_size
        else:
            copy = self.fetch(name, content)
            is_kept = copy is not None
            if copy is not None:
                copy.unlink()
        if not is_kept:
            raise NotKeptError(f"the artifact {name} was taken, and is not what was sent; is there a proxy before it?")

    def fetch(self, name: str, content: str) -> Path | None:
        """A copy of an artifact in the scratch folder; None where there is none with this digest."""
        path = self._download(name)
        return path if path is not None and digest(path) == content else None

    def holds(self, name: str, content: str) -> bool:
        """True if the artifact is there and, read now, has this digest."""
        local = self._local_path(name)
        if local is not None:
            return is_file_of(local, content)
        copy = self.fetch(name, content)
        if copy is not None:
            copy.unlink()
        return copy is not None

    def fetch_checkpoint(self, saved: SavedCheckpoint) -> Path | None:
        """A copy of a checkpoint, under whichever name its content is found."""
        for name in (*saved.aliases, f"{CHECKPOINTS}/{saved.file}"):
            path = self.fetch(name, saved.digest)
            if path is not None:
                return path
        return None

    def journal(self) -> list[Commit]:
        """The commits that MLflow has the lines of, as far as they follow from each other."""
        lines: list[bytes] = []
        while (path := self._download(journal_artifact(len(lines)))) is not None:
            lines.append(path.read_bytes())
        return list(whole_commits(lines))

    def _download(self, name: str) -> Path | None:
        folder = (self._scratch / "fetched" / name).parent
        folder.mkdir(parents=True, exist_ok=True)
        try:
            # By the place and not by the run, for which the client would ask the server each time, and for its models.
            if name.startswith(FILES):
                address = f"{self._model_address}/{name.removeprefix(FILES)}"
            else:
                address = f"{self._run_address}/{name}"
            copy = Path(download_artifacts(address, dst_path=str(folder), tracking_uri=self.store.uri))
        except _NO_ANSWER:
            return None
        return copy if copy.is_file() else None

    def _local_path(self, name: str) -> Path | None:
        """The place of an artifact on this machine, there or to be; None where that is elsewhere."""
        if not name.startswith(FILES):
            return None if self._local_folder is None else self._local_folder / name
        try:
            folder = _local(self._model_address)
        except _NO_ANSWER:
            return None
        return None if folder is None else folder / name.removeprefix(FILES)

    @cached_property
    def _local_folder(self) -> Path | None:
        return _local(self._run_address)

    @cached_property
    def _model_id(self) -> str:
        """MLflow's id of the run's model. Raises ValueError for a run that has none."""
        noted = self.client.get_run(self.run_id).data.tags.get(MODEL_TAG)
        if noted is None:
            raise ValueError(f"run {self.run_id} has no model")
        return str(noted)

    @cached_property
    def _model_address(self) -> str:
        return str(self.client.get_logged_model(self._model_id).artifact_location)


def _local(address: str) -> Path | None:
    """The folder at an address, if it is on this machine."""
    place = urlsplit(address)
    return Path(unquote(place.path)) if place.scheme in ("", "file") else None

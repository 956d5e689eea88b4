"""The artifacts of one run in MLflow: nothing counts as sent before it was looked at, or as read before its digest."""

from functools import cached_property
from pathlib import Path
from urllib.parse import unquote, urlsplit

from mlflow.exceptions import MlflowException
from mlflow.tracking import MlflowClient
from requests import RequestException

from tokenlayer.tracking.folder import CHECKPOINTS, digest, is_file_of
from tokenlayer.tracking.journal import Commit, SavedCheckpoint, whole_commits
from tokenlayer.tracking.store import Store

JOURNAL = "journal/commits"
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
        run_id: MLflow's id of it.
        scratch: a folder for files on their way.

    """

    def __init__(self, store: Store, run_id: str, scratch: Path) -> None:
        self.store = store
        self.run_id = run_id
        self._scratch = scratch

    @property
    def client(self) -> MlflowClient:
        """MLflow's client for the store."""
        return self.store.client

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
        parent = Path(name).parent.as_posix()
        self.client.log_artifact(self.run_id, str(source), None if parent == "." else parent)
        local = self._local_folder
        if local is not None:
            is_kept = (local / name).is_file() and (local / name).stat().st_size == source.stat().st_size
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
        local = self._local_folder
        if local is not None:
            return is_file_of(local / name, content)
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
        folder = self._scratch / "fetched"
        folder.mkdir(parents=True, exist_ok=True)
        try:
            copy = Path(self.client.download_artifacts(self.run_id, name, str(folder)))
        except _NO_ANSWER:
            return None
        return copy if copy.is_file() else None

    @cached_property
    def _local_folder(self) -> Path | None:
        place = urlsplit(str(self.client.get_run(self.run_id).info.artifact_uri))
        return Path(unquote(place.path)) if place.scheme in ("", "file") else None

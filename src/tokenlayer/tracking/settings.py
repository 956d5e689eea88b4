"""The settings that a run was started with, read back from its folder, or from MLflow where the folder lacks them."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from tokenlayer.errors import InputError
from tokenlayer.tracking.folder import RunFolder
from tokenlayer.tracking.journal import Commit, latest_files
from tokenlayer.tracking.mirror import COMMIT_TAG, marked
from tokenlayer.tracking.remote import RemoteRun
from tokenlayer.tracking.resuming import sent_of
from tokenlayer.tracking.runs import check_resumable, find_run
from tokenlayer.tracking.store import Store
from tokenlayer.yaml_files import load_yaml

RESOLVED = "config/resolved.yaml"
OVERRIDES = "config/overrides.yaml"
CHOSEN = "config/chosen.yaml"
CHOICES = "config/choices.yaml"
COMMAND = "config/command.txt"


def load_settings(
    store: Store, named: str, output_dir: Path, recorded_to: str | None = None
) -> tuple[str, dict[str, Any], list[str]]:
    """The id of a run that is to be resumed, its resolved configuration, and the overrides it was started with.

    The first commit of a run has them, before it trains and whether or not MLflow could be reached.

    Args:
        store: the run's store.
        named: its id, the beginning of it, or its name.
        output_dir: holds the run's folder.
        recorded_to: where local files say that the run is mirrored to.

    Raises:
        InputError: there is no such run, it cannot be resumed, or its settings are damaged.

    """
    run = find_run(store, named, recorded_to)
    check_resumable(run)
    run_id = str(run.info.run_id)
    folder = RunFolder(output_dir, run_id)
    with TemporaryDirectory() as scratch:
        remote = RemoteRun(store, run, Path(scratch))
        local = folder.read_commits().commits
        # A folder that is behind MLflow may have other settings than the run was last resumed with.
        is_latest = bool(local) and sent_of(local, marked(run.data.tags.get(COMMIT_TAG))) is not None
        reader = _Reader(folder, remote, local if is_latest else remote.journal())
        resolved, overrides = reader.read(RESOLVED), reader.read(OVERRIDES)
    if not isinstance(resolved, dict) or not isinstance(overrides, list | None):
        raise InputError(f"run {run_id}: {RESOLVED} or {OVERRIDES} holds no settings")
    return run_id, resolved, [str(override) for override in overrides or []]


class _Reader:
    def __init__(self, folder: RunFolder, remote: RemoteRun, commits: Sequence[Commit]) -> None:
        self._folder = folder
        self._remote = remote
        self._commits = commits
        self._files: Mapping[str, tuple[str, int]] = latest_files(commits)

    def read(self, name: str) -> Any:
        """The content of a YAML file, from where it is whole."""
        run_id = self._remote.run_id
        if name not in self._files:
            raise InputError(f"run {run_id} has recorded no {name}: it cannot be resumed; start it again")
        path = self._folder.whole_file(name, self._commits) or self._remote.fetch(name, self._files[name][0])
        if path is None:
            raise InputError(
                f"run {run_id}: {name} is damaged or gone in {self._folder.root} and in {self._remote.store.shown}"
            )
        return load_yaml(path, f"{name} of run {run_id}")

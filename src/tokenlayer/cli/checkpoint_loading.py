"""The configuration that a run has saved, from which `resume=…` and `tokenlayer evaluate …` start."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tokenlayer.config.resume import SavedRun
from tokenlayer.errors import InputError
from tokenlayer.outside import say_loading
from tokenlayer.tracking.config import TrackingConfig
from tokenlayer.tracking.uri import named_uri

_LONGEST_ID = 100


def saved_run(run: str, tracking: TrackingConfig, output_dir: str) -> SavedRun:
    """The configuration that a run was started with. Raises `InputError` if there is no such run to be resumed."""
    # MLflow takes seconds to import, and most command lines have no saved run.
    say_loading("mlflow")
    from tokenlayer.tracking.folder import RunFolder  # noqa: PLC0415  # MLflow takes seconds, and most lines need none
    from tokenlayer.tracking.runs import where_to_look  # noqa: PLC0415  # MLflow
    from tokenlayer.tracking.settings import load_settings  # noqa: PLC0415  # MLflow
    from tokenlayer.tracking.store import open_store  # noqa: PLC0415  # MLflow

    folder = Path(output_dir).absolute()
    recorded_to = RunFolder(folder, run).origin() if run.isalnum() and len(run) < _LONGEST_ID else None
    try:
        store = open_store(tracking.uri, folder, create=False)
    except InputError as error:
        if recorded_to is None or named_uri(tracking.uri) is not None:
            raise
        raise InputError(f"run {run} was recorded to {recorded_to}; {where_to_look(recorded_to)}") from error
    run_id, resolved, overrides = load_settings(store, run, folder, recorded_to)
    return SavedRun(run_id, _with_sections(resolved, f"the configuration of run {run_id}"), overrides)


def saved_config(run_or_checkpoint: str, tracking: TrackingConfig, output_dir: str) -> SavedRun:
    """The configuration that a checkpoint, a run's best or a file, carries. Raises `InputError`."""
    from tokenlayer.training.checkpoint_loading import saved_model  # noqa: PLC0415  # MLflow takes seconds

    saved = saved_model(run_or_checkpoint, tracking, output_dir)
    config = _with_sections(saved.config(), f"the configuration in {saved.place}")
    return SavedRun(saved.run_id or run_or_checkpoint, config, [])


def _with_sections(resolved: Mapping[str, Any], place: str) -> Mapping[str, Any]:
    """A configuration that has what is looked up in it before the whole is checked."""
    for section, name in (("dataset", "text_length"), ("dataset", "cleaning"), ("tracking", "experiment")):
        if not isinstance(resolved.get(section), Mapping) or name not in resolved[section]:
            raise InputError(f"{place} is damaged, or has been edited: it has no {section}.{name}; take another")
    if not isinstance(resolved["dataset"].get("alphabet"), Mapping):
        raise InputError(f"{place} is damaged, or has been edited: it has no dataset.alphabet; take another")
    return resolved

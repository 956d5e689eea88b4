"""The configuration that a run has saved, from which `resume=…` and `tokenlayer evaluate …` start."""

from pathlib import Path

import yaml

from tokenlayer.config.resume import SavedRun
from tokenlayer.outside import say_loading
from tokenlayer.tracking.config import TrackingConfig


def saved_run(run: str, tracking: TrackingConfig, output_dir: str) -> SavedRun:
    """The configuration among the artifacts of a run. Raises `InputError` if there is no such run to be resumed."""
    # MLflow takes seconds to import, and most command lines have no saved run.
    say_loading("mlflow")
    from tokenlayer.tracking.reading import download_artifact, load_resolved_config  # noqa: PLC0415  # MLflow
    from tokenlayer.tracking.runs import check_resumable, find_run  # noqa: PLC0415  # takes seconds, and
    from tokenlayer.tracking.store import open_store  # noqa: PLC0415  # most lines need none

    folder = Path(output_dir).absolute()
    found = find_run(open_store(tracking.uri, folder, create=False), run)
    check_resumable(found)
    run_id = str(found.info.run_id)
    resolved = load_resolved_config(run_id, uri=tracking.uri, output_dir=folder)
    overrides = download_artifact(run_id, "config/overrides.yaml", uri=tracking.uri, output_dir=folder)
    return SavedRun(run_id, resolved, yaml.safe_load(overrides.read_text(encoding="utf-8")) or [])


def saved_config(run_or_checkpoint: str, tracking: TrackingConfig, output_dir: str) -> SavedRun:
    """The configuration that a checkpoint, a run's best or a file, carries. Raises `InputError`."""
    from tokenlayer.training.checkpoint_loading import saved_model  # noqa: PLC0415  # MLflow takes seconds

    saved = saved_model(run_or_checkpoint, tracking, output_dir)
    return SavedRun(saved.run_id or run_or_checkpoint, saved.config(), [])

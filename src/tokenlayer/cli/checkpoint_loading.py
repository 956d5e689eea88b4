"""The configuration that a run has saved, from which `resume=…` and `tokenlayer evaluate …` start."""

from pathlib import Path

from tokenlayer.config.resume import SavedRun
from tokenlayer.outside import say_loading
from tokenlayer.tracking.config import TrackingConfig


def saved_run(run_id: str, tracking: TrackingConfig, output_dir: str) -> SavedRun:
    """The configuration that a run was started with. Raises `InputError` if there is no such run to be resumed."""
    # MLflow takes seconds to import, and most command lines have no saved run.
    say_loading("mlflow")
    from tokenlayer.tracking.settings import load_settings  # noqa: PLC0415  # MLflow takes seconds

    return SavedRun(*load_settings(run_id, tracking.uri, Path(output_dir).absolute()))


def saved_config(run_or_checkpoint: str, tracking: TrackingConfig, output_dir: str) -> SavedRun:
    """The configuration that a checkpoint, a run's best or a file, carries. Raises `InputError`."""
    from tokenlayer.training.checkpoint_loading import saved_model  # noqa: PLC0415  # MLflow takes seconds

    return SavedRun(saved_model(run_or_checkpoint, tracking, output_dir).header["config"], [])

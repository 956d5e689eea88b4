"""Lightning's `self.log` into a recorder."""

from collections.abc import Mapping
from typing import Any

from pytorch_lightning.loggers import Logger
from pytorch_lightning.utilities import rank_zero_only

from tokenlayer.tracking.recorder import Recorder


class RecorderLogger(Logger):
    """Hands metrics to a recorder; the run's status and parameters are not Lightning's business.

    Args:
        recorder: the run. It is not finished here: a run continues after `fit`, with test and artifacts.

    """

    def __init__(self, recorder: Recorder) -> None:
        super().__init__()
        self._recorder = recorder

    @property
    def name(self) -> str:
        """A name for Lightning's own paths, which are not used."""
        return "tokenlayer"

    @property
    def version(self) -> str:
        """The run's id."""
        return self._recorder.run_id

    @property
    def save_dir(self) -> str:
        """The run's local folder."""
        return str(self._recorder.root)

    @rank_zero_only
    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        """Record metrics, without the `epoch` that Lightning adds to each."""
        self._recorder.log_metrics({k: v for k, v in metrics.items() if k != "epoch"}, step or 0)

    @rank_zero_only
    def log_hyperparams(self, params: Any, *args: Any, **kwargs: Any) -> None:
        """Nothing: the whole configuration is recorded when the run starts."""

"""What every callback is given, and how one is configured. A new callback is two files here and one YAML."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tokenlayer.terminal import console
from tokenlayer.training.job import Job

if TYPE_CHECKING:
    import pytorch_lightning as pl
    from rich.console import Console

    from tokenlayer.data.types import PreparedDataset
    from tokenlayer.tracking.recorder import Recorder


@dataclass(frozen=True)
class RunContext:
    """The run that callbacks record."""

    recorder: Recorder
    dataset: PreparedDataset
    job: Job[Any]
    console: Console = field(default_factory=console)
    remarks: dict[str, str] = field(default_factory=dict)
    """What callbacks have to say on the run's page, before its figures."""


@dataclass
class CallbackConfig(ABC):
    """Configuration of a callback."""

    @abstractmethod
    def build(self, run: RunContext) -> pl.Callback:
        """The callback for a run."""

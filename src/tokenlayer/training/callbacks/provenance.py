"""Settings of the record of where a run comes from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tokenlayer.training.callbacks.base import CallbackConfig, RunContext

if TYPE_CHECKING:
    from tokenlayer.training.callbacks.provenance_callback import Provenance


@dataclass
class ProvenanceConfig(CallbackConfig):
    """The origin of the run."""

    def build(self, run: RunContext) -> Provenance:
        from tokenlayer.training.callbacks.provenance_callback import Provenance

        return Provenance(run)

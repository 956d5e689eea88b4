"""Settings of the callback by which others follow a training, and end it early."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from tokenlayer.training.callbacks.base import CallbackConfig, RunContext

if TYPE_CHECKING:
    from tokenlayer.training.callbacks.watched_callback import Watched


class Watcher(Protocol):
    """Who follows a training."""

    def why_end(self, validations: Sequence[Mapping[str, float]]) -> str | None:
        """Be given what all validations so far have measured, in their order, once more with each.

        A training that is continued begins with what it has recorded before.

        Returns:
            None to go on. Else the reason to end now, for the page of the run, which is tested and finished.

        """


@dataclass
class WatchedConfig(CallbackConfig):
    """Shows a watcher each validation. No file can name one: a program gives it."""

    watcher: Watcher
    """Who follows."""
    tags: Mapping[str, str]
    """Tags of a run that is ended early."""

    def build(self, run: RunContext) -> Watched:
        from tokenlayer.training.callbacks.watched_callback import Watched

        return Watched(run, self)

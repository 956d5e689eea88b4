"""A callback that times the steps of a real training, from the beginning of one batch to that of the next."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytorch_lightning as pl

from benchmarks.turns import running_clock
from tokenlayer.training.callbacks.base import CallbackConfig, RunContext


class StepTimer(pl.Callback):
    """Times whole steps: the batch, the update, commits, and all other callbacks.

    Args:
        path: the JSON file, written when training ends.

    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._begun: list[float] = []

    def on_train_batch_start(self, *_: Any) -> None:
        self._begun.append(time.perf_counter())

    def on_train_end(self, trainer: pl.Trainer, *_: Any) -> None:
        steps = [1000 * (end - begin) for begin, end in zip(self._begun, self._begun[1:], strict=False)]
        self._path.write_text(json.dumps({"steps_ms": steps, "batches_per_epoch": int(trainer.num_training_batches)}))


@dataclass
class StepTimerConfig(CallbackConfig):
    """Configuration of the timer."""

    path: str
    """The file to write."""

    def build(self, _run: RunContext) -> StepTimer:
        return StepTimer(Path(self.path))


class PhaseTimer(pl.Callback):
    """Times the whole of the training and of the test: batches, validations, commits, and all other callbacks.

    Or how much of it passes in the hooks of the other callbacks: both are of one run, so that a machine which is faster
    in one run than in the next makes no difference to their ratio. To look takes time itself, some µs for each hook.

    Args:
        path: the JSON file, written when the test ends.
        in_hooks: whether to look into the other callbacks.
        turns: the folder of a command that takes turns with others (see `benchmarks.turns`).

    """

    def __init__(self, path: Path, in_hooks: bool, turns: Path | None) -> None:
        self._path = path
        self._clock = time.monotonic if turns is None else running_clock(turns)
        # What is done again after so many seconds is so after as many of the command's own.
        time.monotonic = self._clock
        self._looks = in_hooks
        self._begun = (0.0, 0.0)
        self._in_callbacks = 0.0
        self._found: dict[str, Any] = {}

    def setup(self, trainer: pl.Trainer, *_: Any, **__: Any) -> None:
        if self._looks and not self._found:
            for callback in trainer.callbacks:  # type: ignore[attr-defined]  # Lightning declares it on the connector
                if callback is not self:
                    self._watch(callback)
        self._in_callbacks = 0.0
        self._begun = (self._clock(), time.process_time())

    def _watch(self, callback: pl.Callback) -> None:
        """Have each hook timed that the callback has."""
        for name in dir(pl.Callback):
            hook = getattr(callback, name)
            # Ours are None where there is nothing to do.
            if (
                name.startswith("on_")
                and hook is not None
                and getattr(type(callback), name) is not getattr(pl.Callback, name)
            ):
                setattr(callback, name, self._timed(hook))

    def _timed(self, hook: Callable[..., Any]) -> Callable[..., Any]:
        def timed(*arguments: Any, **more: Any) -> Any:
            begun = time.perf_counter()
            try:
                return hook(*arguments, **more)
            finally:
                self._in_callbacks += time.perf_counter() - begun

        return timed

    def teardown(self, trainer: pl.Trainer, *_: Any, stage: str) -> None:
        wall, cpu = self._begun
        self._found[stage] = {
            "wall_s": self._clock() - wall,
            "cpu_s": time.process_time() - cpu,
            "callbacks_s": self._in_callbacks,
        }
        self._found["steps"] = trainer.global_step or self._found.get("steps", 0)
        self._path.write_text(json.dumps(self._found))


@dataclass
class PhaseTimerConfig(CallbackConfig):
    """Configuration of the timer of phases."""

    path: str
    """The file to write."""
    in_hooks: bool = False
    """Whether to look into the hooks of the other callbacks, which takes time itself."""
    turns: str | None = None
    """The folder of a command that takes turns with others."""

    def build(self, _run: RunContext) -> PhaseTimer:
        return PhaseTimer(Path(self.path), self.in_hooks, None if self.turns is None else Path(self.turns))

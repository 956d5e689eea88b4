"""A configuration in small, for tests that must not depend on the real one."""

import functools
from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

import torch
from torch.optim.lr_scheduler import LRScheduler


@dataclass
class Cleaning:
    lower: bool = True
    keep: int | None = 30


@dataclass(kw_only=True)
class Source(ABC):
    text_length: int = 10
    cleaning: Cleaning = field(default_factory=Cleaning)

    @abstractmethod
    def load(self) -> None: ...

    def problems(self) -> Iterator[tuple[str, str]]:
        if self.text_length < 1:
            yield "text_length", f"{self.text_length} is below 1"


@dataclass(kw_only=True)
class Generated(Source):
    kind: Literal["short", "long"] = "short"
    lengths: list[int] = field(default_factory=lambda: [5, 8])

    def load(self) -> None: ...


@dataclass(kw_only=True)
class Read(Source):
    source: str
    rate: float = 0.5

    def load(self) -> None: ...


@dataclass
class Watch(ABC):
    every: int = 10

    @abstractmethod
    def build(self) -> None: ...


@dataclass
class Live(Watch):
    rows: int = 15

    def build(self) -> None: ...


@dataclass(kw_only=True)
class Root:
    seed: int
    dataset: Source
    optimizer: functools.partial[torch.optim.Optimizer]
    lr_scheduler: functools.partial[LRScheduler] | None
    callbacks: dict[str, Watch | None]
    share: int | float | None = None
    output_dir: str = "outputs"
    resume: str | None = None
    allow_targets: list[str] = field(default_factory=list)


def no_run_before(composed: dict[str, Any], line: object) -> dict[str, Any]:
    """For commands that need no saved run."""
    return composed

"""What takes long before a training begins says how far it is, to whoever has asked to be shown it: the command has.

Work is watched from outside: it counts what it has done, and a display looks at the count when it likes, so that
counting costs a loop next to nothing. Used from Python, tokenlayer shows nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TypeVar

T = TypeVar("T")


@dataclass
class Work:
    """A piece of work that may take long."""

    what: str
    """It in words: `cleaning texts`."""
    total: int | None
    """Things to do, of any kind; None: not known."""
    done: int = 0
    """Things done so far."""
    looked_up: Callable[[], int] | None = None
    """Returns the number of things done, where it is known elsewhere and need not be counted."""

    def step(self) -> None:
        """Count one more thing as done."""
        self.done += 1

    def done_now(self) -> int:
        """The number of things done."""
        return self.done if self.looked_up is None else self.looked_up()


Display = Callable[[Work], AbstractContextManager[None]]
"""Shows a piece of work while a block runs, from another thread."""

_display: ContextVar[Display | None] = ContextVar("display", default=None)


@contextmanager
def shown_by(display: Display | None) -> Iterator[None]:
    """Show the work in the block; None: show nothing of it."""
    before = _display.set(display)
    try:
        yield
    finally:
        _display.reset(before)


@contextmanager
def working(what: str, total: int | None = None, looked_up: Callable[[], int] | None = None) -> Iterator[Work]:
    """The work in the block, whose `done` the block may raise. Work within it is a part of it, and not shown."""
    work = Work(what, total, looked_up=looked_up)
    display = _display.get()
    if display is None:
        yield work
        return
    with shown_by(None), display(work):
        yield work


def tracked(items: Iterable[T], what: str, total: int | None = None) -> Iterator[T]:
    """The items one after the other, as work that is done with the last."""
    if _display.get() is None:
        yield from items
        return
    with working(what, total) as work:
        for item in items:
            yield item
            work.done += 1

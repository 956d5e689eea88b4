"""How far work is, in the terminal: a bar that goes away when it is done, or a line where the output is no terminal."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from tokenlayer.progress import Work

_DELAY = 1.0  # seconds: what is done sooner needs no bar
_REFRESH = 0.1


@contextmanager
def progress_bar(work: Work) -> Iterator[None]:
    """Show the work on standard error while the block runs, if it takes longer than a second."""
    is_over = threading.Event()
    thread = threading.Thread(target=_show, args=(work, is_over), daemon=True)
    thread.start()
    try:
        yield
    finally:
        is_over.set()
        thread.join()


def _show(work: Work, is_over: threading.Event) -> None:
    if is_over.wait(_DELAY):
        return
    from rich.console import Console  # noqa: PLC0415  # only for what takes long
    from rich.progress import (  # noqa: PLC0415  # likewise
        BarColumn,
        Progress,
        TaskProgressColumn,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    console = Console(stderr=True)
    if not console.is_terminal:
        console.print(f"{work.what} …", markup=False, highlight=False)
        return
    columns = [TextColumn("{task.description}", markup=False), BarColumn(), TaskProgressColumn(), TimeElapsedColumn()]
    columns += [TimeRemainingColumn()] if work.total else []
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task(work.what, total=work.total)
        while not is_over.wait(_REFRESH):
            bar.update(task, completed=work.done_now())

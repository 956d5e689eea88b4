"""Runs of the real command, in this process."""

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from tiny_runs import TINY, Recorded, Store

from tokenlayer.cli.main import main


@pytest.fixture
def store(output_dir: Path) -> Store:
    return Store(output_dir)


@pytest.fixture
def train(store: Store) -> Callable[..., Recorded]:
    """`tokenlayer train` on tiny texts; gives the run that it recorded."""

    def run(*overrides: str, tiny: Sequence[str] = TINY) -> Recorded:
        before = {recorded.run_id for recorded in store.runs()}
        assert main(["train", *tiny, f"output_dir={store.output_dir}", *overrides]) == 0
        (new,) = [recorded for recorded in store.runs() if recorded.run_id not in before]
        return new

    return run

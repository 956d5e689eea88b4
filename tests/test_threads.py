"""Work in threads: results in order, and as many threads as torch may use."""

import threading

import pytest
import torch

from tokenlayer.threads import in_threads


@pytest.mark.parametrize("n_threads", [1, 2, 3])
def test_results_are_in_the_order_of_the_parts(n_threads: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch, "get_num_threads", lambda: n_threads)
    assert in_threads(lambda part: part**2, range(20)) == [part**2 for part in range(20)]
    assert in_threads(str, []) == []


@pytest.mark.parametrize("n_threads", [1, 3])
def test_as_many_run_at_once_as_torch_may_use(n_threads: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch, "get_num_threads", lambda: n_threads)
    all_there = threading.Barrier(n_threads, timeout=10)
    names = in_threads(lambda _: (all_there.wait(), threading.current_thread().name)[1], range(n_threads))
    assert len(set(names)) == n_threads


@pytest.mark.parametrize("n_threads", [1, 2])
def test_a_part_that_fails_is_a_failure(n_threads: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch, "get_num_threads", lambda: n_threads)
    with pytest.raises(ZeroDivisionError):
        in_threads(lambda part: 1 // part, [1, 0, 2])

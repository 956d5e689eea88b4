"""Hostile input, made by Hypothesis: a result must come of it or an `InputError`, soon and in bounded memory."""

import os
import resource
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st

from tokenlayer.errors import InputError

FEW = 50
"""Examples of each kind in the fast tests."""
_LONGEST_MESSAGE = 4000
_MORE_MEMORY = 1 << 30
_MOST_SECONDS = 10  # of this process: what else runs on the machine does not count
_PAGE = os.sysconf("SC_PAGE_SIZE")

_SHARED: dict[str, Any] = {"deadline": None, "database": None, "suppress_health_check": list(HealthCheck)}
few = settings(max_examples=FEW, derandomize=True, phases=[Phase.explicit, Phase.generate], **_SHARED)
"""The same examples each time: a fast test fails because of a change, not by chance."""


def many(examples: int) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Other examples each time, as a test that is left out unless faults are asked for."""

    def marked(test: Callable[..., None]) -> Callable[..., None]:
        drawn = settings(max_examples=examples, print_blob=True, **_SHARED)(test)
        return pytest.mark.timeout(3600)(pytest.mark.faults(drawn))

    return marked


@contextmanager
def bounded_memory(more: int = _MORE_MEMORY) -> Iterator[None]:
    """Let this process take so many bytes more than it has; an allocation beyond is a `MemoryError`."""
    now = int(Path("/proc/self/statm").read_text().split()[0]) * _PAGE
    before = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (now + more, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, before)


def declared(call: Callable[[], object], *places: str) -> str | None:
    """Call; the message of the `InputError` that comes, if one does, which names one of the places."""
    began = time.process_time()
    try:
        with bounded_memory():
            call()
    except InputError as error:
        message = str(error)
        assert 10 < len(message) < _LONGEST_MESSAGE, message[:_LONGEST_MESSAGE]
        assert any(place in message for place in places), message
        return message
    finally:
        assert time.process_time() - began < _MOST_SECONDS
    return None


def odd_text() -> st.SearchStrategy[str]:
    """Text of any characters, lone surrogates and NUL among them, and some that is known to make trouble."""
    known = [
        "",
        " ",
        "\0",
        "\ud800",
        "=1+1",
        "\x1b[2J",
        "\u202e",
        "$\\frac{1$",
        "nan",
        "1e999",
        "'",
        '"',
        "<UNK>",
        "█",
        "a\r\nb",
    ]
    return st.one_of(
        st.text(max_size=30),
        st.text(st.characters(categories=["Cs", "Cc", "Cf", "Lo", "So"]), max_size=10),
        st.sampled_from(known),
        st.sampled_from(["ordinary", "words of a text", "red", "blue"]),
    )


@st.composite
def damaged(draw: st.DrawFn, content: bytes) -> bytes:
    """The bytes as they are, or cut, with bytes changed, taken out, put in or repeated."""
    for _ in range(draw(st.sampled_from([0, 0, 1, 2, 5]))):
        at = draw(st.integers(0, len(content)))
        until = min(len(content), at + draw(st.sampled_from([0, 1, 4, 100])))
        piece = draw(st.one_of(st.binary(max_size=8), st.just(content[at:until] * 3), st.just(b"\xff" * 8)))
        content = content[:at] + piece + (b"" if draw(st.integers(0, 9)) == 0 else content[until:])
    return content

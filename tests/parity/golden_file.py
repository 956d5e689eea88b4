"""The file of what the original package returned, and how close to it is close.

`TOKENLAYER_GOLDEN` names another file with the same keys; shapes, values and numbers of cases may differ.
"""

import functools
import json
import os
from fnmatch import fnmatchcase
from pathlib import Path

import numpy as np

PATH = Path(os.environ.get("TOKENLAYER_GOLDEN", Path(__file__).parent / "goldens" / "upstream_golden.npz"))


@functools.cache
def arrays():
    with np.load(PATH) as file:
        return {key: file[key] for key in file.files}


def names(before, after=""):
    """What stands between `before` and `after` in the keys that have both: `names("layer_", "_codes")`."""
    found = [key for key in arrays() if fnmatchcase(key, f"{before}*{after}")]
    return [key[len(before) : len(key) - len(after)] for key in found]


class Golden:
    """Those keys that a test has declared; remembers which of them it read."""

    def __init__(self, declared):
        self._declared = declared
        self._read = set()

    def __getitem__(self, key):
        assert key in self._declared, f"the test reads {key} without declaring it"
        self._read.add(key)
        return arrays()[key]

    def text(self, key):
        return str(self[key])

    def json(self, key):
        return json.loads(self.text(key))

    @property
    def unread(self):
        return self._declared - self._read


def assert_close(actual, expected, rtol):
    """Within `rtol` of the largest number expected: a float32 sum that cancels is as inexact as its terms."""
    expected = np.asarray(expected, dtype=np.float64)
    actual = np.asarray(actual, dtype=np.float64)
    assert actual.shape == expected.shape
    error = np.abs(actual - expected).max(initial=0)
    assert error <= rtol * np.abs(expected).max(initial=0)

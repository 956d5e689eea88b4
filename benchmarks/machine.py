"""The machine and the versions that the figures were measured with."""

from __future__ import annotations

from typing import Any

import psutil

from benchmarks.child import ROOT
from tokenlayer.tracking.provenance import git_state, hardware, packages, python

_PACKAGES = ("torch", "pytorch-lightning", "torchmetrics", "numpy", "mlflow", "pyarrow")


def machine() -> dict[str, Any]:
    """Processor, cores, versions, commit, and the load before the measurements."""
    versions = packages()
    git = git_state(ROOT)
    return {
        "hardware": hardware(),
        "python": python(),
        "packages": {name: versions.get(name) for name in _PACKAGES},
        "git": {key: git.get(key) for key in ("commit", "dirty")},
        "load_average": psutil.getloadavg()[0],
    }

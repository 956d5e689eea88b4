"""The original package, in a venv of its own, on the same batches and from the same patterns."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from itertools import islice
from pathlib import Path

import numpy as np

from benchmarks.child import ROOT, Result, run_script
from benchmarks.setup import Bench
from tokenlayer.original.flatten_head import FlattenHead
from tokenlayer.original.layer import TokenizationLayer

VENV = ROOT / "benchmarks" / ".original-venv"
TENSORFLOW, ORIGINAL = "tensorflow-cpu==2.15.1", "tokenization-layer==0.0.2"


class NotInstallableError(Exception):
    """The original cannot be installed here, for the reason in the message."""


def measure(overrides: Sequence[str], n_steps: int) -> Result:
    """The measurements of `benchmarks/original.py`, or under `error` the reason why there are none."""
    try:
        python = installed()
    except NotInstallableError as reason:
        return {"error": str(reason)}
    bench = Bench(overrides)
    head, layer = bench.model.head, bench.model.tokenization
    assert isinstance(head, FlattenHead)
    assert isinstance(layer, TokenizationLayer)
    batches = list(islice(bench.batches(), n_steps + 1))
    alphabet = bench.dataset.alphabet
    with tempfile.TemporaryDirectory() as folder:
        arrays = Path(folder, "arrays.npz")
        np.savez(
            arrays,
            patterns=layer.patterns.detach().numpy(),
            codes=np.stack([batch.codes.numpy() for batch in batches]).astype(np.int32),
            labels=np.stack([batch.labels.numpy() for batch in batches]),
        )
        settings = {
            "arrays": str(arrays),
            "hidden": head.dense.out_features,
            "strings": [
                [alphabet.decode(codes[codes < alphabet.size]) for codes in batch.codes.numpy()] for batch in batches
            ],
            "chars": alphabet.chars,
            "threads": bench.config.trainer.threads,
        }
        return run_script([str(python), str(ROOT / "benchmarks" / "original.py")], settings)


def installed() -> Path:
    """The interpreter of the venv, which is made on first use.

    Raises:
        NotInstallableError: no Python 3.11 (TensorFlow 2.15 has no wheels for a newer one), or pip fails.

    """
    python, stamp = VENV / "bin" / "python", VENV / ".installed"
    if stamp.exists():
        return python
    base = sys.executable if sys.version_info[:2] == (3, 11) else shutil.which("python3.11")
    if base is None:
        raise NotInstallableError(f"{TENSORFLOW} needs Python 3.11, and there is no python3.11 on the PATH")
    pip = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    _done([base, "-m", "venv", "--clear", str(VENV)])
    _done([*pip, TENSORFLOW])
    # It requires a distribution named `tensorflow`; all that it imports is there.
    _done([*pip, "--no-deps", ORIGINAL])
    stamp.touch()
    return python


def _done(command: Sequence[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        end = "\n".join(done.stderr.splitlines()[-5:])
        raise NotInstallableError(f"{' '.join(command)} failed:\n{end}")

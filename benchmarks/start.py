"""Processor time of commands before any work, in multiples of an import of numpy: `python -m benchmarks.start`.

Not seconds of the clock: these depend on what else runs on the machine, multiples of the same machine's own hardly do.
"""

from __future__ import annotations

import os
import resource
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Sequence

COMMANDS: dict[str, Sequence[str]] = {
    "train --help": ["train", "--help"],
    "train --cfg job": ["train", "--cfg", "job"],
    "a key that there is not": ["train", "sed=1"],
    "an option that there is not": ["train", "model=tokns"],
    "several problems": ["train", "dataset=planted_shrt", "trainer.max_epochs=ten", "callbacks.live_view.evry=3"],
    "evaluate without a run": ["evaluate"],
    "baseline with a wrong value": ["baseline", "seed=x"],
}
"""Command lines of `tokenlayer`, by what they are."""


def ratios(rounds: int = 5) -> dict[str, float]:
    """Times of `COMMANDS` and of `import tokenlayer` by that of `import numpy`, each the median of several rounds."""
    lines = {name: ["-m", "tokenlayer", *arguments] for name, arguments in COMMANDS.items()}
    lines["import tokenlayer"] = ["-c", "import tokenlayer"]
    lines["import numpy"] = ["-c", "import numpy"]
    with tempfile.TemporaryDirectory() as folder:
        # Round by round, so that a change of the machine's speed concerns all alike.
        taken = [{name: _seconds(line, folder) for name, line in lines.items()} for _ in range(rounds)]
    medians = {name: statistics.median(times[name] for times in taken) for name in lines}
    numpy = medians.pop("import numpy")
    return {name: seconds / numpy for name, seconds in medians.items()}


def _seconds(line: Sequence[str], folder: str) -> float:
    """User and system time of a Python process."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    path = os.pathsep.join(sys.path[1:])
    subprocess.run(
        [sys.executable, *line], cwd=folder, env={**os.environ, "PYTHONPATH": path}, capture_output=True, check=False
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> None:
    for name, ratio in ratios().items():
        print(f"{ratio:6.2f}  {name}")


if __name__ == "__main__":
    main()

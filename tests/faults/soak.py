"""A long training, watched: its memory and its open files have to stay flat. `soak.py SECONDS`."""

import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import psutil

# Short reviews, many commits, endless epochs.
TRAINING = (
    "dataset=planted",
    "dataset.n_texts=2400",
    "dataset.text_length=60",
    "dataset.n_words=12",
    "dataset.batch_size=32",
    "trainer.accelerator=cpu",
    "trainer.threads=1",
    "trainer.max_epochs=-1",
    "trainer.max_steps=100000000",
    "initializer=random_ngrams",
    "learning_rule=random_regrow",
    "learning_rule.edit_interval=1.0",
    "lr_scheduler=none",
    "model.vocab_size=100",
)
# What is allocated at first and kept is no growth.
WARM_UP = 0.25
MORE_BYTES = 0.10
MORE_FILES = 4


@dataclass(frozen=True)
class Sample:
    """The process at a moment."""

    seconds: float
    resident: int
    files: int


def watched(process: subprocess.Popen[bytes], seconds: float) -> list[Sample]:
    """Samples until the time is up."""
    samples, began, seen = [], time.monotonic(), psutil.Process(process.pid)
    while (now := time.monotonic() - began) < seconds:
        time.sleep(min(5.0, seconds / 50))
        if process.poll() is not None:
            raise SystemExit(f"the training ended by itself, with code {process.returncode}")
        samples.append(Sample(now, seen.memory_info().rss, seen.num_fds()))
    return samples


def judged(samples: list[Sample]) -> list[str]:
    """What grew from the first third after the warm-up to the last, by medians."""
    steady = samples[int(WARM_UP * len(samples)) :]
    third = max(1, len(steady) // 3)
    first, last = steady[:third], steady[-third:]
    memory = [median(sample.resident for sample in part) for part in (first, last)]
    files = [median(sample.files for sample in part) for part in (first, last)]
    print(
        f"memory {memory[0] / 2**20:.0f} MiB, then {memory[1] / 2**20:.0f}; open files {files[0]:.0f}, {files[1]:.0f}"
    )
    grown = [] if memory[1] <= memory[0] * (1 + MORE_BYTES) else ["memory"]
    return grown + ([] if files[1] <= files[0] + MORE_FILES else ["open files"])


def main(seconds: float) -> int:
    """The exit code: 0 where all stays flat."""
    with tempfile.TemporaryDirectory() as folder, Path(folder, "printed.txt").open("wb") as printed:
        line = [sys.executable, "-m", "tokenlayer", "train", *TRAINING, f"output_dir={folder}/outputs"]
        process = subprocess.Popen(line, cwd=folder, stdout=printed, stderr=printed, env=os.environ)
        try:
            samples = watched(process, seconds)
        finally:
            process.terminate()
            process.wait(120)
        grown = judged(samples)
        (run,) = Path(folder, "outputs", "runs").iterdir()
        commits = len((run / "commits.jsonl").read_text().splitlines())
    print(f"{commits} commits in {seconds:.0f} s; " + (f"GREW: {', '.join(grown)}" if grown else "flat"))
    return 1 if grown else 0


if __name__ == "__main__":
    sys.exit(main(float(sys.argv[1])))

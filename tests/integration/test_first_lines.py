"""The terminal of a training in a process of its own, where nothing has been imported before."""

import subprocess
import sys
from pathlib import Path

from tiny_runs import TINY


def test_it_begins_with_what_is_loaded_and_is_free_of_messages_of_lightning(output_dir: Path, tmp_path: Path) -> None:
    short = [f"output_dir={output_dir}", "trainer.max_steps=2"]
    line = [sys.executable, "-m", "tokenlayer", "train", *TINY, *short]
    done = subprocess.run(line, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[0].startswith("loading torch")
    assert "GPU available" not in done.stdout + done.stderr
    assert "litlogger" not in done.stdout + done.stderr

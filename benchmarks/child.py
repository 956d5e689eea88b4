"""Runs each measurement in a process of its own, so that its memory is its own and none warms up another."""

from __future__ import annotations

import importlib
import json
import resource
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
Result = dict[str, Any]


def in_child(target: str, **settings: Any) -> Result:
    """Call `target` ("benchmarks.parts:measure") with settings that JSON can hold, in a new process.

    Returns:
        the function's result, and `peak_mb`, the largest resident memory of the process in 10⁶ bytes.

    """
    return run_script([sys.executable, "-m", "benchmarks.child", target], settings)


def run_script(command: list[str], settings: dict[str, Any]) -> Result:
    """Run `command SETTINGS ANSWER`, both JSON files, from the repository's root.

    Raises:
        RuntimeError: the command failed; the message has the end of its output.

    """
    with tempfile.TemporaryDirectory() as folder:
        request, answer = Path(folder, "settings.json"), Path(folder, "answer.json")
        request.write_text(json.dumps(settings), encoding="utf-8")
        called = [*command, str(request), str(answer)]
        done = subprocess.run(
            called, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
        )
        if done.returncode or not answer.exists():
            end = "\n".join(done.stdout.splitlines()[-25:])
            raise RuntimeError(f"{' '.join(command)} ended with code {done.returncode}:\n{end}")
        result: Result = json.loads(answer.read_text(encoding="utf-8"))
    return result


def peak_mb() -> float:
    """The largest resident memory of this process so far, in 10⁶ bytes."""
    status = Path("/proc/self/status")
    if status.exists():  # getrusage also counts what the parent held when it forked
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) * 1024 / 1e6
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak * (1 if sys.platform == "darwin" else 1024) / 1e6


def main() -> None:
    target, request, answer = sys.argv[1:]
    module, function = target.split(":")
    settings = json.loads(Path(request).read_text(encoding="utf-8"))
    result = getattr(importlib.import_module(module), function)(**settings)
    Path(answer).write_text(json.dumps({**result, "peak_mb": peak_mb()}), encoding="utf-8")


if __name__ == "__main__":
    main()

"""Commands that take turns."""

import json
import subprocess
import sys
import time
from itertools import pairwise

import psutil
import pytest
from benchmarks.turns import TURN_S, Command, in_turns, running_clock

BUSY = """
import json, sys, time
from pathlib import Path
from benchmarks.turns import running_clock
folder, seconds = Path(sys.argv[1]), float(sys.argv[2])
real, clock = time.monotonic, running_clock(folder)
time.monotonic = clock  # as a benchmark may
begun, seen = clock(), []
while clock() - begun < seconds:
    seen.append(real())
    time.sleep(0.01)
(folder / "seen.json").write_text(json.dumps(seen))
"""


def busy(folder, seconds):
    return Command([sys.executable, "-c", BUSY, str(folder), str(seconds)], folder)


@pytest.mark.slow
def test_each_counts_its_own_turns_alone(tmp_path):
    folders = [tmp_path / name for name in "abc"]
    in_turns([busy(folder, 4 * TURN_S) for folder in folders])
    for folder in folders:
        seen = json.loads((folder / "seen.json").read_text())
        stops = [b - a for a, b in pairwise(seen) if b - a > TURN_S]
        assert len(stops) >= 2
        assert seen[-1] - seen[0] - sum(stops) == pytest.approx(4 * TURN_S, abs=TURN_S)


def test_a_command_that_fails_is_told_when_all_have_ended(tmp_path):
    broken = Command([sys.executable, "-c", "raise SystemExit('out of luck')"], tmp_path / "broken")
    asleep = Command([sys.executable, "-c", "import time; time.sleep(0.5); print('awake')"], tmp_path / "asleep")
    with pytest.raises(RuntimeError, match=r"ended with code 1: out of luck"):
        in_turns([asleep, broken])
    assert (tmp_path / "asleep" / "output").read_text() == "awake\n"


def test_none_is_left_when_one_cannot_begin(tmp_path):
    waits = "import os, sys, time; print(os.getpid(), flush=True); time.sleep(600)"
    beside = subprocess.Popen([sys.executable, "-c", waits], start_new_session=True)
    first = Command([sys.executable, "-c", waits], tmp_path / "first", beside.pid)
    try:
        with pytest.raises(FileNotFoundError):
            in_turns([first, Command([str(tmp_path / "no such command")], tmp_path / "second")])
        assert psutil.Process(beside.pid).status() != psutil.STATUS_STOPPED
        children = psutil.Process().children(recursive=True)
        assert [child.pid for child in children if child.is_running()] == [beside.pid]
    finally:
        beside.kill()
        beside.wait()


def test_a_clock_without_stops_is_the_machines(tmp_path):
    (tmp_path / "stopped").write_bytes(bytes(8))
    clock = running_clock(tmp_path)
    assert time.monotonic() <= clock() <= time.monotonic()

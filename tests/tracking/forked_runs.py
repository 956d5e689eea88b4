"""Records runs in processes of their own: ones that end by a signal, and several at once.

Reads jobs from standard input, one JSON list a line, forks for each and answers with the exit codes.
Forking from here, where all is imported and no thread runs, takes a tenth of a second instead of three.
"""

import json
import os
import signal
import sys
import time
import traceback
from pathlib import Path
from typing import Any, NoReturn

from tokenlayer import interrupts
from tokenlayer.errors import InputError
from tokenlayer.tracking import mirror
from tokenlayer.tracking import recorder as recorder_module
from tokenlayer.tracking.config import TrackingConfig
from tokenlayer.tracking.recorder import Recorder

STEPS = 10
METRICS = 12
mirror.METRICS_PER_REQUEST = 50  # 120 rows a commit: three requests


def train(recorder: Recorder, start: int) -> None:
    """A commit's worth of training."""
    for step in range(start, start + STEPS):
        recorder.append("logs/grads_log", {"step": step, "x": 0.5 * step})
        recorder.log_metrics({f"grads/c{i}": step + i / 64 for i in range(METRICS)}, step)
    path = recorder.checkpoints / f"step_{start + STEPS:08d}.ckpt"
    path.write_bytes(b"weights of step %d" % (start + STEPS))
    recorder.commit(start + STEPS, path, ["checkpoints/last.ckpt"], keep=True)


def kill_at(recorder: Recorder, point: str, count: int) -> None:
    """Have this process killed before the `count`-th call of something from now on."""
    owner: Any = {
        "append_commit": recorder_module,
        "accept": recorder._folder,
        "prune_checkpoints": recorder._folder,
        "_send_journal": recorder._mirror,
    }.get(point, recorder._mirror._remote.client)
    real = getattr(owner, point)
    calls = 0

    def call(*arguments: Any, **named: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == count:
            os.kill(os.getpid(), signal.SIGKILL)
        return real(*arguments, **named)

    setattr(owner, point, call)


def killed(output_dir: Path, point: str, count: int) -> None:
    """A run that is killed in its second commit."""
    recorder = Recorder.start(TrackingConfig(), output_dir)
    train(recorder, 0)
    kill_at(recorder, point, count)
    train(recorder, STEPS)


def killed_resuming(output_dir: Path, run_id: str) -> None:
    """A resumption that is killed when the folder is restored and nothing is sent yet."""
    mirror.Mirror.send = lambda self, commits: os.kill(os.getpid(), signal.SIGKILL)
    Recorder.resume(TrackingConfig(), output_dir, run_id)


def resumed_elsewhere(output_dir: Path, run_id: str) -> None:
    """A resumption in a folder of its own, of which several are tried at once; leaves with 2 where it is refused."""
    config = TrackingConfig(uri=f"sqlite:///{output_dir}/mlflow.db")
    try:
        recorder = Recorder.resume(config, output_dir / f"of-{os.getpid()}", run_id)
    except InputError:
        os._exit(2)
    time.sleep(3)
    recorder.finish("FINISHED")


def terminated(output_dir: Path) -> None:
    """A run that gets SIGTERM."""
    with interrupts.handled(), Recorder.start(TrackingConfig(), output_dir) as recorder:
        recorder.append("logs/a", {"step": 0})
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(30)


def whole(output_dir: Path) -> None:
    """A run that finishes."""
    with Recorder.start(TrackingConfig(), output_dir) as recorder:
        train(recorder, 0)


JOBS = {job.__name__: job for job in (killed, killed_resuming, resumed_elsewhere, terminated, whole)}


def work(name: str, output_dir: str, arguments: dict[str, Any]) -> NoReturn:
    """Do a job and leave, with 1 and a traceback after an exception."""
    try:
        JOBS[name](Path(output_dir), **arguments)
    except BaseException:
        traceback.print_exc()
        os._exit(1)
    os._exit(0)


def main() -> None:
    """Serve jobs: name, output folder, arguments, and how many to do at once."""
    for line in sys.stdin:
        name, output_dir, arguments, times = json.loads(line)
        children = []
        for _ in range(times):
            children.append(os.fork())
            if children[-1] == 0:
                work(name, output_dir, arguments)
        codes = [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]
        print(json.dumps(codes), flush=True)


if __name__ == "__main__":
    main()

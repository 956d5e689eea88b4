"""Runs the real command in processes of its own, which faults may befall: `command_server.py SOCKET OWNER`.

Whoever connects to the socket sends jobs, one JSON object a line, and is answered each with the id of the process that
does it, then with its exit code. Forking from here, where all is imported and no thread runs, takes a tenth of a second
instead of ten. All workers of a test session share it; it ends with OWNER, the process of the session.
"""

import contextlib
import gc
import importlib
import io
import json
import os
import pkgutil
import signal
import socket
import sys
import threading
from pathlib import Path
from typing import Any, NoReturn

import numba  # noqa: F401  # imported here once, for all processes
import sklearn.linear_model  # noqa: F401
import torch

import tokenlayer
from tokenlayer.cli.main import main
from tokenlayer.outside import loading

torch.set_num_threads(1)


def load() -> None:
    """Import all of the program, and have Hydra read its files once."""
    with loading("pytorch_lightning", told=False):
        for module in pkgutil.walk_packages(tokenlayer.__path__, "tokenlayer."):
            if not module.name.endswith(("__main__", "model_files")):
                importlib.import_module(module.name)
    with contextlib.redirect_stdout(io.StringIO()):
        assert main(["train", "--cfg", "job"]) == 0
    gc.collect()
    gc.freeze()  # the collector of each process would look through all of it, and so copy it


def inject(place: str, count: int, signals: list[str]) -> None:
    """Send signals to this process before the `count`-th call of `module:attribute` or `module:Class.method`."""
    module, _, path = place.partition(":")
    *classes, name = path.split(".")
    owner: Any = importlib.import_module(module)
    for part in classes:
        owner = getattr(owner, part)
    real = getattr(owner, name)
    calls = 0

    def call(*arguments: Any, **named: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == count:
            for signal_name in signals:
                os.kill(os.getpid(), signal.Signals[signal_name])
        return real(*arguments, **named)

    setattr(owner, name, call)


def work(job: dict[str, Any]) -> NoReturn:
    """Do a job: `arguments` of tokenlayer; `output`: a file for what it prints."""
    with Path(job["output"]).open("wb") as output:
        os.dup2(output.fileno(), 1)
        os.dup2(output.fileno(), 2)
    sys.stdout.reconfigure(line_buffering=True)
    os.environ.update(job.get("environment", {}))
    os.chdir(job["folder"])
    sys.argv = ["tokenlayer", *job["arguments"]]
    for place, count, signals in job.get("faults", []):
        inject(place, count, signals)
    code = 70
    try:
        code = main(job["arguments"])
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        assert threading.current_thread() is threading.main_thread()
        os._exit(code)


def serve(connection: socket.socket) -> NoReturn:
    """Do the jobs of a connection, one after the other, until it ends."""
    with connection, connection.makefile("rw", encoding="utf-8") as lines:
        for line in lines:
            child = os.fork()
            if child == 0:
                work(json.loads(line))
            print(child, file=lines, flush=True)
            print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), file=lines, flush=True)
    os._exit(0)


def is_there(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True


def listen(address: Path, owner: int) -> None:
    """Fork a process for each connection, until the owner has gone."""
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(address))
        listener.listen()
        load()  # meanwhile connections wait
        listener.settimeout(1)
        while is_there(owner):
            with contextlib.suppress(ChildProcessError):
                os.waitpid(-1, os.WNOHANG)
            try:
                connection, _ = listener.accept()
            except TimeoutError:
                continue
            connection.setblocking(True)
            if os.fork() == 0:
                listener.close()
                serve(connection)
            connection.close()


if __name__ == "__main__":
    listen(Path(sys.argv[1]), int(sys.argv[2]))

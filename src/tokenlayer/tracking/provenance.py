"""The provenance of a run: the state of the code, the packages, the machine, the command."""

import importlib.metadata
import json
import os
import platform
import subprocess
from functools import cache
from pathlib import Path
from typing import Any

import psutil
import torch

from tokenlayer.atomic import replace_text, replacing
from tokenlayer.redaction import redacted, redacted_uri
from tokenlayer.tracking.commands import command_line
from tokenlayer.tracking.recorder import Recorder

DIFF_BYTES = 1_000_000
_GIT_SECONDS = 10.0
_GIB = 2**30


def record_provenance(recorder: Recorder) -> None:
    """Record all of this module: `config/provenance.json`, `config/git.diff` when there is one, and tags."""
    folder = code_folder()
    git = git_state(folder)
    described = {"command": command_line(), "git": git, "python": python(), "hardware": hardware()}
    text = json.dumps({**described, "packages": packages()}, indent=2, ensure_ascii=False)
    replace_text(recorder.artifact("config/provenance.json"), text + "\n")
    diff = git_diff(folder) if git.get("dirty") else None
    if diff:
        with replacing(recorder.artifact("config/git.diff")) as unfinished:
            unfinished.write_bytes(diff)
    names = {"commit": "mlflow.source.git.commit", "branch": "mlflow.source.git.branch"}
    names |= {"remote": "mlflow.source.git.repoURL", "dirty": "git.dirty"}
    recorder.set_tags({tag: str(git[key]) for key, tag in names.items() if key in git})


def code_folder() -> Path:
    """Return the folder whose git state says what ran: this package's if git tracks it, else the current one."""
    here = Path(__file__)
    return here.parent if _git(here.parent, "ls-files", "--error-unmatch", here.name) else Path.cwd()


def git_state(folder: Path) -> dict[str, str | bool]:
    """`commit`, `branch`, `dirty`, `remote` of the repository around `folder`; empty without one or git."""
    commit = _git(folder, "rev-parse", "HEAD")
    if not commit:
        return {}
    state: dict[str, str | bool] = {
        "commit": commit.decode().strip(),
        "dirty": bool(_git(folder, "status", "--porcelain", "--untracked-files=no")),
    }
    branch = _git(folder, "branch", "--show-current")
    remote = _git(folder, "config", "--get", "remote.origin.url")
    if branch:
        state["branch"] = branch.decode().strip()
    if remote:
        state["remote"] = redacted_uri(remote.decode().strip())
    return state


def git_diff(folder: Path) -> bytes | None:
    """Return what differs from the commit, passwords masked; None if nothing does, or more than a megabyte."""
    diff = _git(folder, "diff", "HEAD")
    if not diff or len(diff) > DIFF_BYTES:
        return None
    return redacted(diff.decode("utf-8", "surrogateescape")).encode("utf-8", "surrogateescape")


def python() -> dict[str, str]:
    """Interpreter and operating system."""
    return {"version": platform.python_version(), "platform": platform.platform()}


@cache  # reading some 150 files takes a tenth of a second, and an interpreter keeps what it has imported
def packages() -> dict[str, str]:
    """Version of every installed distribution, by name."""
    described = (distribution.metadata for distribution in importlib.metadata.distributions())
    found = ((metadata["Name"], metadata["Version"]) for metadata in described)
    return dict(sorted(found, key=lambda pair: pair[0].lower()))


def hardware() -> dict[str, Any]:
    """Processor, cores, memory in GiB, GPUs."""
    gpus = [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())]
    return {
        "host": platform.node(),
        "cpu": _cpu_model(),
        "cores": psutil.cpu_count(logical=False),
        "threads": psutil.cpu_count(),
        "usable_threads": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else None,
        "memory_gib": round(psutil.virtual_memory().total / _GIB, 1),
        "gpus": gpus,
    }


def _cpu_model() -> str:
    info = Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()


def _git(folder: Path, *arguments: str) -> bytes | None:
    """Return what git prints; None if it fails or is not installed."""
    try:
        done = subprocess.run(
            ["git", "-C", str(folder), *arguments], capture_output=True, timeout=_GIT_SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout if done.returncode == 0 else None

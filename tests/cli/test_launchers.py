"""Sweeps whose jobs a launcher's own processes run; what becomes of their failures."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tokenlayer.cli.main import main
from tokenlayer.config.search_path import packaged_conf

COMMAND = '''\
"""A command in small, whose work fails as its setting says."""

import os
import signal
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from tokenlayer.cli.command import Command
from tokenlayer.cli.jobs import run
from tokenlayer.config.check import Spec
from tokenlayer.errors import InputError

@dataclass
class Settings:
    end: Literal["done", "bad", "failed", "killed"] = "done"
    n: int = 0
    api_token: str = ""

def complete(composed, line):
    return composed

def work(job):
    Path(f"worked_{job.overrides[0]}_{os.getpid()}").touch()
    Path(f"token_{os.getpid()}").write_text(job.config.api_token)
    if job.config.end == "bad":
        raise InputError("a.csv, line 3: no label; add one")
    if job.config.end == "killed":
        os.kill(os.getpid(), signal.SIGKILL)
    if job.config.end == "failed":
        raise RuntimeError("no luck")
'''
IMPORTED = """\
import os
from pathlib import Path

Path(f"imported_{os.getpid()}").touch()
os.register_at_fork(after_in_child=lambda: Path(f"forked_{os.getpid()}").write_text(str(os.getppid())))
"""
MAIN = """\
import os
import sys
from small_command import Command, Settings, Spec, complete, run, work
from tokenlayer.cli.main import report

if __name__ == "__main__":
    print(os.getpid())
    arguments = ["--config-path", "small_conf", *sys.argv[1:]]
    try:
        sys.exit(run(Command("train", Spec(Settings, complete), work, modules=("slow_to_import",)), arguments))
    except Exception as error:
        sys.exit(report(error))
"""


JOBLIB = ["hydra/launcher=joblib", "hydra.launcher.n_jobs=2"]


@pytest.fixture
def sweep(tmp_path, monkeypatch):
    """Runs a sweep in a process of its own under the joblib launcher."""
    (tmp_path / "small_conf").mkdir()
    (tmp_path / "small_conf/train.yaml").write_text(
        "hydra: {sweep: {dir: sweeps, subdir: .}, output_subdir: null}\n"
        "defaults: [_self_, override hydra/job_logging: none, override hydra/hydra_logging: none]\n"
    )
    shutil.copytree(packaged_conf() / "hydra/launcher", tmp_path / "small_conf/hydra/launcher")
    (tmp_path / "small_command.py").write_text(COMMAND)
    (tmp_path / "small_main.py").write_text(MAIN)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path), prepend=":")

    def run(*arguments, launcher=JOBLIB):
        line = [sys.executable, "small_main.py", "-m", *launcher, *arguments]
        return subprocess.run(line, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=120)

    return run


@pytest.mark.parametrize(("ends", "code"), [("done,bad", 2), ("bad,failed", 1), ("done,failed,bad", 1)])
def test_failures_come_back_from_other_processes(sweep, tmp_path, ends, code):
    done = sweep(f"end={ends}")
    assert done.returncode == code, done.stderr
    worked = sorted(path.name.split("_")[1:] for path in tmp_path.glob("worked_*"))
    assert [setting for setting, _ in worked] == sorted(f"end={end}" for end in ends.split(","))
    assert done.stdout.strip() not in {process for _, process in worked}, "a job has run in the process of the command"
    if "bad" in ends:
        assert "error: a.csv, line 3: no label; add one" in done.stderr
        assert "failed: end=bad" in done.stderr
    if "failed" in ends:
        assert "RuntimeError: no luck" in done.stderr


def test_success(sweep, tmp_path):
    """Settings that no file has reach the other processes, too."""
    done = sweep("n=1,2", "end=done")
    assert done.returncode == 0, done.stderr
    assert sorted(path.name.split("_")[1] for path in tmp_path.glob("worked_*")) == ["n=1", "n=2"]
    assert "failed" not in done.stderr


@pytest.mark.skipif(sys.platform != "linux", reason="processes are forked on Linux alone")
def test_the_processes_are_forked_from_one_that_has_imported_what_jobs_need(sweep, tmp_path):
    (tmp_path / "slow_to_import.py").write_text(IMPORTED)
    done = sweep("end=done", "n=1,2,3")
    assert done.returncode == 0, done.stderr
    (importing,) = {path.name.removeprefix("imported_") for path in tmp_path.glob("imported_*")}
    workers = {path.name.split("_")[-1] for path in tmp_path.glob("worked_*")}
    assert importing not in {*workers, done.stdout.split()[0]}
    assert {(tmp_path / f"forked_{worker}").read_text() for worker in workers} == {importing}


def test_a_secret_reaches_the_processes(sweep, tmp_path):
    """By the environment, which a forked process has from the one that it is forked from."""
    done = sweep("api_token=one", "n=1,2")
    assert done.returncode == 0, done.stderr
    assert {path.read_text() for path in tmp_path.glob("token_*")} == {"one"}


def test_a_wrong_value_starts_no_process(sweep, tmp_path):
    done = sweep("n=1,x")
    assert done.returncode == 2
    assert "n: expected an integer, got 'x'" in done.stderr
    assert not list(Path(tmp_path).glob("worked_*"))


def test_submitit(sweep, tmp_path):
    """Its local executor; that of Slurm differs in how it starts the same process."""
    pytest.importorskip("submitit", reason="the extra slurm is not installed")
    done = sweep("end=done,bad", "n=1", launcher=["hydra/launcher=submitit_local"])
    assert done.returncode == 2, done.stderr
    assert sorted(path.name.split("_")[1] for path in tmp_path.glob("worked_*")) == ["end=bad", "end=done"]
    told = "".join(path.read_text() for path in tmp_path.glob("sweeps/.submitit/*/*.err"))
    assert "error: a.csv, line 3: no label; add one" in told


def test_ray(sweep, tmp_path):
    """A cluster on this machine, one of whose processes dies."""
    pytest.importorskip("ray", reason="the extra ray is not installed")
    done = sweep("end=done,bad,killed", "n=1", launcher=["hydra/launcher=ray", "hydra.launcher.ray.init.num_cpus=2"])
    assert done.returncode == 1, done.stderr
    worked = sorted(path.name.split("_")[1] for path in tmp_path.glob("worked_*"))
    assert worked == ["end=bad", "end=done", "end=killed"], "each once"
    assert "error: a.csv, line 3: no label; add one" in done.stdout + done.stderr


@pytest.mark.parametrize(
    ("choice", "told"),
    [
        ("hydra/launcher=slrum", "hydra/launcher=slrum: no such option; did you mean slurm?; known: basic, joblib, "),
        ("hydra/sweeper=optuna", "hydra/sweeper=optuna: a sweep runs the combinations that its command line names"),
    ],
)
def test_a_choice_that_is_not_there(sweep, choice, told):
    done = sweep("n=x,2", launcher=[choice])
    assert done.returncode == 2
    assert done.stderr.startswith("error: 2 problems in the configuration")
    assert told in done.stderr
    assert "n: expected an integer" in done.stderr, "all errors are told at once"


@pytest.mark.parametrize(
    ("launcher", "package", "told"),
    [
        ("ray", "ray", "hydra/launcher=ray needs Ray, which is not installed: pip install 'tokenlayer[ray]'"),
        ("slurm", "hydra_plugins.hydra_submitit_launcher", "hydra/launcher=slurm needs submitit, which is not"),
    ],
)
def test_an_extra_that_is_not_there(monkeypatch, capsys, launcher, package, told):
    monkeypatch.setitem(sys.modules, package, None)
    assert main(["train", "-m", f"hydra/launcher={launcher}", "seed=0,1"]) == 2
    assert told in capsys.readouterr().err

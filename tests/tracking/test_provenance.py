import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from mlflow.tracking import MlflowClient

from tokenlayer.tracking import provenance
from tokenlayer.tracking.commands import command_line
from tokenlayer.tracking.recorder import Recorder


def git(folder: Path, *arguments: str) -> str:
    identity = ["-c", "user.name=Me", "-c", "user.email=me@example.org", "-c", "commit.gpgsign=false"]
    done = subprocess.run(["git", *identity, *arguments], cwd=folder, check=True, capture_output=True, text=True)
    return done.stdout.strip()


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    git(tmp_path, "init", "-q", "-b", "trunk")
    (tmp_path / "code.py").write_text("x = 1\n")
    git(tmp_path, "add", "code.py")
    git(tmp_path, "commit", "-q", "-m", "first")
    return tmp_path


def test_git_state_clean_and_dirty(repository: Path) -> None:
    git(repository, "remote", "add", "origin", "https://me:token@example.org/x.git")
    (repository / "untracked").write_text("not code that ran")
    commit = git(repository, "rev-parse", "HEAD")
    clean = {"commit": commit, "branch": "trunk", "dirty": False, "remote": "https://***@example.org/x.git"}
    assert provenance.git_state(repository) == clean
    assert provenance.git_diff(repository) is None
    (repository / "code.py").write_text("x = 2\n")
    assert provenance.git_state(repository) == clean | {"dirty": True}
    assert b"+x = 2" in (provenance.git_diff(repository) or b"")
    (repository / "code.py").write_text("x = 3\n" * 300_000)
    assert provenance.git_diff(repository) is None


def test_no_repository_and_no_git(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    assert provenance.git_state(tmp_path) == {}
    monkeypatch.setenv("PATH", str(tmp_path))
    assert provenance.git_state(Path.cwd()) == {}
    assert provenance.code_folder() == Path.cwd()


def test_machine_packages_and_command(monkeypatch: pytest.MonkeyPatch) -> None:
    machine = provenance.hardware()
    assert machine["cpu"]
    assert machine["memory_gib"] > 0
    assert machine["threads"] >= 1
    versions = provenance.packages()
    assert versions["torch"].startswith("2.")
    assert "tokenlayer" in versions
    arguments = ["/usr/bin/tokenlayer", "train", "tracking.uri=http://me:pw@host", "tracking.run_name=a b"]
    monkeypatch.setattr(sys, "argv", arguments)
    assert command_line() == "tokenlayer train 'tracking.uri=http://***@host' 'tracking.run_name=a b'"
    monkeypatch.setattr(sys, "argv", ["/somewhere/tokenlayer/__main__.py", "train"])
    assert command_line().endswith(" -m tokenlayer train")


def test_what_a_run_records(
    recorder: Recorder,
    client: MlflowClient,
    artifacts: Callable[[str], Path],
    repository: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (repository / "code.py").write_text("x = 2\n")
    monkeypatch.setattr(provenance, "code_folder", lambda: repository)
    with recorder:
        provenance.record_provenance(recorder)
    tags = client.get_run(recorder.run_id).data.tags
    assert tags["mlflow.source.git.commit"] == git(repository, "rev-parse", "HEAD")
    assert (tags["mlflow.source.git.branch"], tags["git.dirty"]) == ("trunk", "True")
    folder = artifacts(recorder.run_id) / "config"
    recorded = json.loads((folder / "provenance.json").read_text())
    assert set(recorded) == {"command", "git", "python", "hardware", "packages"}
    assert "+x = 2" in (folder / "git.diff").read_text()

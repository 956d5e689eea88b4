"""Lines that are printed to be pasted: what they name is what the run was recorded to."""

import shlex
import sys
from pathlib import Path

import pytest

from tokenlayer.cli.flags import add_store_flags, with_settings_as_flags
from tokenlayer.terminal import ArgumentParser
from tokenlayer.tracking.commands import (
    compare_command,
    explain_command,
    resume_command,
    serve_command,
    start_command,
    sync_command,
    train_command,
    ui_command,
)
from tokenlayer.tracking.uri import resolve_uri

PASSWORD = "postgresql://me:hunter@host/runs"


def store_of(command: str, output_dir: Path) -> str:
    """The store that an ordinary command of these words uses."""
    parser = ArgumentParser()
    add_store_flags(parser)
    words = shlex.split(command)
    given = parser.parse_args(with_settings_as_flags(words[words.index("abc") + 1 :]))
    return resolve_uri(given.uri, output_dir)


@pytest.mark.parametrize("variable", ["", "http://host:5000", "sqlite:////elsewhere/it is.db", PASSWORD])
@pytest.mark.parametrize("uri", [None, "local", "http://other:5000", "sqlite:////a b/c.db"])
def test_what_is_pasted_finds_the_same_store(
    uri: str | None, variable: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", variable)
    recorded_to = resolve_uri(uri, tmp_path)
    for command in (sync_command("abc", uri, tmp_path), ui_command("abc", uri, tmp_path)):
        assert "hunter" not in command
        assert store_of(command, tmp_path) == recorded_to
        if variable != PASSWORD:  # in a new terminal, too, where no secret is needed
            monkeypatch.delenv("MLFLOW_TRACKING_URI")
            assert store_of(command, tmp_path) == recorded_to
            monkeypatch.setenv("MLFLOW_TRACKING_URI", variable)


def test_a_model_is_served_from_the_store_of_its_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    words = ["mlflow", "models", "serve", "-m", "models:/m-1", "--env-manager", "local"]
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://host:5000")
    for uri in ("local", None, "sqlite:////a b/c.db"):
        place = f"MLFLOW_TRACKING_URI={resolve_uri(uri, tmp_path)}"
        assert shlex.split(serve_command("models:/m-1", uri, tmp_path)) == [place, *words]
    monkeypatch.setenv("MLFLOW_TRACKING_URI", PASSWORD)  # the environment has it, and the line need not show it
    assert shlex.split(serve_command("models:/m-1", None, tmp_path)) == words
    assert "hunter" not in serve_command("models:/m-1", PASSWORD.replace("runs", "other"), tmp_path)


def test_the_settings_that_name_the_store_to_resume_from(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)

    def settings(uri: str | None) -> list[str]:
        return shlex.split(resume_command("abc", uri, "outputs")).__getitem__(slice(-2, None))

    assert settings(None) == ["train", "resume=abc"]
    assert settings("local") == ["resume=abc", "tracking=local"]
    assert settings("sqlite:////a b/c.db") == ["resume=abc", "tracking.uri='sqlite:////a b/c.db'"]
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://host:5000")
    assert settings(None) == ["resume=abc", "tracking.uri=http://host:5000"]
    monkeypatch.setenv("MLFLOW_TRACKING_URI", PASSWORD)
    assert settings(None) == ["resume=abc", "tracking=server"]


def test_commands_without_a_run_to_resume(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["tokenlayer"])
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    assert shlex.split(compare_command("my sweep", None, "outputs"))[1:] == ["compare", "my sweep"]
    there = ["--tracking-uri", "http://host", "--output-dir", "a b"]
    assert shlex.split(explain_command("abc", "http://host", "a b"))[1:] == ["explain", "abc", "…", *there]
    assert shlex.split(train_command(["a=b c", "x.password=pw"]))[1:] == ["train", "a=b c", "x.password=***"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["train", "--config-dir", "my conf", "x.password=pw"], ["train", "--config-dir", "my conf", "x.password=***"]),
        (["train", "-m", "seed=1,2"], ["train", "seed=1"]),
        (["train", "seed=1,2", "--multirun"], ["train", "seed=1"]),
        (["sweep.py"], ["train", "seed=1"]),
    ],
)
def test_the_command_that_starts_a_run_again(
    arguments: list[str], words: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", ["tokenlayer", *arguments])
    assert shlex.split(start_command(["seed=1"]))[1:] == words

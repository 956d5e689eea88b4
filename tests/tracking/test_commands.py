"""Lines that are printed to be pasted: what they name is what the run was recorded to."""

import shlex
from pathlib import Path

import pytest

from tokenlayer.cli.flags import add_store_flags, with_settings_as_flags
from tokenlayer.terminal import ArgumentParser
from tokenlayer.tracking.commands import resume_command, sync_command, ui_command
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

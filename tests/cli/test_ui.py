import os
import sys

import pytest

from tokenlayer.cli import ui
from tokenlayer.errors import InputError


@pytest.fixture
def started(monkeypatch, tmp_path):
    """What would take the place of this process."""
    lines = []

    def execv(program, line):
        lines.append((program, line))
        raise SystemExit(0)

    monkeypatch.setattr(os, "execv", execv)
    monkeypatch.chdir(tmp_path)
    return lines


def test_serves_the_store_of_the_output_folder(started, tmp_path, capsys):
    (tmp_path / "outputs").mkdir()
    (tmp_path / "outputs/mlflow.db").touch()
    with pytest.raises(SystemExit):
        ui.main(["--port", "5050"])
    ((program, line),) = started
    assert program == sys.executable
    assert line[1:4] == ["-m", "mlflow", "ui"]
    assert f"sqlite:///{tmp_path}/outputs/mlflow.db" in line
    assert line[-1] == "5050"
    assert "http://127.0.0.1:5050/" in capsys.readouterr().out


@pytest.mark.parametrize("form", ["tracking.uri={}", "--tracking-uri={}", "--uri={}"])
def test_serves_a_named_store(started, tmp_path, form):
    (tmp_path / "other.db").touch()
    uri = f"sqlite:///{tmp_path}/other.db"
    with pytest.raises(SystemExit):
        ui.main([form.format(uri)])
    assert uri in started[0][1]


def test_no_store_yet(started, tmp_path):
    with pytest.raises(InputError, match="no runs are recorded here yet; train first"):
        ui.main([])
    assert not (tmp_path / "outputs").exists()
    assert started == []


def test_a_server_has_its_own_page(started):
    with pytest.raises(InputError, match="open that in the browser"):
        ui.main(["--uri", "http://example.org:5000"])

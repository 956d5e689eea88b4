"""The wheel, built and laid out in a folder of its own, as a user has it."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wheel")
    build = [
        sys.executable,
        "-m",
        "pip",
        "wheel",
        "--quiet",
        "--no-deps",
        "--wheel-dir",
        str(folder),
        str(ROOT),
    ]
    subprocess.run(build, check=True)
    (wheel,) = folder.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder / "site")
    return folder / "site"


def train(installed, cwd, *arguments):
    line = [sys.executable, "-m", "tokenlayer", "train", *arguments]
    environment = {**os.environ, "PYTHONPATH": str(installed)}
    return subprocess.run(line, cwd=cwd, env=environment, capture_output=True, text=True, check=False)


@pytest.mark.slow
def test_trains_in_an_empty_folder(installed, tmp_path):
    done = train(installed, tmp_path, "experiment=quickstart", "trainer.max_steps=2")
    assert done.returncode == 0, done.stderr
    assert {path.name for path in tmp_path.iterdir()} == {"outputs"}


@pytest.mark.slow
def test_finds_its_own_files_and_those_beside_the_user(installed, tmp_path):
    mine = tmp_path / "conf/optimizer/mine.yaml"
    mine.parent.mkdir(parents=True)
    mine.write_text("_target_: torch.optim.SGD\nlr: 0.25\n")
    done = train(installed, tmp_path, "--info", "searchpath")
    assert str(installed / "tokenlayer/conf") in done.stdout
    done = train(installed, tmp_path, "--cfg", "job", "optimizer=mine")
    assert "lr: 0.25" in done.stdout

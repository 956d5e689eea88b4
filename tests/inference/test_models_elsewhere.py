"""A model in a process, or on a machine, that has nothing of the run but the model."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from importlib.metadata import packages_distributions
from pathlib import Path
from typing import Any

import mlflow.pyfunc
import pytest
import requests
from model_folders import model_folder

from tokenlayer.tracking.model_files import REQUIRED

WITHOUT_NGRAMS = ["initializer.ngram_lengths"]
# Each brings another part of the package: the heads come with the segmentation.
MODELS: dict[str, tuple[list[str], list[str]]] = {
    "tokens": ([], []),
    "segmentation": (["initializer=unigram_segmented", "model/head=attention"], WITHOUT_NGRAMS),
    "words": (["initializer=frequent_words", "model.vocab_size=4"], WITHOUT_NGRAMS),
    "original": (
        [
            "initializer=original",
            "initializer.ngram_lengths=[2,3,4]",
            "initializer.padding=blank",
            "learning_rule=original",
            "model=original",
            "model.head.hidden=4",
        ],
        [],
    ),
}
# Prints where the package came from, the packages that its modules name and that are loaded, and predictions.
SCRIPT = """\
import ast, json, sys
from pathlib import Path
import mlflow.pyfunc
found = [mlflow.pyfunc.load_model(path).predict(["wolf banana"], params={"explain": True}) for path in sys.argv[1:]]
import tokenlayer
named = set()
for name, module in list(sys.modules.items()):
    if name.partition(".")[0] != "tokenlayer":
        continue
    for node in ast.walk(ast.parse(module.__loader__.get_source(name))):
        if isinstance(node, ast.Import):
            named |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level:
            named.add(node.module.partition(".")[0])
loaded = {name.partition(".")[0] for name in sys.modules}
print(json.dumps([tokenlayer.__file__, sorted(named & loaded), [table.to_dict("records") for table in found]]))
"""


FAST = ("segmentation", "words")


@pytest.fixture(scope="module")
def folder_of(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """The folder of the model of this name, made when it is first asked for."""
    folder = tmp_path_factory.mktemp("models")

    @cache
    def made(name: str) -> Path:
        settings, left_out = MODELS[name]
        return model_folder(folder / name, *settings, without=left_out)

    return made


def elsewhere() -> dict[str, str]:
    """The environment of a process that is not told where this package lies."""
    return {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}


def test_a_model_brings_the_package_and_names_what_else_it_needs(
    folder_of: Callable[[str], Path], tmp_path: Path
) -> None:
    folders = [folder_of(name) for name in FAST]
    command = [sys.executable, "-c", SCRIPT, *map(str, folders)]
    done = subprocess.run(command, cwd=tmp_path, env=elsewhere(), capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    package, named, tables = json.loads(done.stdout)
    unpacked = Path(package).parents[1]
    assert unpacked.parent == Path(tempfile.gettempdir())
    assert not unpacked.exists()
    here = [mlflow.pyfunc.load_model(str(folder)).predict(["wolf banana"], {"explain": True}) for folder in folders]
    assert tables == [table.to_dict("records") for table in here]
    # MLflow is three distributions; of those that share a name, the one is meant that is called as it.
    owners = {name: name if name in found else found[0] for name, found in packages_distributions().items()}
    third = {owners[name].lower() for name in named if name in owners}
    assert third - {"tokenlayer"} == set(REQUIRED)


@contextmanager
def serving(python: Path, model: str, **environment: str) -> Iterator[str]:
    """`mlflow models serve` in a process of its own; gives the address of its answers."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
    command = [str(python), "-m", "mlflow", "models", "serve", "-m", model, "--env-manager", "local"]
    # MLflow starts uvicorn by name.
    path = os.pathsep.join([str(python.parent), os.environ["PATH"]])
    server = subprocess.Popen(
        [*command, "--port", str(port)], env=elsewhere() | {"PATH": path} | environment, start_new_session=True
    )
    try:
        _wait(server, f"http://127.0.0.1:{port}/ping")
        yield f"http://127.0.0.1:{port}/invocations"
    finally:
        os.killpg(server.pid, 15)
        server.wait(30)


def _wait(server: subprocess.Popen[bytes], address: str) -> None:
    for _ in range(240):
        assert server.poll() is None
        try:
            if requests.get(address, timeout=1).ok:
                return
        except requests.RequestException:
            time.sleep(0.5)
    raise TimeoutError("mlflow models serve does not start")


def asked(address: str, body: Any) -> requests.Response:
    return requests.post(address, json=body, timeout=120)


@pytest.mark.services
def test_a_server_bears_what_is_large_and_what_is_wrong(folder_of: Callable[[str], Path]) -> None:
    with serving(Path(sys.executable), str(folder_of("tokens"))) as address:
        expected = asked(address, {"inputs": ["wolf banana"]}).json()
        large = {
            "one text": ["wolf banana " * 900_000],
            "many texts": ["wolf banana " * 10] * 90_000,
            "uneven texts": ["a"] * 1000 + ["wolf banana " * 900_000],
        }
        for name, texts in large.items():
            answer = asked(address, {"inputs": texts})
            assert answer.status_code == 200, name
            assert len(answer.json()["predictions"]) == len(texts)
        wrong = asked(address, {"inputs": [*large["many texts"], None]})
        assert wrong.status_code == 400
        assert re.search(r"texts\[90000\] is (nan|None), no text", wrong.json()["message"])
        broken = requests.post(
            address, data=b"{" * 10_000_000, headers={"Content-Type": "application/json"}, timeout=60
        )
        assert broken.status_code == 400
        assert asked(address, {"inputs": ["wolf banana"]}).json() == expected


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_a_model_is_served_where_nothing_is_installed_but_what_it_declares(
    folder_of: Callable[[str], Path], tmp_path: Path
) -> None:
    subprocess.run([sys.executable, "-m", "venv", str(tmp_path / "venv")], check=True)
    python = tmp_path / "venv" / "bin" / "python"
    install = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r"]
    subprocess.run([*install, str(folder_of("tokens") / "requirements.txt")], check=True)
    for folder in map(folder_of, MODELS):
        with serving(python, str(folder)) as address:
            answer = asked(address, {"inputs": ["wolf banana"], "params": {"explain": True}})
        assert answer.status_code == 200, answer.text
        here = mlflow.pyfunc.load_model(str(folder)).predict(["wolf banana"], {"explain": True})
        assert answer.json()["predictions"] == here.to_dict("records")

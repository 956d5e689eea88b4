"""How little is imported, and how soon something is said, before a command does its work."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tokenlayer.cli.main import main

SLOW = (
    "torch",
    "mlflow",
    "pytorch_lightning",
    "sklearn",
    "matplotlib",
    "pandas",
    "optuna",
    "transformers",
    "datasets",
    "safetensors",
)
CODE = """\
import json, sys
from tokenlayer.cli.main import main
for line in json.loads(sys.argv[1]):
    code = main(line)
    print(code, sorted(set(sys.argv[2].split(",")) & set(sys.modules)), file=sys.stderr)
"""


def imported(folder, *lines):
    """The exit code of each command line, and the slow packages imported by then, as one process prints them."""
    command = [sys.executable, "-c", CODE, json.dumps(lines), ",".join(SLOW)]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True)
    return [told for told in done.stderr.splitlines() if re.match(r"\d \[", told)]


LIGHT = [
    (["train", "--help"], 0),
    (["train", "--cfg", "job"], 0),
    (["train", "sed=1", "dataset=planted_shrt", "trainer.max_epochs=ten", "callbacks.live_view.evry=3"], 2),
    (["train", "-m", "seed=0,x", "initializer=l1_ngrams,bpe", "learning_rule=grow,original", "model=original"], 2),
    (["train", "model/head=attention,conv,pool", "-m", "model.head.width=0"], 2),
    (["train", "initializer=chi2_words", "optimizer=original", "lr_scheduler=none", "dataset.text_length=0"], 2),
    (["train", "dataset=imdb", "seed=x"], 2),
    (["train", "~model"], 2),
    (["train", "dataset=imdb", "dataset.source=nowhere.csv"], 2),
    (["train", "dataset=table", "dataset.source=no.csv", "dataset.text_column=a", "dataset.label_column=b"], 2),
    (["train", "tracking.uri=http://127.0.0.1:1"], 2),
    (["baseline", "tracking.uri=http://127.0.0.1:1"], 2),
    (["evaluate", "trainer.max_epochs=ten"], 2),
    (["baseline", "--help"], 0),
    (["search", "--help"], 0),
    (["search", "search=learning", "optimizer.lr=0.1"], 2),
    (["search", "optimizer.lrr=interval(0.1,1)", "search.metric=test/accuracy"], 2),
    (["baseline", "sed=1", "baseline=nbsvm"], 2),
    (["ui", "--help"], 0),
    (["explain", "--help"], 0),
    (["predict", "--help"], 0),
    (["predict", "run", "texts.csv"], 2),
    (["export", "--help"], 0),
    (["export", "run", "--to", "huggingface", "--output", "."], 2),
    (["compare", "--help"], 0),
    (["compare"], 2),
    (["compare", "sizes", "--output", "page.doc"], 2),
    (["runs", "--help"], 0),
    (["runs", "--prune", "--limit", "3"], 2),
]


def test_what_takes_seconds_is_not_imported(tmp_path):
    """In one process: what a line had imported would be there after the lines that follow, too."""
    assert imported(tmp_path, *(line for line, _ in LIGHT)) == [f"{code} []" for _, code in LIGHT]


@pytest.mark.parametrize("setting", ["optimizer.lr=abc", "+optimizer.lrr=1", "optimizer.lr=-1", "lr_scheduler.T_max=x"])
def test_arguments_of_torch_that_a_line_sets_are_checked_by_torch(tmp_path, monkeypatch, capsys, setting):
    monkeypatch.chdir(tmp_path)
    assert main(["train", setting]) == 2
    assert setting.lstrip("+").partition("=")[0] in capsys.readouterr().err


OWN_FILES = [
    ("optimizer/adam.yaml", "_target_: torch.optim.Adam\nlr: -1.0\n", []),
    ("optimizer/mine.yaml", "_target_: torch.optim.Adam\nlrr: 1.0\n", ["optimizer=mine"]),
    ("experiment/mine.yaml", "# @package _global_\noptimizer: {lr: abc}\n", ["experiment=mine"]),
    ("experiment/mine.yaml", "# @package _global_\nlr_scheduler: {eta_min: abc}\n", ["experiment=mine"]),
]


@pytest.fixture
def own_file(tmp_path, monkeypatch):
    """Puts a file into `./conf` of a folder of one's own."""

    def put(file, text):
        path = tmp_path / "conf" / file
        path.parent.mkdir(parents=True)
        path.write_text(text)

    monkeypatch.chdir(tmp_path)
    return put


@pytest.mark.parametrize(("file", "text", "arguments"), OWN_FILES)
def test_arguments_of_torch_in_a_file_of_ones_own_are_checked_by_torch(own_file, capsys, file, text, arguments):
    own_file(file, text)
    assert main(["train", *arguments]) == 2
    assert re.search(r"^error: (optimizer|lr_scheduler)\b", capsys.readouterr().err, flags=re.MULTILINE)


def test_they_import_torch_and_nothing_else_that_takes_seconds(tmp_path, own_file):
    for file, text, _ in OWN_FILES[1:3]:
        own_file(file, text)
    lines = (["train", "optimizer=mine"], ["train", "experiment=mine"], ["train", "optimizer.lr=abc"])
    assert imported(tmp_path, *lines) == ["2 ['torch']"] * 3


def test_a_training_says_what_it_is_loading(tmp_path):
    line = [sys.executable, "-m", "tokenlayer", "train"]
    with subprocess.Popen(line, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        first = process.stdout.readline()
        spent = cpu_seconds(process.pid)
        process.kill()
    assert first == "loading torch, pytorch_lightning, mlflow …\n"
    assert spent < 2


def cpu_seconds(pid):
    """User and system time of a running process: unlike the clock's, it does not depend on what else runs here."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    user, system = fields[11:13]
    return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")

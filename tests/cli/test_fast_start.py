"""How little is imported, and how soon something is said, before a command does its work."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

SLOW = ("torch", "mlflow", "pytorch_lightning", "sklearn", "matplotlib", "pandas")
CODE = """\
import sys
from tokenlayer.cli.main import main
code = main(sys.argv[2:])
print(code, sorted(set(sys.argv[1].split(",")) & set(sys.modules)))
"""


def imported(folder, *arguments):
    """The exit code and the slow packages that a command line has imported, as it prints them."""
    line = [sys.executable, "-c", CODE, ",".join(SLOW), *arguments]
    done = subprocess.run(line, cwd=folder, capture_output=True, text=True, check=True)
    return done.stdout.splitlines()[-1]


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["train", "--help"], 0),
        (["train", "--cfg", "job"], 0),
        (["train", "sed=1", "dataset=planted_shrt", "trainer.max_epochs=ten", "callbacks.live_view.evry=3"], 2),
        (["train", "-m", "seed=0,x", "initializer=l1_ngrams,bpe", "learning_rule=grow,original", "model=original"], 2),
        (["train", "model/head=attention,conv,pool", "-m", "model.head.width=0"], 2),
        (["train", "initializer=chi2_words", "optimizer=original", "lr_scheduler=none", "dataset.text_length=0"], 2),
        (["train", "dataset=imdb", "seed=x"], 2),
        (["evaluate", "trainer.max_epochs=ten"], 2),
        (["baseline", "--help"], 0),
        (["baseline", "sed=1", "baseline=nbsvm"], 2),
        (["ui", "--help"], 0),
        (["explain", "--help"], 0),
    ],
)
def test_what_takes_seconds_is_not_imported(tmp_path, arguments, code):
    assert imported(tmp_path, *arguments) == f"{code} []"


@pytest.mark.parametrize("setting", ["optimizer.lr=abc", "+optimizer.lrr=1", "optimizer.lr=-1", "lr_scheduler.T_max=x"])
def test_arguments_of_torch_that_a_line_sets_are_checked_by_torch(tmp_path, setting):
    assert imported(tmp_path, "train", setting) == "2 ['torch']"


@pytest.mark.parametrize(
    ("file", "text", "arguments"),
    [
        ("optimizer/adam.yaml", "_target_: torch.optim.Adam\nlr: -1.0\n", []),
        ("optimizer/mine.yaml", "_target_: torch.optim.Adam\nlrr: 1.0\n", ["optimizer=mine"]),
        ("experiment/mine.yaml", "# @package _global_\noptimizer: {lr: abc}\n", ["experiment=mine"]),
        ("experiment/mine.yaml", "# @package _global_\nlr_scheduler: {eta_min: abc}\n", ["experiment=mine"]),
    ],
)
def test_arguments_of_torch_in_a_file_of_ones_own_are_checked_by_torch(tmp_path, file, text, arguments):
    path = tmp_path / "conf" / file
    path.parent.mkdir(parents=True)
    path.write_text(text)
    assert imported(tmp_path, "train", *arguments) == "2 ['torch']"


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

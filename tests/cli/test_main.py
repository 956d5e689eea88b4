import os
import signal
import subprocess
import sys
import time

import pytest

from tokenlayer.cli import main as cli
from tokenlayer.errors import InputError
from tokenlayer.interrupts import Interrupted


@pytest.fixture
def ends_with(monkeypatch):
    """Exit code where the command ends with this exception."""

    def run(end):
        def command(arguments):
            raise end

        monkeypatch.setattr(cli, "_command", lambda name: command)
        return cli.main(["train"])

    return run


@pytest.mark.parametrize(
    ("end", "code", "told"),
    [
        (InputError("a.csv: no such file"), 2, "error: a.csv: no such file\n"),
        (Interrupted(signal.SIGTERM), 130, "interrupted by SIGTERM\n"),
        (KeyboardInterrupt(), 130, "interrupted\n"),
        (SystemExit(2), 2, ""),
        (SystemExit(), 0, ""),
    ],
)
def test_exit_codes(ends_with, capsys, end, code, told):
    assert ends_with(end) == code
    assert capsys.readouterr().err == told


def test_other_exceptions_come_with_their_traceback(ends_with, capsys):
    assert ends_with(ZeroDivisionError("by zero")) == 1
    told = capsys.readouterr().err
    assert "Traceback" in told
    assert "ZeroDivisionError: by zero" in told


def test_help_and_version(capsys):
    assert cli.main(["--help"]) == 0
    usage = capsys.readouterr().out
    assert "evaluate" in usage
    (export,) = [line for line in usage.splitlines() if line.startswith("  export ")]
    assert all(form in export for form in ("Hugging Face", "ONNX", "text"))
    assert cli.main(["--version"]) == 0
    assert capsys.readouterr().out.startswith("tokenlayer 0.")
    assert cli.main([]) == 2


def test_unknown_command(capsys):
    assert cli.main(["trian"]) == 2
    assert capsys.readouterr().err == (
        "error: trian: no such command; did you mean train?; known: baseline, compare, evaluate, explain, export, "
        "predict, runs, search, sync, tokens, train, ui\n"
    )


def test_help_imports_neither_torch_nor_mlflow():
    code = (
        "import sys; from tokenlayer.cli.main import main; main(['--help']); "
        "print([name for name in ('torch', 'mlflow', 'pytorch_lightning', 'hydra') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


def test_module_and_a_wrong_configuration(tmp_path):
    """`python -m tokenlayer`, in a folder of its own: nothing is written before the check has passed."""
    line = [sys.executable, "-m", "tokenlayer", "train", "-m", "initializer=uniform,unigram", "seed=0,x"]
    done = subprocess.run(line, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "initializer=uniform: no such option; did you mean unigram" in done.stderr
    assert "seed: expected an integer, got 'x'" in done.stderr
    assert "Traceback" not in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_wrong_flag_names_the_command(capsys):
    assert cli.main(["train", "--frobnicate"]) == 2
    told = capsys.readouterr().err
    assert "tokenlayer train: error: unrecognized arguments: --frobnicate" in told
    assert "__main__" not in told


@pytest.mark.parametrize("arguments", [["--help"], ["train", "--help"], ["train", "--cfg", "job"]])
def test_output_that_nobody_reads_is_no_failure(tmp_path, arguments):
    read, write = os.pipe()
    os.close(read)
    line = [sys.executable, "-m", "tokenlayer", *arguments]
    done = subprocess.run(line, cwd=tmp_path, stdout=write, stderr=subprocess.PIPE, text=True, check=False)
    os.close(write)
    assert (done.returncode, done.stderr) == (0, "")


def test_sigterm_at_the_start(tmp_path):
    """Before any training, while modules are imported, the exit code is that of an interruption too."""
    script = (
        "import sys, time, types\n"
        "from tokenlayer.cli import main as cli\n"
        "def command(arguments):\n    print('ready', flush=True)\n    time.sleep(30)\n"
        "cli._command = lambda name: command\n"
        "sys.exit(cli.main(['train']))\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", script],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout.readline() == "ready\n"
    start = time.monotonic()
    process.send_signal(signal.SIGTERM)
    _, told = process.communicate(timeout=20)
    assert process.returncode == 130
    assert told == "interrupted by SIGTERM\n"
    assert time.monotonic() - start < 10

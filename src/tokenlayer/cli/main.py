"""`tokenlayer COMMAND`: the commands, and the exit code of the process."""

import importlib
import importlib.metadata
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import cast

from tokenlayer.cli.exit_codes import ExitCode, report
from tokenlayer.config import renamed
from tokenlayer.errors import InputError
from tokenlayer.hints import hint
from tokenlayer.interrupts import Interrupted, handled
from tokenlayer.terminal import complain, safe_messages

USAGE = """\
usage: tokenlayer COMMAND …

  train [group=option] [key=value] …      train a model; -m tries several values of each setting
  search search=NAME [key=value] …        search for good settings, trial by trial (Optuna)
  evaluate RUN_OR_CHECKPOINT [key=value]  test a trained model on its dataset, or on another
  predict RUN_OR_CHECKPOINT FILE          write a table of texts with what a trained model says of each
  tokens RUN_OR_CHECKPOINT [--texts F]    list the tokens of a trained model, and the texts that hold them
  explain RUN_OR_CHECKPOINT TEXT          show which tokens of a text decide, and how much
  export RUN_OR_CHECKPOINT --to FORMAT    write it for other programs: Hugging Face (a tokenizer), ONNX, text
  baseline [baseline=option] …            fit and test a linear classifier of all words, to compare with
  compare SWEEP_OR_RUN … [--by KEY]       means over seeds, paired tests, a page with curves and tokens
  runs [--filter F] [--prune]             list the runs; remove local copies of those that MLflow holds whole
  ui [--run RUN] [--tracking-uri URI]     look at the runs in the browser
  sync [RUN | --all]                      send to MLflow what it lacks of runs that are recorded here

  tokenlayer COMMAND --help               what a command takes
  tokenlayer --version

  RUN is a run's id, a unique beginning of it, or its name. train, search, evaluate and baseline compose a configuration
  and take its settings, the others take flags.

exit codes: 0 done, 1 failed, 2 bad input or configuration, 130 interrupted
"""

# Imported when asked for: torch and MLflow take seconds that --help must not cost.
_NAMES = (
    "train", "search", "evaluate", "predict", "tokens", "explain", "export", "baseline",
    "compare", "runs", "ui", "sync",
)  # fmt: skip
COMMANDS = {name: f"tokenlayer.cli.{name}" for name in _NAMES}


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one command and returns the exit code of the process."""
    # Before torch is imported: threads that wait by spinning make a step ten times as slow as soon as anything else
    # runs on the machine, another job of a sweep for one; on a quiet machine sleeping costs next to nothing.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    code: int = ExitCode.DONE
    try:
        with safe_messages():
            code = _run(list(sys.argv[1:] if argv is None else argv))
        sys.stdout.flush()
    except BrokenPipeError:  # `--help | head`; within a job it is the job's failure, and reported there
        _stop_writing()
    return code


def _run(arguments: list[str]) -> int:
    if not arguments or arguments[0] in ("-h", "--help", "help"):
        print(USAGE, end="")
        return ExitCode.DONE if arguments else ExitCode.BAD_INPUT
    if arguments[0] == "--version":
        print(f"tokenlayer {importlib.metadata.version('tokenlayer')}")
        return ExitCode.DONE
    return _guarded(arguments[0], arguments[1:])


def _guarded(name: str, arguments: list[str]) -> int:
    try:
        with handled():
            return _command(name)(arguments)
    except (Interrupted, KeyboardInterrupt) as interruption:
        complain(str(interruption) or "interrupted")
        return ExitCode.INTERRUPTED
    except SystemExit as ended:  # argparse and Hydra end --help and wrong flags this way
        return ended.code if isinstance(ended.code, int) else ExitCode.DONE
    except BrokenPipeError:
        raise
    except Exception as error:
        return report(error)


def _stop_writing() -> None:
    """Nobody reads the output any more: what is left of it must not fail once more when Python ends."""
    with Path(os.devnull).open("w") as nowhere:
        os.dup2(nowhere.fileno(), sys.stdout.fileno())


def _command(name: str) -> Callable[[list[str]], int]:
    if name in renamed.COMMANDS:
        new = renamed.COMMANDS[name]
        raise InputError(f"{name}: is now called {new}; write tokenlayer {new} …")
    if name not in COMMANDS:
        raise InputError(f"{name}: no such command{hint(name, COMMANDS)}")
    return cast(Callable[[list[str]], int], importlib.import_module(COMMANDS[name]).main)

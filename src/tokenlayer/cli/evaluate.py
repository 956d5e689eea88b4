"""`tokenlayer evaluate RUN_ID_OR_CHECKPOINT`."""

from typing import Any

from tokenlayer.cli.jobs import Command, Job, run
from tokenlayer.config.check import Spec
from tokenlayer.config.compose import Line
from tokenlayer.config.resume import find, with_saved_dataset
from tokenlayer.config.schema import EvaluateConfig
from tokenlayer.training.evaluation import evaluate, saved_config


def main(arguments: list[str]) -> int:
    """Evaluates the run or checkpoint that comes first; the rest are Hydra's flags and overrides."""
    return run(Command("evaluate", Spec(EvaluateConfig, _complete), _work), _with_run_as_setting(arguments))


def _with_run_as_setting(arguments: list[str]) -> list[str]:
    """`PATH` → `run='PATH'`, quoted: a path may hold what Hydra's grammar would take apart."""
    if not arguments or arguments[0].startswith("-") or "=" in arguments[0]:
        return arguments
    quoted = arguments[0].replace("\\", "\\\\").replace("'", "\\'")
    return [f"run='{quoted}'", *arguments[1:]]


def _complete(composed: dict[str, Any], line: Line) -> dict[str, Any]:
    return with_saved_dataset(composed, line, find(composed, "run", saved_config))


def _work(job: Job[EvaluateConfig]) -> None:
    evaluate(job.config)

"""`tokenlayer evaluate RUN_ID_OR_CHECKPOINT`."""

from typing import Any

from tokenlayer.cli.jobs import Command, Job, run
from tokenlayer.cli.saved import saved_config
from tokenlayer.config.check import Spec
from tokenlayer.config.compose import Line
from tokenlayer.config.resume import find, with_saved_dataset
from tokenlayer.config.schema import EvaluateConfig, TrainConfig
from tokenlayer.config.typed import load
from tokenlayer.tracking.config import TrackingConfig
from tokenlayer.training.evaluation import evaluate
from tokenlayer.training.saved import saved_model


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
    """The run's dataset, or another one, cleaned, cut and encoded as the model knows it."""
    completed = with_saved_dataset(composed, line, find(composed, "run", saved_config))
    if not line.chosen("dataset"):
        return completed
    saved = saved_model(composed["run"], load(composed["tracking"], TrackingConfig), composed["output_dir"])
    known = saved.header["config"]["dataset"]
    alphabet = completed["dataset"]["alphabet"] | {"characters": saved.header["alphabet"]}
    dataset = completed["dataset"] | {name: known[name] for name in ("text_length", "cleaning")}
    return completed | {"dataset": dataset | {"alphabet": alphabet}}


def _work(job: Job[EvaluateConfig]) -> None:
    config = job.config
    saved = saved_model(config.run, config.tracking, config.output_dir)
    trained = load(saved.header["config"], TrainConfig, allow_targets=config.allow_targets)
    is_own = config.dataset.cache_settings() == trained.dataset.cache_settings()
    split = ("test" if is_own else "all") if config.split == "auto" else config.split
    evaluate(config, saved, trained.model, split)

"""`tokenlayer evaluate RUN_OR_CHECKPOINT`."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tokenlayer.cli.checkpoint_loading import saved_config
from tokenlayer.cli.command import Command
from tokenlayer.cli.environment import take_experiment, take_store
from tokenlayer.cli.jobs import configure_logging, run
from tokenlayer.config.check import Spec
from tokenlayer.config.compose import Line
from tokenlayer.config.problems import ConfigError, Problem, shown
from tokenlayer.config.resume import find, trained_config, with_saved_dataset
from tokenlayer.config.typed import flatten, load
from tokenlayer.data.config import NO_BEARING_ON_TEXTS
from tokenlayer.outside import loading
from tokenlayer.progress import shown_by
from tokenlayer.progress_bars import progress_bar
from tokenlayer.tracking.config import TrackingConfig
from tokenlayer.tracking.uri import EXPERIMENT_ENVIRONMENT, from_environment
from tokenlayer.training.config import EvaluateConfig
from tokenlayer.training.job import Job

ENCODING = ("text_length", "cleaning", "alphabet")
"""Settings of a dataset that decide what characters the model sees: they are the model's."""


def main(arguments: list[str]) -> int:
    """Evaluates the run or checkpoint that comes first; the rest are Hydra's flags and overrides."""
    return run(Command("evaluate", Spec(EvaluateConfig, _complete), _work), _with_run_as_setting(arguments))


def _with_run_as_setting(arguments: list[str]) -> list[str]:
    """`PATH` → `run='PATH'`, quoted: a path may hold what Hydra's grammar would take apart."""
    if not arguments or arguments[0].startswith("-"):
        return arguments
    if "=" in arguments[0] and not Path(arguments[0]).is_file():  # some name checkpoints epoch=3.ckpt
        return arguments
    quoted = arguments[0].replace("\\", "\\\\").replace("'", "\\'")
    return [f"run='{quoted}'", *arguments[1:]]


def _complete(composed: dict[str, Any], line: Line) -> dict[str, Any]:
    """The run's dataset, or another one, cleaned, cut and encoded as the model knows it; the run's experiment."""
    if composed["run"] == "???":
        raise ConfigError([Problem("run", "must be given: tokenlayer evaluate RUN_OR_CHECKPOINT")])
    saved = find(take_store(composed), "run", saved_config)
    completed = with_saved_dataset(composed, line, saved) | {"run": saved.name}
    if completed["tracking"]["experiment"] is None and from_environment(EXPERIMENT_ENVIRONMENT) is None:
        experiment = saved.resolved["tracking"]["experiment"]
        completed["tracking"] = completed["tracking"] | {"experiment": experiment}
    take_experiment(completed)
    problems = list(_changes_of_the_encoding(line, completed["dataset"], saved.resolved["dataset"]))
    if problems:
        raise ConfigError(problems)
    changed = {setting.key_or_group for setting in line.settings if setting.key_or_group.startswith("dataset.")}
    if not line.chosen("dataset") and changed <= {f"dataset.{name}" for name in NO_BEARING_ON_TEXTS}:
        return completed
    from tokenlayer.training.checkpoint_loading import saved_model  # noqa: PLC0415  # torch takes seconds

    known = saved.resolved["dataset"]
    header = saved_model(saved.name, load(composed["tracking"], TrackingConfig), composed["output_dir"]).header
    dataset = completed["dataset"] | {name: known[name] for name in ENCODING}
    return completed | {"dataset": dataset | {"alphabet": known["alphabet"] | {"characters": header["alphabet"]}}}


def _changes_of_the_encoding(line: Line, dataset: dict[str, Any], known: dict[str, Any]) -> Iterator[Problem]:
    """Settings of the command line that would show the model other characters than it was trained on."""
    before = dict(flatten({"dataset": known}))
    after = dict(flatten({"dataset": dataset}))
    for setting in line.settings:
        key = setting.key_or_group
        if key.startswith(tuple(f"dataset.{name}" for name in ENCODING)):
            for changed in (name for name in after if name == key or name.startswith(f"{key}.")):
                if after[changed] != before.get(changed):
                    yield Problem(changed, f"the model was trained with {shown(before.get(changed))}: leave it out")


def _work(job: Job[EvaluateConfig]) -> None:
    with loading("pytorch_lightning", told=False):
        from tokenlayer.training.checkpoint_loading import saved_model  # noqa: PLC0415  # torch takes seconds
        from tokenlayer.training.evaluation import evaluate  # noqa: PLC0415  # so does Lightning

    configure_logging()
    config = job.config
    saved = saved_model(config.run, config.tracking, config.output_dir)
    with shown_by(progress_bar):
        evaluate(job, saved, trained_config(saved, config.allow_targets))

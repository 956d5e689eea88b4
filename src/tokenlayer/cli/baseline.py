"""`tokenlayer baseline`."""

from dataclasses import replace
from typing import Any

from tokenlayer.baselines.config import BaselineRunConfig
from tokenlayer.cli.command import Command
from tokenlayer.cli.environment import check_store, take_experiment, take_store
from tokenlayer.cli.jobs import run
from tokenlayer.config.check import Spec
from tokenlayer.config.compose import Line
from tokenlayer.config.typed import load
from tokenlayer.forking import TRAINING
from tokenlayer.outside import loading
from tokenlayer.progress import shown_by
from tokenlayer.progress_bars import progress_bar
from tokenlayer.training.job import Job, Result


def main(arguments: list[str]) -> int:
    """Fits and tests the baseline that the arguments, Hydra's flags and overrides, describe."""
    modules = (*TRAINING, "tokenlayer.baselines.run")
    return run(
        Command("baseline", Spec(BaselineRunConfig, _complete), _work, makes_sweeps=True, modules=modules), arguments
    )


def _complete(composed: dict[str, Any], line: Line) -> dict[str, Any]:  # noqa: ARG001  # there is no saved run to continue
    return take_experiment(take_store(composed))


def _work(job: Job[BaselineRunConfig]) -> Result:
    job.config.dataset.check_source()
    check_store(job.config.tracking, job.config.output_dir, job.member)
    # Not before the check has passed: what is wrong with a command line should take no time to say.
    with loading("torch", "sklearn", "mlflow", told=job.member is None):  # a sweep has said so
        from tokenlayer.baselines.run import compare  # noqa: PLC0415  # torch takes seconds; errors first
        from tokenlayer.config.chosen import choose_texts  # noqa: PLC0415  # torch takes seconds; errors first

    with shown_by(progress_bar):
        resolved, choices = choose_texts(job.config.dataset, job.resolved)
        config = load(resolved, BaselineRunConfig, allow_targets=job.config.allow_targets)
        return compare(replace(job, config=config, resolved=resolved, chosen=[str(choice) for choice in choices]))

"""`tokenlayer train`."""

from dataclasses import replace
from typing import Any

from tokenlayer.cli.checkpoint_loading import saved_run
from tokenlayer.cli.command import Command
from tokenlayer.cli.environment import check_store, take_experiment, take_store
from tokenlayer.cli.jobs import configure_logging, run
from tokenlayer.config.check import Spec
from tokenlayer.config.compose import Line
from tokenlayer.config.resume import continued, find
from tokenlayer.forking import TRAINING
from tokenlayer.outside import loading
from tokenlayer.progress import shown_by
from tokenlayer.progress_bars import progress_bar
from tokenlayer.training.config import TrainConfig
from tokenlayer.training.job import Job, Result


def main(arguments: list[str]) -> int:
    """Trains what the arguments, Hydra's flags and overrides, describe."""
    spec = Spec(TrainConfig, complete)
    return run(Command("train", spec, _work, makes_sweeps=True, resumes=True, modules=TRAINING), arguments)


def complete(composed: dict[str, Any], line: Line) -> dict[str, Any]:
    """The configuration, by that of the run to resume if it names one. Raises `ConfigError`."""
    take_store(composed)
    if composed.get("resume") is None:
        return take_experiment(composed)
    return continued(composed, line, find(composed, "resume", saved_run))


def _work(job: Job[TrainConfig]) -> Result:
    job.config.dataset.check_source()
    check_store(job.config.tracking, job.config.output_dir, job.member)
    # Not before the check has passed: what is wrong with a command line should take no time to say.
    with loading("torch", "pytorch_lightning", "mlflow", told=job.member is None):  # a sweep has said so
        from tokenlayer.config.chosen import choose  # noqa: PLC0415  # torch takes seconds; errors first
        from tokenlayer.training.train import train  # noqa: PLC0415  # torch takes seconds; errors first

    configure_logging()
    with shown_by(progress_bar):
        chosen = choose(job.config, job.resolved)
        words = [str(choice) for choice in chosen.choices]
        return train(replace(job, config=chosen.config, resolved=chosen.resolved, chosen=words))

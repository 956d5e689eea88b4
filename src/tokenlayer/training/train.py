"""One training run, from configuration to test figures."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
import yaml
from rich.console import Console

from tokenlayer import interrupts
from tokenlayer.data.types import PreparedDataset
from tokenlayer.errors import InputError
from tokenlayer.escaping import harmless
from tokenlayer.progress import shown_by
from tokenlayer.redaction import redacted_setting, redacted_settings
from tokenlayer.terminal import complain, console
from tokenlayer.tracking.commands import resume_command, ui_command
from tokenlayer.tracking.lease import LeaseLostError
from tokenlayer.tracking.lightning_logger import RecorderLogger
from tokenlayer.tracking.recorder import Recorder
from tokenlayer.tracking.settings import CHOSEN, OVERRIDES, RESOLVED
from tokenlayer.training.callbacks.base import RunContext
from tokenlayer.training.callbacks.checkpoints_callback import Checkpoints
from tokenlayer.training.config import TrainConfig
from tokenlayer.training.evaluation import record_train_ids
from tokenlayer.training.job import Job, Result
from tokenlayer.training.module import TokenizationModule
from tokenlayer.training.training import Training


def train(job: Job[TrainConfig]) -> Result:
    """Prepare the data, train, test, and record all of it.

    Args:
        job: the run's configuration, nothing in it left open.

    Raises:
        InputError: data, configuration or store cannot be used. No run is begun then, unless the loss is not finite.
        interrupts.Interrupted: the run was asked to stop; it is committed up to its last batch.

    """
    config = job.config
    training = Training(config, job.resolved)
    dataset, data = training.dataset, training.data
    loaders = (data.train_dataloader(), data.val_dataloader(), data.test_dataloader())
    config.trainer.check_batches(*map(len, loaders))
    module = training.module
    terminal = console(quiet=job.member is not None)
    with open_recorder(job) as recorder:
        # Before it trains, and alone on its line, for scripts that have to know the run they may have to resume.
        terminal.print(f"run {recorder.run_id}", soft_wrap=True)
        if job.member is not None:
            print(f"{job.member.label} run {recorder.run_id}", flush=True)
        if config.resume and recorder.resume_from is None:  # no checkpoint will fill in the first tokens
            module = Training(replace(config, resume=None), job.resolved).module
        record_train_ids(recorder, dataset)
        run = RunContext(recorder, dataset, job, terminal)
        callbacks = [callback.build(run) for callback in config.callbacks.values() if callback is not None]
        trainer = config.trainer.build(callbacks, RecorderLogger(recorder), recorder.root)
        checkpoint = checked_checkpoint(recorder.resume_from, dataset)
        with told_how_to_go_on(recorder.run_id, job):
            with interrupts.deferred(), shown_by(None):  # the live view has the terminal now
                trainer.fit(module, datamodule=data, ckpt_path=checkpoint)
                if module.validated_steps < trainer.global_step:  # max_steps came before the end of an epoch
                    trainer.validate(module, datamodule=data, verbose=False)
            # What came at the end of the last epoch is not to be lost with the test.
            recorder.commit(trainer.global_step)
            load_best(module, callbacks, config.test_weights)
            trainer.test(module, datamodule=data, verbose=False)
        metrics = {name: float(value) for name, value in trainer.callback_metrics.items()}
        recorder.set_tags({"mlflow.note.content": "\n\n".join([*run.remarks.values(), description(metrics)])})
    announce(terminal, recorder.run_id, metrics, config.tracking.uri, config.output_dir)
    return Result(recorder.run_id, metrics)


@contextmanager
def told_how_to_go_on(run_id: str, job: Job[TrainConfig]) -> Iterator[None]:
    """When a run breaks off, say how to resume it, unless it would break off again, or another process has it now.

    A sweep is continued by its own command line.
    """
    try:
        yield
    except (InputError, LeaseLostError):
        raise
    except BaseException:
        config = job.config
        if job.member is None:
            complain(f"go on with: {resume_command(run_id, config.tracking.uri, config.output_dir)}")
        raise


def open_recorder(job: Job[TrainConfig]) -> Recorder:
    """The recorder of a new run, or of the one to be resumed; its settings are committed."""
    config = job.config
    output_dir = Path(config.output_dir).absolute()
    if not config.resume:
        return start_recorder(job, run_name(job))
    recorder = Recorder.resume(config.tracking, output_dir, config.resume)
    # The line that started the run, and what was chosen then, stay.
    recorder.write_texts({RESOLVED: settings(job)[RESOLVED]})
    return recorder


def start_recorder(job: Job[Any], name: str) -> Recorder:
    """The recorder of a new run, which has its place if the job is one of a sweep.

    Args:
        job: the job; its configuration has `tracking` and `output_dir`.
        name: the name of a run on its own that is given none.

    """
    config, member = job.config, job.member
    tracking, output_dir = config.tracking, Path(config.output_dir).absolute()
    if member is None:
        return Recorder.start(tracking, output_dir, run_name=name, texts=settings(job))
    # The given name alone would stand for all runs of the sweep.
    own = [] if tracking.run_name is None else [tracking.run_name]
    named = replace(tracking, run_name=" ".join([*own, member.run_name]))
    return Recorder.start(named, output_dir, tags=member.tags, texts=settings(job))


def settings(job: Job[Any]) -> dict[str, str]:
    """What a run is resumed with and evaluated by, as texts by artifact path."""
    contents = {
        RESOLVED: redacted_settings(job.resolved),
        OVERRIDES: list(map(redacted_setting, job.overrides)),
        CHOSEN: list(job.chosen),
    }
    return {name: yaml.safe_dump(content, sort_keys=False, allow_unicode=True) for name, content in contents.items()}


def run_name(job: Job[TrainConfig]) -> str:
    """What tells the run from its neighbours in a list: experiment or dataset, initializer, seed."""
    choices = job.choices
    first = choices.get("experiment") or choices.get("dataset", "run")
    return f"{first}-{choices.get('initializer', 'custom')}-seed{job.config.seed}"


def checked_checkpoint(path: Path | None, dataset: PreparedDataset) -> Path | None:
    """The checkpoint to go on from, if it was made on these data."""
    if path is None:
        return None
    saved = torch.load(path, map_location="cpu", weights_only=True)["tokenlayer"]
    if saved["fingerprint"] != dataset.fingerprint:
        raise InputError(
            "resume: the data have changed since the run began (fingerprint "
            f"{saved['fingerprint'][:12]}, now {dataset.fingerprint[:12]}): give the same source, or start a new run"
        )
    return path


def load_best(module: TokenizationModule, callbacks: Sequence[pl.Callback], wanted: str) -> None:
    """Take the weights of the best checkpoint, if those are wanted and there is one."""
    checkpoints = next((callback for callback in callbacks if isinstance(callback, Checkpoints)), None)
    if wanted != "best" or checkpoints is None or checkpoints.best_file is None:
        return
    best = checkpoints.best_path
    if best is None:
        complain("the best checkpoint is damaged or gone here and in MLflow: the last weights are tested")
        return
    module.load_state_dict(torch.load(best, map_location="cpu", weights_only=True)["state_dict"])


def description(metrics: Mapping[str, float]) -> str:
    """What the page of the run says first, in Markdown."""
    rows = [f"| {name} | {value:.4f} |" for name, value in sorted(metrics.items()) if name.startswith("test/")]
    return "\n".join(["| | |", "|---|---|", *rows])


def announce(terminal: Console, run_id: str, metrics: Mapping[str, float], uri: str | None, output_dir: str) -> None:
    """The result, and how to look at the run."""
    if "test/accuracy" in metrics:
        terminal.print(f"test accuracy {metrics['test/accuracy']:.4f}")
    terminal.print(f"run {run_id}", soft_wrap=True)
    terminal.print(harmless(f"look at it with: {ui_command(run_id, uri, output_dir)}"), soft_wrap=True)

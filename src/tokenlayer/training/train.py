"""One training run, from configuration to test figures."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

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
from tokenlayer.tracking.commands import resume_command, start_command, ui_command
from tokenlayer.tracking.dataset_input import record_dataset
from tokenlayer.tracking.lease import LeaseLostError
from tokenlayer.tracking.lightning_logger import RecorderLogger
from tokenlayer.tracking.recorder import Recorder
from tokenlayer.tracking.serving import serving_lines
from tokenlayer.tracking.settings import CHOICES, CHOSEN, COMMAND, OVERRIDES, RESOLVED
from tokenlayer.training.budget import check_rule, warn_of_budget
from tokenlayer.training.callbacks.base import RunContext
from tokenlayer.training.callbacks.checkpoints_callback import BEST, LAST, Checkpoints, Kept
from tokenlayer.training.callbacks.run_callback import RunCallback
from tokenlayer.training.callbacks.system_metrics_callback import SystemMetrics
from tokenlayer.training.config import TrainConfig
from tokenlayer.training.described import dataset_description, model_description, run_name
from tokenlayer.training.evaluation import record_train_ids
from tokenlayer.training.job import Job, Result
from tokenlayer.training.module import TokenizationModule
from tokenlayer.training.notes import Note, Tested
from tokenlayer.training.served import record_served
from tokenlayer.training.training import Training
from tokenlayer.yaml_files import load_yaml


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
    check_rule(config, len(loaders[0]))
    module = training.module
    terminal = console(quiet=job.member is not None)
    recorder, job = open_run(job)
    with recorder:
        # Before it trains, and alone on its line, for scripts that have to know the run they may have to resume.
        terminal.print(f"run {recorder.run_id}", soft_wrap=True)
        if job.member is not None:
            print(f"{job.member.label} run {recorder.run_id}", flush=True)
        if config.resume and recorder.resume_from is None:  # no checkpoint will fill in the first tokens
            module = Training(replace(config, resume=None), job.resolved).module
        record_train_ids(recorder, dataset)
        described = record_dataset(recorder, dataset_description(job, dataset, "training"))
        note = Note(job, recorder, dataset, described.name)
        note.set("running")
        run = RunContext(recorder, dataset, job, terminal)
        callbacks = [callback.build(run) for callback in config.callbacks.values() if callback is not None]
        callbacks += [SystemMetrics(run)] if config.tracking.system_metrics else []
        for callback in callbacks:
            if isinstance(callback, RunCallback):
                callback.before_training()
        recorder.commit(recorder.resume_step)
        trainer = config.trainer.build(callbacks, RecorderLogger(recorder), recorder.root)
        checkpoint = checked_checkpoint(recorder.resume_from, dataset)
        with told_how_to_go_on(recorder.run_id, job, note):
            with interrupts.deferred(), shown_by(None):  # the live view has the terminal now
                trainer.fit(module, datamodule=data, ckpt_path=checkpoint)
                if module.validated_steps < trainer.global_step:  # max_steps came before the end of an epoch
                    trainer.validate(module, datamodule=data, verbose=False)
            # What came at the end of the last epoch is not to be lost with the test.
            recorder.commit(trainer.global_step)
            warn_of_budget(run, trainer.callback_metrics)
            checkpoints = next((callback for callback in callbacks if isinstance(callback, Checkpoints)), None)
            model = kept_model(checkpoints, config.test_weights)
            is_best = load_best(module, model)
            trainer.test(module, datamodule=data, verbose=False)
        metrics = {name: float(value) for name, value in trainer.callback_metrics.items()}
        served, tested = None, "the last weights"
        if checkpoints is not None and model is not None:
            is_tested = is_best or (model.artifact == LAST and model.step == trainer.global_step)
            description = model_description(job, recorder, model, described, is_tested=is_tested)
            served = description.name if record_served(recorder, description, model.path) else None
            tested = checkpoints.place(model, trainer) if is_best else tested
        note.set("done", Tested(metrics, tested, served), run.remarks.values())
    announce(terminal, recorder.run_id, metrics, config.tracking.uri, config.output_dir)
    if job.member is None:
        for line in serving_lines(recorder.run_id, config.tracking.uri, config.output_dir):
            terminal.print(harmless(line), soft_wrap=True)
    return Result(recorder.run_id, metrics)


@contextmanager
def told_how_to_go_on(run_id: str, job: Job[TrainConfig], note: Note) -> Iterator[None]:
    """When a run breaks off, say how to resume it, unless it would break off again, or another process has it now.

    A sweep is continued by its own command line.
    """
    try:
        yield
    except (InputError, LeaseLostError):
        note.set("broken off")
        raise
    except BaseException:
        note.set("broken off")
        config = job.config
        if job.member is None:
            complain(f"go on with: {resume_command(run_id, config.tracking.uri, config.output_dir)}")
        raise


def open_run(job: Job[TrainConfig]) -> tuple[Recorder, Job[TrainConfig]]:
    """The recorder of a new run, or of the one to be resumed, and the job as it is recorded.

    The settings are committed. The options that a resumed run was made of are those of its first command line.
    """
    config = job.config
    output_dir = Path(config.output_dir).absolute()
    if not config.resume:
        texts = settings(job) | {COMMAND: start_command(job.overrides) + "\n"}
        return start_recorder(job, run_name(job), texts), job
    recorder = Recorder.resume(config.tracking, output_dir, config.resume)
    # The line that started the run, and what was chosen then, stay.
    recorder.write_texts({RESOLVED: settings(job)[RESOLVED]})
    return recorder, replace(job, choices=recorded_choices(recorder))


def recorded_choices(recorder: Recorder) -> dict[str, str]:
    """The options that a run was started with, by group; none where it has not recorded them."""
    path = recorder.directory / CHOICES
    found = load_yaml(path, CHOICES) if path.is_file() else {}
    return {str(group): str(option) for group, option in found.items()} if isinstance(found, dict) else {}


def start_recorder(job: Job[Any], name: str, texts: Mapping[str, str]) -> Recorder:
    """The recorder of a new run, which has its place if the job is one of a sweep.

    Args:
        job: the job; its configuration has `tracking` and `output_dir`.
        name: the name of a run on its own that is given none.
        texts: what is committed before anything else, by artifact path.

    """
    config, member = job.config, job.member
    tracking, output_dir = config.tracking, Path(config.output_dir).absolute()
    if member is None:
        return Recorder.start(tracking, output_dir, run_name=name, texts=texts)
    # The given name alone would stand for all runs of the sweep.
    own = [] if tracking.run_name is None else [tracking.run_name]
    named = replace(tracking, run_name=" ".join([*own, member.run_name]))
    return Recorder.start(named, output_dir, tags=member.tags, texts=texts)


def settings(job: Job[Any]) -> dict[str, str]:
    """What a run is resumed with and evaluated by, as texts by artifact path."""
    contents = {
        RESOLVED: redacted_settings(job.resolved),
        OVERRIDES: list(map(redacted_setting, job.overrides)),
        CHOSEN: list(job.chosen),
        CHOICES: dict(job.choices),
    }
    return {name: yaml.safe_dump(content, sort_keys=False, allow_unicode=True) for name, content in contents.items()}


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


def kept_model(checkpoints: Checkpoints | None, wanted: str) -> Kept | None:
    """The checkpoint that is the run's model: the best, or the last if `wanted` says so or nothing was validated."""
    if checkpoints is None:
        return None
    return checkpoints.best or checkpoints.last if wanted == "best" else checkpoints.last


def load_best(module: TokenizationModule, model: Kept | None) -> bool:
    """Take the weights of the run's model if it is the best checkpoint; returns whether it was done."""
    if model is None or model.artifact != BEST:
        return False
    if model.path is None:
        complain("the best checkpoint is damaged or gone here and in MLflow: the last weights are tested")
        return False
    module.load_state_dict(torch.load(model.path, map_location="cpu", weights_only=True)["state_dict"])
    return True


def announce(terminal: Console, run_id: str, metrics: Mapping[str, float], uri: str | None, output_dir: str) -> None:
    """The result, and how to look at the run."""
    if "test/accuracy" in metrics:
        terminal.print(f"test accuracy {metrics['test/accuracy']:.4f}")
    terminal.print(f"run {run_id}", soft_wrap=True)
    terminal.print(harmless(f"look at it with: {ui_command(run_id, uri, output_dir)}"), soft_wrap=True)

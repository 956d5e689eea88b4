"""A training within somebody else's program: it says nothing, writes nothing, and leaves the process as it was."""

from __future__ import annotations

import logging
import os
import signal
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from pytorch_lightning.utilities.seed import isolate_rng

from tokenlayer.progress import working
from tokenlayer.training.training import Training

_SET_BY_LIGHTNING = ("PL_GLOBAL_SEED", "PL_SEED_WORKERS", "CUBLAS_WORKSPACE_CONFIG")
_LOGGERS = ("pytorch_lightning", "lightning_fabric")


def fit_quietly(training: Training, folder: Path) -> None:
    """Train to the end, without validation, checkpoints or logs; the model has its last weights then, on the CPU.

    Args:
        training: what is trained.
        folder: where Lightning would write, if it did.

    Raises:
        InputError: the texts do not yield the tokens, or the loss is not finite.
        KeyboardInterrupt: Ctrl-C was pressed.

    """
    with _undisturbed():
        module, data = training.module, training.data
        trainer = training.config.trainer.build([], logger=False, run_dir=folder)
        batches = len(data.train_dataloader())
        n_steps = (training.config.trainer.max_epochs or 0) * training.config.trainer.train_batches(batches)
        with working("training", n_steps, lambda: int(trainer.global_step)):
            trainer.fit(module, train_dataloaders=data.train_dataloader())
        module.cpu().eval()


@contextmanager
def _undisturbed() -> Iterator[None]:
    """Whatever Lightning and a seed change in a process is put back after the block, and nothing of it is said."""
    loggers = [logging.getLogger(name) for name in _LOGGERS]
    levels = [logger.level for logger in loggers]
    variables = {name: os.environ.get(name) for name in _SET_BY_LIGHTNING}
    deterministic, threads = torch.are_deterministic_algorithms_enabled(), torch.get_num_threads()
    is_main = threading.current_thread() is threading.main_thread()
    on_interrupt = signal.getsignal(signal.SIGINT) if is_main else None
    try:
        for logger in loggers:
            logger.setLevel(logging.ERROR)
        # A step's operations are so small that other threads would spin more than they work, and beside anything else
        # that runs on the machine, another fit of a search for one, take ten times as long.
        torch.set_num_threads(1)
        with isolate_rng(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    except SystemExit as ended:
        if isinstance(ended.__context__, KeyboardInterrupt):  # for which Lightning ends the process
            raise KeyboardInterrupt from ended
        raise
    finally:
        if is_main:
            signal.signal(signal.SIGINT, on_interrupt)
        torch.use_deterministic_algorithms(deterministic)
        torch.set_num_threads(threads)
        for name, value in variables.items():
            os.environ.pop(name, None)
            if value is not None:
                os.environ[name] = value
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)

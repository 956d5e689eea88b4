"""The budget of tokens that are read (`tokens_per_text`): whether it can be kept, and whether it was."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tokenlayer.errors import InputError
from tokenlayer.terminal import complain
from tokenlayer.training.callbacks.base import RunContext
from tokenlayer.training.config import TrainConfig

SLACK = 1.05
"""Tokens read on validation texts may be so many times those that were asked for."""


def check_rule(config: TrainConfig, batches: int) -> None:
    """Check that the learning rule can do its work in a training whose epochs have so many batches, unless it goes on.

    Raises:
        InputError: it cannot.

    """
    if config.resume is not None:
        return
    batches = config.trainer.train_batches(batches)
    problems = config.learning_rule.problems_of_length(config.trainer.n_steps(batches), batches)
    found = [f"learning_rule.{name}: {message}" for name, message in problems]
    if found:
        raise InputError("\n".join(found))


def warn_of_budget(run: RunContext, metrics: Mapping[str, Any]) -> None:
    """Say, here and on the run's page, if validation texts are read with more tokens than were asked for."""
    config, read = run.job.config, float(metrics.get("validation/tokens_read", 0.0))
    section = "initializer" if config.learning_rule.keeps_vocabulary else "learning_rule"  # what has chosen last
    budget, initial = _budget(getattr(config, section)), _budget(config.initializer)
    if budget is not None and read > SLACK * budget:
        remark = (
            f"{section}.tokens_per_text={budget:g} is kept on the training texts, but on those of validation "
            f"{read:.3g} tokens are read: they are few, or differ; give a smaller budget"
        )
    elif budget is None and initial is not None and read > SLACK * initial:
        remark = (
            f"initializer.tokens_per_text={initial:g} was for the first tokens, which the learning rule has replaced "
            f"by others: {read:.3g} are read; give learning_rule.tokens_per_text, or learning_rule=frozen"
        )
    else:
        return
    complain(f"warning: {remark}")
    run.remarks["budget"] = remark


def _budget(part: Any) -> float | None:
    return getattr(part, "tokens_per_text", None)

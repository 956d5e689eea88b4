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
    """Check that the learning rule can do its work in a training whose epochs have so many batches.

    Raises:
        InputError: it cannot.

    """
    batches = config.trainer.train_batches(batches)
    problems = config.learning_rule.problems_of_length(config.trainer.n_steps(batches), batches)
    found = [f"learning_rule.{name}: {message}" for name, message in problems]
    if found:
        raise InputError("\n".join(found))


def warn_of_budget(run: RunContext, metrics: Mapping[str, Any]) -> None:
    """Say, here and on the run's page, if validation texts are read with more tokens than were asked for."""
    config, read = run.job.config, float(metrics.get("validation/tokens_read", 0.0))
    budgets = {f"{name}.tokens_per_text": _budget(getattr(config, name)) for name in ("learning_rule", "initializer")}
    # The rule, where it has a budget, has chosen last.
    key, budget = next(((key, budget) for key, budget in budgets.items() if budget is not None), ("", None))
    if budget is None or read <= SLACK * budget:
        return
    remark = (
        f"{key}={budget:g} is kept on the training texts, but on those of validation {read:.3g} tokens are read: they "
        "are few, or differ; give a smaller budget"
    )
    complain(f"warning: {remark}")
    run.remarks["budget"] = remark


def _budget(part: Any) -> float | None:
    return getattr(part, "tokens_per_text", None)

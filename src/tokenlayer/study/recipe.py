"""What the studies on reviews have in common: the recommended training, its rule and its head."""

from __future__ import annotations

from tokenlayer.study.cells import Cell

BEST_RULE = "graft"
"""The learning rule that is recommended (an option of `learning_rule`)."""
N = 500
"""Patterns, where nothing else is said."""
FIVE, THREE, ONE = (0, 1, 2, 3, 4), (0, 1, 2), (0,)
"""Seeds."""

TRAINING = (
    "experiment=learned_imdb",
    "callbacks.patterns_log.every=50",
    # What no table or figure of a study reads, and takes a third of the time.
    *(f"callbacks.{name}=null" for name in ("token_effects", "grads_log", "vals_log", "figures", "biography")),
)
"""The recommended training, the same for every cell of every study."""
RANDOM_GRAMS = ("initializer=random_grams", "model/head=pool", f"model.n_neurons={N}")
"""N random grams with true blanks, and the pooled linear head."""
REVIEWS = (*TRAINING, *RANDOM_GRAMS)

RULES = {
    "seed": ("the original's rule", ("learning_rule=seed",)),
    "frozen": ("no rule", ("learning_rule=frozen",)),
    "random_regrow": ("random regrowth", ("learning_rule=random_regrow",)),
    "grow-shuffled": ("grow, scores shuffled", ("learning_rule=grow", "learning_rule.shuffle=true")),
    "grow": ("grow", ("learning_rule=grow",)),
    BEST_RULE: (BEST_RULE, (f"learning_rule={BEST_RULE}",)),
}
"""Name of the cell → what it is called, and its settings."""


def rule_cells() -> tuple[Cell, ...]:
    """Every learning rule, from the same start."""
    return tuple(Cell(name, overrides, FIVE, {"rule": label}) for name, (label, overrides) in RULES.items())


def compared_rules() -> tuple[str, ...]:
    """No rule, growth, and the best rule: what initializers and heads are tried with."""
    return tuple(dict.fromkeys(("frozen", "grow", BEST_RULE)))

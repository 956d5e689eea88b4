"""What the studies share: the recommended training, its rule, its head, and the seeds."""

from __future__ import annotations

from tokenlayer.study.conditions import Condition

BEST_RULE = "graft"
"""The recommended learning rule (an option of the group `learning_rule`)."""
N = 500
"""Size of the vocabulary, unless the study varies it."""
FIVE, THREE, ONE = (0, 1, 2, 3, 4), (0, 1, 2), (0,)
"""Seeds."""

TRAINING = (
    "experiment=learned_imdb",
    "callbacks.patterns_log.every=50",
    # No table or figure of a study needs these, and they take a third of the time.
    *(f"callbacks.{name}=null" for name in ("token_effects", "grads_log", "vals_log", "figures", "token_history")),
)
"""The recommended training, the same for all conditions of all studies."""
RANDOM_NGRAMS = ("initializer=random_ngrams", "model/head=pool", f"model.vocab_size={N}")
"""N random n-grams, and the linear head on pooled tokens."""
REVIEWS = (*TRAINING, *RANDOM_NGRAMS)

CONTROL = ("learning_rule=frozen", "initializer=selected")
"""The selection of the recommended rule without a network."""

RULES = {
    "original": ("the original's rule", ("learning_rule=original",)),
    "frozen": ("no rule", ("learning_rule=frozen",)),
    "random_regrow": ("random regrowth", ("learning_rule=random_regrow",)),
    "grow-shuffled": ("grow, scores shuffled", ("learning_rule=grow", "learning_rule.shuffle=true")),
    "grow": ("grow", ("learning_rule=grow",)),
    BEST_RULE: (BEST_RULE, (f"learning_rule={BEST_RULE}",)),
}
"""Name of the condition → label and settings."""


def rule_conditions() -> tuple[Condition, ...]:
    """Every learning rule, from the same start."""
    return tuple(Condition(name, overrides, FIVE, {"rule": label}) for name, (label, overrides) in RULES.items())


def compared_rules() -> tuple[str, ...]:
    """No rule, growth, and the best rule: those that initializers and heads are tried with."""
    return tuple(dict.fromkeys(("frozen", "grow", BEST_RULE)))

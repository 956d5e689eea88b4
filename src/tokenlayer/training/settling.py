"""What a training leaves open is settled by its parts, one after the other, before it begins."""

from __future__ import annotations

from dataclasses import replace

from tokenlayer.data.prepare import profile
from tokenlayer.data.profile import LONGEST_NGRAM, TextProfile
from tokenlayer.data.settling import Choice, Part, Plan, left_open, settle
from tokenlayer.training.config import TrainConfig


def settled(config: TrainConfig) -> tuple[TrainConfig, tuple[Choice, ...]]:
    """The configuration without anything open, and the choices by dotted key. No text is read if nothing is open.

    Raises:
        InputError: the texts cannot be read, or are not fit to train on.

    """
    if not left_open(config):
        return config, ()
    texts, plan = profile(config.dataset), Plan()
    parts = _Parts(texts, plan)
    dataset = parts.settled("dataset", config.dataset)
    assert dataset.text_length is not None, "settled"
    assert dataset.batch_size is not None, "settled"
    plan.text_length, plan.batch_size = dataset.text_length, dataset.batch_size
    plan.full_batches = max(1, texts.n_texts // plan.batch_size)
    model = parts.settled("model", config.model)
    plan.vocab_size = model.vocab_size
    plan.longest_token = min(model.max_token_length or LONGEST_NGRAM, plan.text_length)
    initializer = parts.settled("initializer", config.initializer)
    trainer = parts.settled("trainer", config.trainer)
    assert trainer.max_epochs is not None, "settled"
    plan.steps_per_epoch, plan.epochs = trainer.train_batches(plan.full_batches), trainer.max_epochs
    schedule = config.lr_scheduler and parts.settled("lr_scheduler", config.lr_scheduler)
    rule = parts.settled("learning_rule", config.learning_rule)
    complete = replace(
        config,
        dataset=dataset,
        model=model,
        initializer=initializer,
        trainer=trainer,
        lr_scheduler=schedule,
        learning_rule=rule,
    )
    return complete, tuple(parts.choices)


class _Parts:
    """Settles one part after the other, and keeps the choices."""

    def __init__(self, texts: TextProfile, plan: Plan) -> None:
        self._texts = texts
        self._plan = plan
        self.choices: list[Choice] = []

    def settled(self, section: str, part: Part) -> Part:
        """The part without anything open."""
        done, choices = settle(part, self._texts, self._plan)
        self.choices += [choice.within(section) for choice in choices]
        return done

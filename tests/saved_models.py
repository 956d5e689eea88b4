"""Models as a checkpoint holds them, of settings of one's own, without a training."""

from __future__ import annotations

from collections.abc import Sequence

from tokenlayer.config.check import Spec, check
from tokenlayer.config.chosen import choose
from tokenlayer.config.compose import composing
from tokenlayer.training.checkpoint_loading import SavedModel
from tokenlayer.training.config import TrainConfig
from tokenlayer.training.training import Training

TINY = (
    "dataset=planted",
    "dataset.n_texts=60",
    "dataset.text_length=60",
    "dataset.n_words=12",
    "initializer=random_ngrams",
    "initializer.ngram_lengths=[1,2,3,4]",
    "learning_rule=frozen",
    "model=tokens",
    "model.vocab_size=40",
    "trainer.accelerator=cpu",
)


def saved_model_of(*settings: str, without: Sequence[str] = ()) -> SavedModel:
    """The settings of `TINY`, others on top and some left out. Every weight is drawn, those that begin at zero, too."""
    given = {setting.partition("=")[0]: setting for setting in (*TINY, *settings)}
    for key in without:
        del given[key]
    with composing("train") as composer:
        checked = check(
            composer, list(given.values()), Spec(TrainConfig, lambda composed, _line: composed), multirun=False
        )
    chosen = choose(checked[0].config, checked[0].resolved)
    module = Training(chosen.config, chosen.resolved).module
    content: dict[str, object] = {}
    module.on_save_checkpoint(content)
    weights = module.state_dict()
    for name, value in weights.items():
        if name.startswith(("model.embedding.", "model.head.")) and name.endswith(("weight", "bias")):
            value.normal_(std=0.3)
    header = content["tokenlayer"]
    assert isinstance(header, dict)
    return SavedModel(weights, header, None, "the test's model")

"""What belongs to a token in the head goes with it, and dropout survives a break: real fits, no run around them."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
import pytorch_lightning as pl
import torch

from tokenlayer.data.module import DataModule
from tokenlayer.data.prepare import prepare
from tokenlayer.data.sources.planted import PlantedConfig
from tokenlayer.layer.vocabulary import Vocabulary
from tokenlayer.layer.vocabulary_layer import VocabularyLayer
from tokenlayer.models.classifier import ModelConfig
from tokenlayer.models.heads.attention import AttentionHeadConfig
from tokenlayer.models.heads.base import HeadConfig
from tokenlayer.models.heads.conv import ConvHeadConfig
from tokenlayer.original.keras import KerasAdam
from tokenlayer.rules.base import Edit, Observation, TrainingProgress
from tokenlayer.rules.learning_rule import LearningRule
from tokenlayer.text.alphabet import BLANK
from tokenlayer.training.module import TokenizationModule
from tokenlayer.vocabularies.random_ngrams import draw_rows

N, EDITED = 20, [3, 11]
HEADS = [
    AttentionHeadConfig(width=8, n_heads=2, dropout=0.4),
    ConvHeadConfig(n_filters=4, kernel_sizes=[2], dropout=0.4, width=8),
]


class ReplaceOnce(LearningRule):
    """Puts the same patterns into two places after step 2."""

    def observe(self, observation: Observation) -> None:
        assert observation.binary_features
        assert observation.gradient.shape[1:] == observation.embedding.shape[1:]

    def edit(
        self, progress: TrainingProgress, vocabulary: Vocabulary, embedding: torch.Tensor, readout: torch.Tensor | None
    ) -> Edit | None:
        if progress.step != 2:
            return None
        rows = torch.tensor(EDITED)
        return Edit(rows, vocabulary.codes[rows], torch.zeros(2, embedding.shape[1]), torch.zeros(2), ["weak"] * 2)


class Watch(pl.Callback):
    """Keeps the rows of the head's token parameters, and their moments, after each step; may save one of them."""

    def __init__(self, checkpoint: Path | None = None) -> None:
        self.checkpoint = checkpoint
        self.rows: list[torch.Tensor] = []
        self.moments: list[torch.Tensor] = []
        self.losses: list[float] = []

    def on_train_batch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule, *more: Any) -> None:
        assert isinstance(pl_module, TokenizationModule)
        assert pl_module.current is not None
        (parameter,) = pl_module.model.head.token_parameters()
        state = trainer.optimizers[0].state[parameter]
        self.rows.append(parameter.detach().clone())
        self.moments.append(torch.stack([state["exp_avg"], state["exp_avg_sq"]]).clone())
        self.losses.append(pl_module.current.loss.item())
        if self.checkpoint is not None and trainer.global_step == 3:
            trainer.save_checkpoint(self.checkpoint)


def data() -> DataModule:
    prepared = prepare(PlantedConfig(text_length=60, n_texts=200, n_words=12, batch_size=8))
    return DataModule(prepared, 8, 0, reshuffle=True)


def module(head: HeadConfig, loaded: DataModule, rule: LearningRule | None = None) -> TokenizationModule:
    torch.manual_seed(0)
    alphabet = loaded.prepared.alphabet
    chosen = draw_rows(loaded.prepared.corpus(), (N, 3), [2, 3], 1, BLANK, torch.Generator().manual_seed(0))
    layer = VocabularyLayer(Vocabulary(torch.from_numpy(chosen)), alphabet.size)
    model = ModelConfig(head, vocab_size=N).build(layer, 60, 2)
    return TokenizationModule(model, KerasAdam, rule=rule)


def fit(trained: TokenizationModule, loaded: DataModule, watch: Watch, resume: Path | None = None) -> None:
    trainer = pl.Trainer(
        accelerator="cpu",
        max_steps=6,
        callbacks=[watch],
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        use_distributed_sampler=False,
        limit_val_batches=0,
        deterministic=True,
    )
    trainer.fit(trained, datamodule=loaded, ckpt_path=resume, weights_only=True)


@pytest.fixture(autouse=True)
def _nondeterministic_again() -> Iterator[None]:
    yield
    torch.use_deterministic_algorithms(False)


@pytest.mark.parametrize("head", HEADS, ids=["attention", "conv"])
def test_an_edit_makes_the_rows_and_moments_of_its_tokens_new(head: HeadConfig) -> None:
    loaded, watch = data(), Watch()
    fit(module(head, loaded, ReplaceOnce()), loaded, watch)
    others = [n for n in range(N) if n not in EDITED]
    before, after, later = watch.rows[1:4]
    assert before[EDITED].any(1).all()
    assert not after[EDITED].any()
    assert after[others].any(1).all()
    assert later[EDITED].any(), "new tokens must be able to learn"
    assert not watch.moments[2][:, EDITED].any()
    assert watch.moments[1][:, EDITED].any(2).any(1).all(), "the test is about tokens that had moments"
    assert watch.moments[2][:, others].any()


@pytest.mark.parametrize("head", HEADS, ids=["attention", "conv"])
def test_a_resumed_training_drops_out_what_the_unbroken_one_does(head: HeadConfig, tmp_path: Path) -> None:
    loaded, whole = data(), Watch(tmp_path / "three.ckpt")
    unbroken = module(head, loaded)
    fit(unbroken, loaded, whole)
    loaded, rest = data(), Watch()
    resumed = module(head, loaded)
    torch.manual_seed(77)  # another process would draw other numbers
    fit(resumed, loaded, rest, tmp_path / "three.ckpt")
    assert rest.losses == whole.losses[3:]
    assert_equal(resumed.model.parameters(), unbroken.model.parameters())


def assert_equal(found: Iterator[torch.Tensor], expected: Iterator[torch.Tensor]) -> None:
    pairs: Sequence[tuple[torch.Tensor, torch.Tensor]] = list(zip(found, expected, strict=True))
    assert all(torch.equal(ours, theirs) for ours, theirs in pairs)

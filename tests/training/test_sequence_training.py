"""Trainings of models that read sequences: what a rule is shown, what is drawn, and what is counted."""

from pathlib import Path

import pytest
import pytorch_lightning as pl
import torch
from tiny_training import BATCH, N, Training

from tokenlayer.data.module import DataModule
from tokenlayer.data.prepare import prepare
from tokenlayer.layer.vocabulary import Vocabulary
from tokenlayer.layer.vocabulary_layer import VocabularyLayer
from tokenlayer.models.classifier import ClassifierConfig, ModelConfig
from tokenlayer.models.heads.pool import PoolHeadConfig
from tokenlayer.models.losses import cross_entropy
from tokenlayer.models.readers.recurrent import RecurrentReaderConfig
from tokenlayer.models.readers.transformer import TransformerReaderConfig
from tokenlayer.models.sequence_model import SequenceModelConfig
from tokenlayer.rules.frozen import FrozenRuleConfig
from tokenlayer.rules.graft import GraftRuleConfig
from tokenlayer.rules.grow import GrowRuleConfig
from tokenlayer.rules.learning_rule import NoOpRule
from tokenlayer.tracking.reading import find_runs
from tokenlayer.training.callbacks.edits_log import EditsLogConfig
from tokenlayer.training.module import TokenizationModule

READERS = [TransformerReaderConfig(width=8), RecurrentReaderConfig(width=8)]


class Watching(NoOpRule):
    """Adds up what it is shown."""

    keeps_vocabulary = False

    def __init__(self):
        super().__init__()
        self.register_buffer("seen", torch.zeros(BATCH, 4, 8))

    def observe(self, observation):
        self.seen += observation.gradient


class Beside(NoOpRule):
    """Keeps what it is shown of the path beside the model."""

    keeps_vocabulary = False
    beside_model = True

    def __init__(self):
        super().__init__()
        self.shown = []

    def observe(self, observation):
        self.shown.append(observation)


class KeepOutputs(pl.Callback):
    """The logits, the labels and the matches of each step."""

    def __init__(self):
        self.kept = []

    def on_train_batch_end(self, trainer, module, *_):
        step = module.current
        self.kept.append((step.output.logits.detach(), step.labels, step.output.tokens.matches))


class SaveAfterThree(pl.Callback):
    def __init__(self, path):
        self.path = path

    def on_train_batch_end(self, trainer, *_):
        if trainer.global_step == 3:
            trainer.save_checkpoint(self.path)


def small_fit(reader, rule, save=None, resume=None, more=()):
    """Six steps, or the three that are left of them."""
    data = DataModule(prepare(Training(Path()).dataset), BATCH, 0, reshuffle=True)
    torch.manual_seed(0)
    codes = torch.randint(0, 15, (N, 2))
    layer = VocabularyLayer(Vocabulary(codes), data.prepared.alphabet.size)
    module = TokenizationModule(SequenceModelConfig(reader=reader, vocab_size=N).build(layer, 60, 2), rule=rule)
    torch.manual_seed(1 if resume is None else 2)  # another process would draw other numbers
    trainer = pl.Trainer(
        accelerator="cpu",
        max_steps=6,
        callbacks=[*more, *([] if save is None else [SaveAfterThree(save)])],
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        limit_val_batches=0,
    )
    trainer.fit(module, datamodule=data, ckpt_path=resume, weights_only=True)
    return module


def test_beside_the_model_a_rule_sees_what_a_linear_path_of_zeros_would_receive():
    outputs = KeepOutputs()
    module = small_fit(READERS[0], Beside(), more=[outputs])
    assert len(module.rule.shown) == len(outputs.kept) == 6
    for observation, (logits, labels, matches) in zip(module.rule.shown, outputs.kept, strict=True):
        presence = torch.zeros(len(labels), N)
        presence[matches.text, matches.token_id] = 1
        path = torch.zeros(N, logits.shape[1], requires_grad=True)
        cross_entropy(logits + presence @ path, labels).backward()
        assert observation.binary_features
        assert path.grad.abs().max() > 0
        torch.testing.assert_close(presence.T @ observation.gradient, path.grad)


@pytest.mark.parametrize(
    "rule",
    [
        GraftRuleConfig(ngram_lengths=[2, 3], edit_interval=0.5, min_texts=3, token_gradient="linear"),
        GrowRuleConfig(ngram_lengths=[2, 3], edit_interval=0.5, memory_mb=1, n_parts=4, token_gradient="linear"),
    ],
    ids=["graft", "grow"],
)
def test_tokens_are_learned_from_beside_a_model_of_sequences(rule, tmp_path):
    model = SequenceModelConfig(reader=READERS[0], vocab_size=N)
    fitted = Training(tmp_path, model=model, rule=rule).fit(EditsLogConfig())
    edits = fitted.recorder.load_log("logs/edits")
    assert len(edits)
    assert edits["score"].gt(0).all()


@pytest.mark.parametrize("reader", READERS, ids=["transformer", "recurrent"])
def test_a_resumed_training_probes_where_the_unbroken_one_does(reader, tmp_path):
    saved = tmp_path / "saved.ckpt"
    whole = small_fit(reader, Watching(), save=saved)
    resumed = small_fit(reader, Watching(), resume=saved)
    assert whole.rule.seen.abs().max() > 0
    assert torch.equal(resumed.rule.seen, whole.rule.seen)
    for ours, theirs in zip(resumed.model.parameters(), whole.model.parameters(), strict=True):
        assert torch.equal(ours, theirs)


def test_where_no_rule_watches_nothing_is_probed():
    assert small_fit(READERS[0], Watching()).model.head.is_watched
    assert not small_fit(READERS[0], NoOpRule()).model.head.is_watched


@pytest.mark.parametrize(
    ("model", "max_tokens"),
    [
        (SequenceModelConfig(reader=READERS[0], vocab_size=N, max_tokens=10), 10),
        (ModelConfig(PoolHeadConfig(), vocab_size=N, embedding_l2=0.0), 60),
    ],
    ids=["sequence", "pool"],
)
def test_the_tokens_that_are_read_are_counted(training: Training, model: ClassifierConfig, max_tokens: int):
    training.model, training.rule = model, FrozenRuleConfig()
    fitted = training.fit(test=True)
    (run,) = find_runs(output_dir=training.output_dir).to_dict("records")
    layer, prepared = fitted.module.model.tokenization, fitted.data.prepared
    for phase in ("validation", "test"):
        codes = torch.from_numpy(prepared.splits[phase].codes.astype("int64"))
        counts = layer(codes).dense().sum((1, 2))
        assert counts.min() < 10 < counts.max()
        expected = counts.clamp(max=max_tokens).mean()
        assert run[f"metrics.{phase}/tokens_read"] == pytest.approx(float(expected))

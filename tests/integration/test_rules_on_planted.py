"""Every learning rule in real trainings: what it finds of what is planted, and what it knows."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from rule_fits import Fit, Fitted

from tokenlayer.data.prepare import prepare
from tokenlayer.data.sources.planted import PlantedConfig
from tokenlayer.data.types import EncodedSplit, PreparedDataset
from tokenlayer.models.heads.attention import AttentionHeadConfig
from tokenlayer.models.heads.base import HeadConfig
from tokenlayer.models.heads.conv import ConvHeadConfig
from tokenlayer.models.heads.pool import PoolHeadConfig
from tokenlayer.models.readers.base import ReaderConfig
from tokenlayer.models.readers.recurrent import RecurrentReaderConfig
from tokenlayer.models.readers.transformer import TransformerReaderConfig
from tokenlayer.models.sequence_model import SequenceModelConfig
from tokenlayer.original.flatten import FlattenHeadConfig
from tokenlayer.rules.base import LearningRuleConfig
from tokenlayer.rules.frozen import FrozenRuleConfig
from tokenlayer.rules.graft import GraftRuleConfig
from tokenlayer.rules.grow import GrowRuleConfig
from tokenlayer.rules.random_regrow import RandomRegrowRuleConfig
from tokenlayer.training.module import AppliedEdit, TokenizationModule

LENGTHS = list(range(3, 14))
RULES = {
    "graft": GraftRuleConfig(LENGTHS, edit_interval=0.5),
    "grow": GrowRuleConfig(LENGTHS, memory_mb=8),
    "random_regrow": RandomRegrowRuleConfig(LENGTHS),
}
SHORT = {
    "n_words": 8,
    "text_length": 60,
    "pattern_lengths": [3, 4, 5],
    "patterns_per_text": 2,
    "distractors_per_text": 1,
}


@pytest.fixture(scope="module")
def planted() -> PreparedDataset:
    """The default difficulty."""
    return prepare(PlantedConfig(batch_size=32))


@pytest.fixture(scope="module")
def small() -> PreparedDataset:
    return prepare(PlantedConfig(batch_size=32, n_texts=1500, **SHORT))


def test_graft_finds_all_planted_patterns(planted: PreparedDataset) -> None:
    assert Fit(RULES["graft"], vocab_size=60).run(planted).found() == 1


def test_graft_finds_the_patterns_of_several_classes() -> None:
    dataset = prepare(PlantedConfig(batch_size=32, n_texts=4000, n_classes=3, **SHORT))
    assert Fit(RULES["graft"], vocab_size=60, epochs=3).run(dataset).found() >= 0.95


def test_graft_from_a_single_place_for_each_pattern(planted: PreparedDataset) -> None:
    assert Fit(RULES["graft"], vocab_size=12).run(planted).found() == 1


def test_grow_finds_nearly_all_planted_patterns(planted: PreparedDataset) -> None:
    """Of a pattern that it has in parts it may miss the whole: the parts leave it no variance of its own."""
    fitted = Fit(RULES["grow"], vocab_size=60, epochs=3).run(planted)
    assert fitted.found() >= 0.75
    assert sum(len(applied.edit.token_ids) for _, applied in fitted.edits) > 30


@pytest.mark.parametrize(
    "rule", [FrozenRuleConfig(), RandomRegrowRuleConfig(LENGTHS), GrowRuleConfig(LENGTHS, memory_mb=8, shuffle=True)]
)
def test_controls_find_hardly_any(rule: LearningRuleConfig, planted: PreparedDataset) -> None:
    fitted = Fit(rule, vocab_size=60, epochs=2).run(planted)
    assert fitted.found() < 0.2
    assert bool(fitted.edits) != isinstance(rule, FrozenRuleConfig)


@pytest.mark.parametrize(
    "reader", [TransformerReaderConfig(), RecurrentReaderConfig()], ids=["transformer", "recurrent"]
)
def test_the_gradient_of_probes_leads_to_what_is_planted(reader: ReaderConfig) -> None:
    """Nothing but the reader tells of the patterns; random n-grams find hardly any."""
    dataset = prepare(PlantedConfig(batch_size=32, n_texts=3000, **SHORT))
    found = {}
    for name, epochs in (("graft", 1), ("grow", 2), ("random_regrow", 2)):
        model = SequenceModelConfig(reader=reader, vocab_size=40)
        found[name] = Fit(RULES[name], vocab_size=40, epochs=epochs, model=model).run(dataset).found()
    assert found["graft"] >= 0.9
    assert found["grow"] >= 0.4
    assert found["random_regrow"] < 0.2


def other_texts(dataset: PreparedDataset) -> PreparedDataset:
    """The same training texts; all else that a run may read is made up."""
    random = np.random.default_rng(5)
    splits = dict(dataset.splits)
    for name in ("validation", "test"):
        n = len(splits[name])
        codes = random.integers(0, dataset.alphabet.size + 1, splits[name].codes.shape).astype(np.uint8)
        splits[name] = EncodedSplit(codes, random.integers(0, 2, n), splits[name].ids)
    uncut = np.array(dataset.uncut)
    end = dataset.bounds[len(splits["train"])]
    uncut[end:] = random.integers(0, dataset.alphabet.size, len(uncut) - end)
    return replace(dataset, splits=splits, uncut=uncut, folder=None, ground_truth=None, fingerprint="other")


def assert_same(one: Fitted, other: Fitted) -> None:
    ours, theirs = one.module.state_dict(), other.module.state_dict()
    assert set(ours) == set(theirs)
    for name, value in theirs.items():
        if isinstance(value, torch.Tensor) and "_metrics" not in name:
            assert torch.equal(ours[name], value), name
    assert [step for step, _ in one.edits] == [step for step, _ in other.edits]
    for (_, a), (_, b) in zip(one.edits, other.edits, strict=True):
        for part in ("token_ids", "codes", "embedding"):
            assert torch.equal(getattr(a.edit, part), getattr(b.edit, part))
        assert torch.equal(a.edit.scores.nan_to_num(-1), b.edit.scores.nan_to_num(-1))
        assert list(a.edit.reasons) == list(b.edit.reasons)


@pytest.mark.parametrize("name", RULES)
def test_a_rule_sees_the_training_texts_only(name: str, small: PreparedDataset) -> None:
    fit = Fit(RULES[name], vocab_size=30, epochs=2)
    fitted = fit.run(small)
    assert fitted.edits
    assert_same(fitted, fit.run(other_texts(small)))


@pytest.mark.parametrize("name", RULES)
def test_a_rule_does_see_the_training_texts(name: str, small: PreparedDataset) -> None:
    """What the test above would show of a rule that sees more."""
    fit = Fit(RULES[name], vocab_size=30, epochs=1)
    train = small.splits["train"]
    changed = train.codes.copy()
    changed[:500] = np.random.default_rng(0).permuted(changed[:500], axis=1)
    others = replace(
        small, folder=None, splits={**small.splits, "train": EncodedSplit(changed, train.labels, train.ids)}
    )
    one, other = (fit.run(dataset).edits[-1][1].edit for dataset in (small, others))
    assert not torch.equal(one.codes, other.codes)


HEADS = [
    PoolHeadConfig("sum"),
    PoolHeadConfig("max"),
    FlattenHeadConfig(hidden=4),
    ConvHeadConfig(),
    AttentionHeadConfig(),
]


@pytest.mark.parametrize("name", ["graft", "grow"])
@pytest.mark.parametrize("head", HEADS, ids=lambda head: type(head).__name__)
def test_a_rule_with_every_head(head: HeadConfig, name: str, small: PreparedDataset) -> None:
    """New rows begin without moments, the head's own rows of tokens too; the vocabulary holds no token twice."""
    checked = 0

    def after_edit(trainer: object, module: TokenizationModule, applied: AppliedEdit) -> None:
        nonlocal checked
        optimizer = trainer.optimizers[0]  # type: ignore[attr-defined]
        rows = applied.edit.token_ids
        others = np.setdiff1d(np.arange(module.model.tokenization.vocab_size), rows.numpy())
        for parameter in (module.model.embedding.weight, *module.model.head.token_parameters()):
            state = optimizer.state[parameter]
            for moment in (state["exp_avg"], state["exp_avg_sq"]):
                assert not moment[rows].any()
                assert not len(others) or moment[others].any()
            checked += 1
        assert torch.equal(module.model.embedding.weight[rows], applied.edit.embedding)
        assert torch.equal(module.model.tokenization.vocabulary().codes[rows], applied.edit.codes)
        kept = module.model.tokenization.vocabulary().codes
        assert len(kept[rows].unique(dim=0)) == len(rows)

    fitted = Fit(RULES[name], vocab_size=30, epochs=1, head=head, embedding_dim=4, after_edit=after_edit).run(small)
    assert checked >= len(fitted.edits) > 0
    assert all(parameter.isfinite().all() for parameter in fitted.module.parameters())

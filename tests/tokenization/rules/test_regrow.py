"""When patterns go, which, and how many; and the control's newcomers."""

import math

import numpy as np
import pytest
import torch
from graft_cases import C, K, L, context, observe, uniform_texts, vocabulary_of

from tokenlayer.text.corpus import TrainingTexts
from tokenlayer.tokenization.rules.base import Clock, Edit
from tokenlayer.tokenization.rules.random_regrow import RandomRegrowRule, RandomRegrowRuleConfig
from tokenlayer.tokenization.vocabulary import BLANK, Vocabulary

LENGTHS = [2, 4]
ALL_PAIRS = [(a, b) for a in range(C) for b in range(C)]


def rule_of(texts: TrainingTexts, n_neurons: int, seed: int = 0, **settings: object) -> RandomRegrowRule:
    config = RandomRegrowRuleConfig(gram_lens=LENGTHS, **settings)
    assert not list(config.problems())
    return config.build(context(texts, n_neurons, seed=seed))


def seen(rule: RandomRegrowRule, texts: TrainingTexts, vocabulary: Vocabulary) -> None:
    clock = Clock(0, 100, 10)
    rows = np.arange(len(texts))
    observe(rule, vocabulary, texts, rows, torch.ones(len(texts), 1), clock)


def edit_at(
    step: int, rule: RandomRegrowRule, texts: TrainingTexts, vocabulary: Vocabulary, embedding: torch.Tensor
) -> Edit | None:
    seen(rule, texts, vocabulary)
    return rule.edit(Clock(step, 80, 20), vocabulary, embedding, None)


def test_the_share_decays_along_half_a_cosine_until_the_stop() -> None:
    texts, vocabulary = uniform_texts(), vocabulary_of(*ALL_PAIRS)
    N = len(ALL_PAIRS)
    replaced = {}
    for step in range(80):
        rule = rule_of(texts, N, every=0.25, fraction=0.5, stop=0.75)
        edit = edit_at(step, rule, texts, vocabulary, torch.rand(N, 1) + 1)
        replaced[step] = 0 if edit is None else len(edit.neurons)
    due = [step for step, number in replaced.items() if number]
    assert due == list(range(4, 50, 5))  # five steps are a quarter of an epoch; towards 60 of 80 the share is nothing
    for step in due:
        assert replaced[step] == round(N * 0.25 * (1 + math.cos(math.pi * (step + 1) / 60)))


def test_the_weakest_go() -> None:
    """Weak is what adds least to the variance of the logits: ‖E‖ √(f (1 - f))."""
    texts = uniform_texts()
    vocabulary = vocabulary_of(*ALL_PAIRS, (0, 1, 2), (3, 4, 5))
    N = vocabulary.n_neurons
    embedding = torch.randn(N, 2)
    holds = np.array(
        [
            [any(tuple(row[t : t + len(g)]) == g for t in range(L - K + 1)) for g in (*ALL_PAIRS, (0, 1, 2), (3, 4, 5))]
            for row in texts.codes.tolist()
        ]
    )
    share = holds.mean(0)
    strength = np.linalg.norm(embedding.numpy(), axis=1) * np.sqrt(share * (1 - share))
    edit = edit_at(4, rule_of(texts, N, fraction=0.2), texts, vocabulary, embedding)
    assert edit is not None
    assert edit.neurons.tolist() == np.argsort(strength)[: len(edit.neurons)].tolist()
    assert set(edit.reasons) == {"weak"}
    assert not edit.embedding.any()
    assert edit.scores.isnan().all()


def test_the_dead_and_the_always_on_go_first_and_all_of_them() -> None:
    texts = uniform_texts()
    codes = texts.codes.copy()
    codes[codes == 5] = 4
    codes[:, :20] = 0
    texts = TrainingTexts(codes, texts.labels, 2)
    alive = [(a, b) for a in range(1, 4) for b in range(1, 4)]
    vocabulary = vocabulary_of((5,), *alive, (0,), (5, 5), (), (2, 5))
    N = vocabulary.n_neurons
    embedding = torch.full((N, 1), 0.1)
    embedding[[0, 10, 11, 12, 13]] = 9.0
    edit = edit_at(4, rule_of(texts, N, fraction=0.01), texts, vocabulary, embedding)
    assert edit is not None
    assert dict(zip(edit.neurons.tolist(), edit.reasons, strict=True)) == {
        0: "dead",
        10: "always_on",
        11: "dead",
        12: "always_on",
        13: "dead",
    }
    more = edit_at(4, rule_of(texts, N, fraction=0.5), texts, vocabulary, embedding)
    assert more is not None
    assert set(more.reasons[:5]) == {"dead", "always_on"}
    assert set(more.reasons[5:]) == {"weak"}


def test_what_was_counted_is_forgotten_with_an_edit() -> None:
    texts, vocabulary = uniform_texts(), vocabulary_of(*ALL_PAIRS)
    rule = rule_of(texts, len(ALL_PAIRS))
    seen(rule, texts, vocabulary)
    assert int(rule.n_texts) == len(texts)
    assert rule.edit(Clock(0, 80, 20), vocabulary, torch.rand(36, 1), None) is None
    assert int(rule.n_texts) == len(texts)
    assert rule.edit(Clock(4, 80, 20), vocabulary, torch.rand(36, 1), None) is not None
    assert not any(count.any() for count in (rule.texts, rule.positions, rule.n_texts))


def test_newcomers_occur_in_the_texts_and_are_new() -> None:
    texts = uniform_texts(20)
    rule, vocabulary = rule_of(texts, len(ALL_PAIRS)), vocabulary_of(*ALL_PAIRS[:30])
    new = rule.newcomers(300, Clock(4, 80, 20), vocabulary, torch.arange(5)).codes.tolist()
    rows = [tuple(row) for row in texts.codes.tolist()]
    windows = {row[t : t + length] for row in rows for t in range(L - K + 1) for length in LENGTHS}
    grams = [tuple(c for c in row if c != BLANK) for row in new]
    assert set(grams) <= windows
    assert len(set(grams)) == len(grams) == 300
    assert {len(gram) for gram in grams} == set(LENGTHS)
    assert not set(grams) & set(ALL_PAIRS[:30])
    assert all(row[len(gram) :] == [BLANK] * (K - len(gram)) for row, gram in zip(new, grams, strict=True))


def test_newcomers_hold_no_padding_and_when_there_are_too_few_some_places_keep_theirs() -> None:
    codes = np.full((10, L), C, dtype=np.uint8)
    codes[:, :3] = 0, 1, 2
    texts = TrainingTexts(codes, np.arange(10) % 2, 2)
    vocabulary = vocabulary_of(*[(5, n % C, n // C) for n in range(20)])
    edit = edit_at(4, rule_of(texts, 20), texts, vocabulary, torch.ones(20, 1))
    assert edit is not None
    assert {tuple(c for c in row if c != BLANK) for row in edit.codes.tolist()} == {(0, 1), (1, 2)}
    assert len(edit.neurons) == len(edit.reasons) == len(edit.scores) == 2
    vocabulary.codes[:2] = edit.codes
    assert edit_at(4, rule_of(texts, 20), texts, vocabulary, torch.ones(20, 1)) is None


def test_frequent_grams_are_drawn_often() -> None:
    """A place is drawn, not a gram: the chance of a gram is its share of all places."""
    random = np.random.default_rng(0)
    codes = random.choice(2, (200, L), p=[0.8, 0.2]).astype(np.uint8)
    texts = TrainingTexts(codes, np.arange(200) % 2, 2)
    config = RandomRegrowRuleConfig(gram_lens=[1])
    first = []
    for seed in range(300):
        rule = config.build(context(texts, 1, seed=seed))
        first.append(int(rule.newcomers(1, Clock(4, 80, 20), vocabulary_of((5,)), torch.arange(1)).codes[0, 0]))
    assert np.mean(np.array(first) == 0) == pytest.approx(0.8, abs=0.07)


def test_drawn_by_seed_and_step() -> None:
    texts, vocabulary = uniform_texts(), vocabulary_of((0,))

    def drawn(seed: int, step: int) -> list[list[int]]:
        rule = rule_of(texts, 1, seed)
        return rule.newcomers(5, Clock(step, 80, 20), vocabulary, torch.arange(1)).codes.tolist()

    assert drawn(1, 4) == drawn(1, 4)
    assert drawn(1, 4) != drawn(1, 9)
    assert drawn(1, 4) != drawn(2, 4)


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"gram_lens": []}, "gram_lens"),
        ({"gram_lens": [0, 3]}, "gram_lens"),
        ({"every": 0}, "every"),
        ({"fraction": 0}, "fraction"),
        ({"fraction": 1.5}, "fraction"),
        ({"stop": 0}, "stop"),
        ({"stop": 2}, "stop"),
    ],
)
def test_settings_that_cannot_work(settings: dict[str, object], named: str) -> None:
    assert [name for name, _ in RandomRegrowRuleConfig(**settings).problems()] == [named]


def test_patterns_are_long_enough_for_the_longest_gram() -> None:
    assert RandomRegrowRuleConfig(gram_lens=[2, 9]).least_pattern_lens() == 9

"""When patterns go, which, and how many; and the control's newcomers."""

import math

import numpy as np
import pytest
import torch
from graft_cases import C, K, L, context, observe, uniform_texts, vocabulary_of

from tokenlayer.layer.vocabulary import Vocabulary
from tokenlayer.rules.base import Edit, TrainingProgress
from tokenlayer.rules.random_regrow import RandomRegrowRuleConfig
from tokenlayer.rules.random_regrow_rule import RandomRegrowRule
from tokenlayer.text.alphabet import BLANK
from tokenlayer.text.corpus import TrainingTexts

LENGTHS = [2, 4]
ALL_PAIRS = [(a, b) for a in range(C) for b in range(C)]


def rule_of(texts: TrainingTexts, vocab_size: int, seed: int = 0, **settings: object) -> RandomRegrowRule:
    config = RandomRegrowRuleConfig(ngram_lengths=LENGTHS, **settings)
    assert not list(config.problems())
    return config.build(context(texts, vocab_size, seed=seed))


def seen(rule: RandomRegrowRule, texts: TrainingTexts, vocabulary: Vocabulary) -> None:
    progress = TrainingProgress(0, 100, 10)
    rows = np.arange(len(texts))
    observe(rule, vocabulary, texts, rows, torch.ones(len(texts), 1), progress)


def edit_at(
    step: int, rule: RandomRegrowRule, texts: TrainingTexts, vocabulary: Vocabulary, embedding: torch.Tensor
) -> Edit | None:
    seen(rule, texts, vocabulary)
    return rule.edit(TrainingProgress(step, 80, 20), vocabulary, embedding, None)


def test_the_share_decays_along_half_a_cosine_until_the_stop() -> None:
    texts, vocabulary = uniform_texts(), vocabulary_of(*ALL_PAIRS)
    N = len(ALL_PAIRS)
    replaced = {}
    for step in range(80):
        rule = rule_of(texts, N, edit_interval=0.25, fraction=0.5, edit_until=0.75)
        edit = edit_at(step, rule, texts, vocabulary, torch.rand(N, 1) + 1)
        replaced[step] = 0 if edit is None else len(edit.token_ids)
    due = [step for step, number in replaced.items() if number]
    assert due == list(range(4, 50, 5))  # five steps are a quarter of an epoch; towards 60 of 80 the share is nothing
    for step in due:
        assert replaced[step] == round(N * 0.25 * (1 + math.cos(math.pi * (step + 1) / 60)))


def test_the_weakest_go() -> None:
    """Weak is what adds least to the variance of the logits: ‖E‖ √(f (1 - f))."""
    texts = uniform_texts()
    vocabulary = vocabulary_of(*ALL_PAIRS, (0, 1, 2), (3, 4, 5))
    N = vocabulary.vocab_size
    # Of much the same length, so that how many texts hold a token tells, too.
    embedding = torch.nn.functional.normalize(torch.randn(N, 2)) * (1 + 0.2 * torch.rand(N, 1))
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
    assert edit.token_ids.tolist() == np.argsort(strength)[: len(edit.token_ids)].tolist()
    assert set(edit.reasons) == {"weak"}
    assert not edit.embedding.any()
    assert edit.scores.isnan().all()


def test_the_dead_and_the_always_on_go_first_and_all_of_them() -> None:
    texts = uniform_texts()
    codes = texts.codes.copy()
    codes[codes == 5] = 4
    codes[:, :20] = 0
    codes[170:][codes[170:] == 0] = 1  # 0 is on nearly everywhere, and not in every text
    texts = TrainingTexts(codes, texts.labels, 2)
    alive = [(a, b) for a in range(1, 4) for b in range(1, 4)]
    vocabulary = vocabulary_of((5,), *alive, (0,), (5, 5), (), (2, 5))
    N = vocabulary.vocab_size
    embedding = torch.full((N, 1), 0.1)
    embedding[[0, 10, 11, 12, 13]] = 9.0
    edit = edit_at(4, rule_of(texts, N, fraction=0.01), texts, vocabulary, embedding)
    assert edit is not None
    assert dict(zip(edit.token_ids.tolist(), edit.reasons, strict=True)) == {
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
    assert rule.edit(TrainingProgress(0, 80, 20), vocabulary, torch.rand(36, 1), None) is None
    assert int(rule.n_texts) == len(texts)
    assert rule.edit(TrainingProgress(4, 80, 20), vocabulary, torch.rand(36, 1), None) is not None
    assert not any(count.any() for count in (rule.texts, rule.positions, rule.n_texts))


def test_newcomers_occur_in_the_texts_and_are_new() -> None:
    texts = uniform_texts(20)
    rule, vocabulary = rule_of(texts, len(ALL_PAIRS)), vocabulary_of(*ALL_PAIRS[:30])
    new = rule.proposals(300, TrainingProgress(4, 80, 20), vocabulary, torch.arange(5)).codes.tolist()
    rows = [tuple(row) for row in texts.codes.tolist()]
    windows = {row[t : t + length] for row in rows for t in range(L - K + 1) for length in LENGTHS}
    ngrams = [tuple(c for c in row if c != BLANK) for row in new]
    assert set(ngrams) <= windows
    assert len(set(ngrams)) == len(ngrams) == 300
    assert {len(ngram) for ngram in ngrams} == set(LENGTHS)
    assert not set(ngrams) & set(ALL_PAIRS[:30])
    assert all(row[len(ngram) :] == [BLANK] * (K - len(ngram)) for row, ngram in zip(new, ngrams, strict=True))


def test_newcomers_hold_no_padding_and_when_there_are_too_few_some_places_keep_theirs() -> None:
    codes = np.full((10, L), C, dtype=np.uint8)
    codes[:, :3] = 0, 1, 2
    texts = TrainingTexts(codes, np.arange(10) % 2, 2)
    vocabulary = vocabulary_of(*[(5, n % C, n // C) for n in range(20)])
    edit = edit_at(4, rule_of(texts, 20), texts, vocabulary, torch.ones(20, 1))
    assert edit is not None
    assert {tuple(c for c in row if c != BLANK) for row in edit.codes.tolist()} == {(0, 1), (1, 2)}
    assert len(edit.token_ids) == len(edit.reasons) == len(edit.scores) == 2
    vocabulary.codes[:2] = edit.codes
    assert edit_at(4, rule_of(texts, 20), texts, vocabulary, torch.ones(20, 1)) is None


def test_frequent_ngrams_are_drawn_often() -> None:
    """A place is drawn, not an n-gram: the chance of an n-gram is its share of all places."""
    random = np.random.default_rng(0)
    codes = random.choice(2, (200, L), p=[0.8, 0.2]).astype(np.uint8)
    texts = TrainingTexts(codes, np.arange(200) % 2, 2)
    config = RandomRegrowRuleConfig(ngram_lengths=[1])
    first = []
    for seed in range(300):
        rule = config.build(context(texts, 1, seed=seed))
        first.append(
            int(rule.proposals(1, TrainingProgress(4, 80, 20), vocabulary_of((5,)), torch.arange(1)).codes[0, 0])
        )
    assert np.mean(np.array(first) == 0) == pytest.approx(0.8, abs=0.07)


def test_drawn_by_seed_and_step() -> None:
    texts, vocabulary = uniform_texts(), vocabulary_of((0,))

    def drawn(seed: int, step: int) -> list[list[int]]:
        rule = rule_of(texts, 1, seed)
        return rule.proposals(5, TrainingProgress(step, 80, 20), vocabulary, torch.arange(1)).codes.tolist()

    assert drawn(1, 4) == drawn(1, 4)
    assert drawn(1, 4) != drawn(1, 9)
    assert drawn(1, 4) != drawn(2, 4)


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"ngram_lengths": []}, "ngram_lengths"),
        ({"ngram_lengths": [0, 3]}, "ngram_lengths"),
        ({"edit_interval": 0}, "edit_interval"),
        ({"fraction": 0}, "fraction"),
        ({"fraction": 1.5}, "fraction"),
        ({"edit_until": 0}, "edit_until"),
        ({"edit_until": 2}, "edit_until"),
    ],
)
def test_settings_that_cannot_work(settings: dict[str, object], named: str) -> None:
    assert [name for name, _ in RandomRegrowRuleConfig(**settings).problems()] == [named]


def test_patterns_are_long_enough_for_the_longest_ngram() -> None:
    assert RandomRegrowRuleConfig(ngram_lengths=[2, 9]).min_token_length() == 9

"""Growth by the token gradient: the choice against explicit projections, and what a whole edit takes."""

import numpy as np
import pytest
import torch
from graft_cases import C, K, L, context, observe, uniform_texts, vocabulary_of
from torch import Tensor

from tokenlayer.layer.vocabulary import Vocabulary
from tokenlayer.rules import grow_rule
from tokenlayer.rules.base import Edit, TrainingProgress
from tokenlayer.rules.grow import GrowRuleConfig
from tokenlayer.rules.grow_rule import GrowRule, efficient_choice, longest_of_copies, presence
from tokenlayer.text.corpus import TrainingTexts


def slow_choice_by_parts(X: Tensor, g: Tensor, n_present: int, wanted: int) -> list[int]:
    """The greedy choice, in each part of the texts by explicit residuals of x · ‖g‖ and of S, once more for each."""
    Q, _, F = X.shape
    rest = [g[q].square().sum(1).sqrt().unsqueeze(1) * X[q] for q in range(Q)]  # less what is explained
    S = [X[q].T @ g[q] for q in range(Q)]
    full = [(r**2).sum(0) for r in rest]
    for q in range(Q):
        basis = rest[q][:, :n_present]
        rest[q] = rest[q] - basis @ (torch.linalg.pinv(basis, rtol=1e-9) @ rest[q])
    chosen: list[int] = []
    frequent = X.sum((0, 1)) >= grow_rule._LEAST_TEXTS
    for _ in range(wanted):
        scores = {}
        for f in range(n_present, F):
            if f - n_present in chosen or not frequent[f]:
                continue
            own = [q for q in range(Q) if (rest[q][:, f] ** 2).sum() > grow_rule._OWN_VARIANCE * full[q][f]]
            scores[f] = sum(float((S[q][f] ** 2).sum() / (rest[q][:, f] ** 2).sum()) for q in own)
        best = max(scores, key=lambda f: scores[f])
        if scores[best] <= 0:
            break
        chosen.append(best - n_present)
        for q in range(Q):
            axis = rest[q][:, best].clone()
            if (axis**2).sum() > grow_rule._OWN_VARIANCE * full[q][best]:
                share = axis @ rest[q] / (axis @ axis)
                rest[q] = rest[q] - torch.outer(axis, share)
                S[q] = S[q] - torch.outer(share, S[q][best].clone())
    return chosen


def slow_choice(X: Tensor, g: Tensor, n_present: int, wanted: int) -> list[int]:
    """Each time anew: the part of every n-gram that is orthogonal, with weights g², to tokens and chosen n-grams."""
    W = g.square().sum(1)
    root = W.sqrt().unsqueeze(1)
    tokens = list(range(n_present))
    chosen: list[int] = []
    candidates = [q for q in range(n_present, X.shape[1]) if X[:, q].sum() >= grow_rule._LEAST_TEXTS]
    for _ in range(wanted):
        basis = root * X[:, tokens]
        best, score = -1, 0.0
        for q in candidates:
            if q in tokens:
                continue
            x = X[:, q]
            weights = torch.linalg.pinv(basis, rtol=1e-9) @ (root[:, 0] * x) if tokens else torch.zeros(0)
            rest = root[:, 0] * x - basis @ weights if tokens else root[:, 0] * x
            variance = float(rest.square().sum())
            # Tokens that are there are at their optimum, as far as the choice knows; chosen n-grams are not.
            of_chosen = weights[n_present:] if tokens else weights
            S = x @ g - (of_chosen @ (X[:, tokens[n_present:]].T @ g) if len(of_chosen) else 0)
            if variance > grow_rule._OWN_VARIANCE * float((W * x).sum()) and float(S.square().sum()) / variance > score:
                best, score = q, float(S.square().sum()) / variance
        if best < 0:
            break
        tokens.append(best)
        chosen.append(best - n_present)
    return chosen


def features(n: int, P: int, R: int, seed: int) -> tuple[Tensor, Tensor]:
    """Presence of tokens and n-grams, some nearly copies of others; and gradients that some n-grams have to do with."""
    random = np.random.default_rng(seed)
    X = (random.random((n, P + R)) < random.uniform(0.03, 0.4, P + R)).astype(np.float64)
    for q in range(P, P + R, 3):
        X[:, q] = np.where(random.random(n) < 0.05, X[:, q], X[:, random.integers(P + R)])
    g = random.normal(size=n) + X @ (random.normal(size=P + R) * (random.random(P + R) < 0.2))
    return torch.from_numpy(X), torch.from_numpy(g)


@pytest.mark.parametrize("D", [1, 2])
@pytest.mark.parametrize("P", [0, 1, 10])
@pytest.mark.parametrize("seed", range(3))
def test_choice_by_explicit_projections(seed: int, P: int, D: int) -> None:
    X, g = features(150, P, 18, seed)
    g = torch.stack([g, g.roll(1)], 1)[:, :D]
    found = efficient_choice(X[None], g[None], P, 8).tolist()
    assert found == slow_choice(X, g, P, 8)
    assert len(found) >= 4


@pytest.mark.parametrize("P", [0, 8])
@pytest.mark.parametrize("seed", range(3))
def test_choice_in_parts(seed: int, P: int) -> None:
    parts = [features(120, P, 15, 10 * seed + q) for q in range(3)]
    X = torch.stack([X for X, _ in parts])
    X[2, :, P : P + 3] = X[2, :, P + 3 : P + 6]  # copies in one part, not in the others
    g = torch.stack([torch.stack([g, g.roll(1)], 1) for _, g in parts])
    found = efficient_choice(X, g, P, 10).tolist()
    assert found == slow_choice_by_parts(X, g, P, 10)
    assert len(found) >= 6


def test_what_counts_in_opposite_ways_in_two_parts_is_chosen_by_parts_alone() -> None:
    random = torch.Generator().manual_seed(0)
    X = (torch.rand(2, 500, 6, generator=random) < 0.2).double()
    X[1, :, 2] = X[0, :, 2].roll(250)  # in both as often
    g = torch.randn(2, 500, 1, generator=random).double() * 0.1
    g[0] += X[0, :, 2:3]
    g[1] -= X[1, :, 2:3]
    assert efficient_choice(X, g, 0, 1).tolist() == [2]
    whole = X.amax(0)[None], g.mean(0)[None]
    S, V = whole[0][0].T @ whole[1][0], whole[0][0].T @ whole[1][0].square()
    assert float(S[2, 0] ** 2 / V[2, 0]) < 4  # χ² with one degree of freedom


def test_near_copies_are_passed_over() -> None:
    random = torch.Generator().manual_seed(0)
    token, other = (torch.rand(400, 2, generator=random) < 0.2).double().T
    copy = token.clone()
    copy[token.nonzero()[:3, 0]] = 0
    X = torch.stack([token, token, copy, other, other], 1)
    g = (torch.randn(400, generator=random) * 0.1 + token + 0.3 * other).double().unsqueeze(1)
    assert efficient_choice(X[None], g[None], 1, 4).tolist() in (
        [2],
        [3],
    )  # neither the token again, nor its copy, nor both others


def test_a_rare_token_twice_is_a_copy_too() -> None:
    """Texts that are explained well have small gradients: beside them, a weight of its own must not seem large."""
    X = torch.zeros(2000, 3, dtype=torch.float64)
    X[:6, :2] = 1
    X[1000:1100, 2] = 1
    g = torch.ones(2000, 1, dtype=torch.float64)
    g[:6] = 0.01
    assert efficient_choice(X[None], g[None], 1, 2).tolist() == [1]


@pytest.mark.parametrize("scale", [1e-6, 1e6])
def test_the_choice_knows_no_unit_of_the_gradient(scale: float) -> None:
    X, g = features(150, 5, 18, 0)
    chosen = efficient_choice(X[None], g[None, :, None], 5, 8).tolist()
    assert efficient_choice(X[None], scale * g[None, :, None], 5, 8).tolist() == chosen


def test_rare_ngrams_are_no_evidence() -> None:
    X = torch.zeros(100, 2, dtype=torch.float64)
    X[:4, 0] = 1
    X[10:20, 1] = 1
    assert efficient_choice(X[None], torch.ones(1, 100, 1, dtype=torch.float64), 0, 2).tolist() == [1]


def test_of_copies_the_longest() -> None:
    X = torch.zeros(100, 5, dtype=torch.float64)
    X[:40, 0] = 1
    X[:40, 1] = 1
    X[:39, 2] = 1
    X[:20, 3] = 1
    X[50:60, 4] = 1
    assert longest_of_copies(X, torch.tensor([3, 4, 5, 7, 2])).tolist() == [2, 3, 4]
    assert longest_of_copies(X, torch.tensor([3, 3, 3, 7, 2])).tolist() == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("n_parts", [1, 3])
def test_presence(n_parts: int) -> None:
    codes = torch.randint(0, 3, (70, L))
    codes[:, 20:] = C
    ngrams = vocabulary_of((0,), (1, 2), (2, 2, 2), (0, 1, 2, 0)).codes
    expected = torch.zeros(n_parts, 70, 4, dtype=torch.float64)
    for b, row in enumerate(codes.tolist()):
        for q, ngram in enumerate(ngrams.tolist()):
            kept = [c for c in ngram if c >= 0]
            for t in range(L - K + 1):
                if row[t : t + len(kept)] == kept:
                    expected[t * n_parts // L, b, q] = 1
    assert torch.equal(presence(codes, ngrams, C, n_parts), expected)


def planted_texts(n: int = 600) -> TrainingTexts:
    random = np.random.default_rng(3)
    codes = random.integers(0, C - 1, (n, L)).astype(np.uint8)
    labels = random.integers(0, 2, n)
    for row, label in zip(codes, labels, strict=True):
        if random.random() < 0.7:
            at = random.integers(0, L - K + 1)
            row[at : at + 3] = (5, 1, 5) if label else (5, 3, 5)
    return TrainingTexts(codes, labels, 2)


def run_edit(rule: GrowRule, texts: TrainingTexts, vocabulary: Vocabulary, progress: TrainingProgress) -> Edit | None:
    for first in range(0, len(texts), 100):
        rows = np.arange(first, min(first + 100, len(texts)))
        g = torch.from_numpy(0.5 - texts.labels[rows]).float().unsqueeze(1) / len(rows)
        observe(rule, vocabulary, texts, rows, g, progress)
    return rule.edit(progress, vocabulary, torch.rand(vocabulary.vocab_size, 1) + 0.5, None)


DUE = TrainingProgress(step=1, n_steps=20, steps_per_epoch=8)
TOKENS = [(a, b) for a in range(C - 1) for b in range(2)]


def rule_of(texts: TrainingTexts, vocab_size: int, **settings: object) -> GrowRule:
    config = GrowRuleConfig(ngram_lengths=[2, 3, 4], edit_interval=0.25, memory_mb=4, **settings)
    assert not list(config.problems())
    return config.build(context(texts, vocab_size))


def test_what_is_planted_grows() -> None:
    texts = planted_texts()
    rule, vocabulary = rule_of(texts, len(TOKENS)), vocabulary_of(*TOKENS)
    edit = run_edit(rule, texts, vocabulary, DUE)
    assert edit is not None
    ngrams = [tuple(c for c in row if c >= 0) for row in edit.codes.tolist()]
    assert {ngrams[0], ngrams[1]} == {(5, 1, 5), (5, 3, 5)}
    assert not edit.embedding.any()
    assert edit.scores[:2].min() > 50
    assert len(set(ngrams) | set(TOKENS)) == len(ngrams) + len(TOKENS)
    assert rule.figures()["passed_over"] < 0.1
    assert not rule.texts.any()


def test_what_tells_by_its_place_grows_if_parts_are_scored_apart() -> None:
    texts = uniform_texts(600)
    texts.codes[texts.codes == 5] = 4
    random = np.random.default_rng(1)
    for row, label in zip(texts.codes, texts.labels, strict=True):  # in every text, early or late
        at = random.integers(0, L // 2 - K) + (0 if label else L // 2)
        row[at : at + 3] = (5, 1, 5)
    scores = {}
    for n_parts in (1, 2):
        edit = run_edit(rule_of(texts, len(TOKENS), n_parts=n_parts), texts, vocabulary_of(*TOKENS), DUE)
        assert edit is not None
        ngrams = [tuple(c for c in row if c >= 0) for row in edit.codes.tolist()]
        scores[n_parts] = dict(zip(ngrams, edit.scores.tolist(), strict=True))
    assert max(scores[1].values()) < 30
    assert next(iter(scores[2])) == (5, 1, 5)
    assert scores[2][5, 1, 5] > 500  # χ² of two degrees of freedom


@pytest.mark.parametrize(("strength", "goes"), [(0.1, True), (10.0, False)])
def test_a_token_stands_for_what_holds_it_as_long_as_it_stays(strength: float, goes: bool) -> None:
    """The beginning of a planted n-gram, which is in no other texts, is a token: the weakest or the strongest."""
    texts = planted_texts()
    rule, vocabulary = rule_of(texts, len(TOKENS) + 1), vocabulary_of(*TOKENS, (5, 1))
    for first in range(0, len(texts), 100):
        rows = np.arange(first, first + 100)
        observe(rule, vocabulary, texts, rows, torch.from_numpy(0.5 - texts.labels[rows, None]).float() / 100, DUE)
    embedding = torch.ones(len(TOKENS) + 1, 1)
    embedding[-1] = strength
    edit = rule.edit(DUE, vocabulary, embedding, None)
    assert edit is not None
    assert (len(TOKENS) in edit.token_ids.tolist()) == goes
    assert ((5, 1, 5, -1, -1) in map(tuple, edit.codes.tolist())) == goes


def test_after_an_edit_what_was_accumulated_counts_half() -> None:
    texts = planted_texts()
    rule, vocabulary = rule_of(texts, len(TOKENS)), vocabulary_of(*TOKENS)
    observe(rule, vocabulary, texts, np.arange(200), torch.rand(200, 1), DUE)
    before = rule.scores.sums.clone()
    assert rule.edit(DUE, vocabulary, torch.rand(len(TOKENS), 1), None) is not None
    torch.testing.assert_close(rule.scores.sums, before / 2)


def test_the_control_with_exchanged_scores_finds_nothing() -> None:
    texts = planted_texts()
    found = []
    for seed in range(5):
        config = GrowRuleConfig(ngram_lengths=[2, 3, 4], edit_interval=0.25, memory_mb=4, shuffle=True)
        rule = config.build(context(texts, len(TOKENS), seed=seed))
        edit = run_edit(rule, texts, vocabulary_of(*TOKENS), DUE)
        assert edit is not None
        assert len(edit.token_ids) == 5
        found.append({tuple(row) for row in edit.codes.tolist()})
    assert len(set.union(*found)) > 15  # other ones for each seed: they are drawn
    assert sum((5, 1, 5, -1, -1) in ngrams for ngrams in found) <= 1


def test_no_more_windows_than_the_bound() -> None:
    texts = planted_texts()
    T = L - K + 1
    rule = rule_of(texts, 2, windows_per_step=7 * 3 * T, kept_texts=28)
    for _ in range(4):
        observe(rule, vocabulary_of((0,), (1,)), texts, np.arange(50), torch.rand(50, 1) + 1, DUE)
    assert int(rule.scores.n_seen) == 4 * 7
    for step in range(4):  # the first seven, again and again
        np.testing.assert_array_equal(rule.scores.kept[7 * step : 7 * step + 7].numpy(), texts.codes[:7])
    assert rule.kept_gradient.shape == (28, 1, 1)
    assert int((rule.kept_gradient > 0).sum()) == 28


def test_gradients_stand_beside_the_texts_they_are_of() -> None:
    texts = uniform_texts(100)
    rule = rule_of(texts, 2, kept_texts=16)
    value = {bytes(row): float(b + 1) for b, row in enumerate(texts.codes)}
    for first in (0, 7, 14, 20):
        rows = np.arange(first, first + 7)
        g = torch.from_numpy(rows + 1.0).float().unsqueeze(1) / 7
        observe(rule, vocabulary_of((0,), (1,)), texts, rows, g if first % 2 else g.unsqueeze(1).expand(-1, L, 1), DUE)
    for row, gradient in zip(rule.scores.kept.numpy(), rule.kept_gradient[:, 0, 0].tolist(), strict=True):
        assert value[bytes(row)] == pytest.approx(gradient, rel=1e-5)


def test_texts_without_ngrams_change_nothing() -> None:
    texts = TrainingTexts(np.full((20, L), C, dtype=np.uint8), np.arange(20) % 2, 2)
    assert run_edit(rule_of(texts, 2), texts, vocabulary_of((0,), (1,)), DUE) is None

"""Rounds of selection without a network, and under a budget."""

import numpy as np
import pytest

from tokenlayer.errors import InputError
from tokenlayer.selection import linear
from tokenlayer.selection.linear import probabilities
from tokenlayer.selection.ngram_selection import NgramSelection, ngram_selection
from tokenlayer.selection.penalty import ridge_penalty
from tokenlayer.selection.settings import SelectionSettings
from tokenlayer.text.corpus import TrainingTexts

C, L, K = 6, 40, 4


def selection_of(texts: TrainingTexts, lengths: tuple[int, ...] = (2, 3, 4), **settings: object) -> NgramSelection:
    return ngram_selection(texts, C, list(lengths), K, SelectionSettings(**{"min_texts": 3, **settings}))


def texts_with(told: dict[tuple[int, ...], tuple[float, float]], times: int = 1, n: int = 400) -> TrainingTexts:
    """Texts of two classes; each n-gram stands in a share of either class's texts, up to `times` times."""
    random = np.random.default_rng(3)
    codes = random.integers(0, C - 2, (n, L)).astype(np.uint8)  # the last two characters are in what is planted alone
    labels = random.integers(0, 2, n)
    for row, label in zip(codes, labels, strict=True):
        for place, (ngram, shares) in enumerate(told.items()):
            if random.random() < shares[label]:
                for again in range(times):
                    at = place * 6 + again * 18
                    row[at : at + len(ngram)] = ngram
    return TrainingTexts(codes, labels, 2)


def ngrams_of(selection: NgramSelection, numbers: np.ndarray) -> set[tuple[int, ...]]:
    return {tuple(code for code in row if code >= 0) for row in selection.index.ngrams[numbers].tolist()}


TOLD = {(5, 1, 5): (0.1, 0.7), (5, 3, 5, 4): (0.6, 0.1)}


def test_what_tells_the_classes_is_selected_without_a_network() -> None:
    selection = selection_of(texts_with(TOLD))
    selected = selection.rounds(2, 3)
    assert ngrams_of(selection, selected.ngrams) == set(TOLD)
    assert sorted(selected.model.weights.ravel() > 0) == [False, True]
    assert selected.price == 0
    counts = selection.index.occurrences[selected.ngrams]
    assert selected.tokens_per_text == pytest.approx(counts.sum() / 400)


def test_a_round_looks_at_what_the_model_so_far_does_not_explain() -> None:
    """By itself the near copy of a strong n-gram tells more than a weak one; beside the strong one, nothing."""
    random = np.random.default_rng(0)
    labels = random.integers(0, 2, 600)
    codes = random.integers(0, C - 2, (600, L)).astype(np.uint8)
    strong = random.random(600) < np.where(labels, 0.8, 0.2)
    copy = strong ^ (random.random(600) < 0.1)
    weak = random.random(600) < np.where(labels, 0.55, 0.35)
    for held, at, ngram in ((strong, 0, (5, 0)), (copy, 8, (5, 1)), (weak, 16, (5, 2))):
        codes[np.ix_(held, range(at, at + 2))] = ngram
    selection = selection_of(TrainingTexts(codes, labels, 2), distillation_weight=0.0, candidates=1)
    number = {ngram: n for n, ngram in enumerate(map(tuple, selection.index.ngrams[:, :2].tolist()))}
    alone = selection.scores(0.5 - selection.labels)
    assert alone[number[5, 0]] > alone[number[5, 1]] > alone[number[5, 2]]
    first = selection.round(0.5 - selection.labels, np.zeros(0, dtype=np.int64), 1)
    assert first.ngrams.tolist() == [number[5, 0]]
    residual = probabilities(first.model.logits(selection.features(first.ngrams))) - selection.labels
    beside = selection.scores(residual)
    assert beside[number[5, 2]] > beside[number[5, 1]]


def test_rounds_are_rounds_by_the_residuals_of_the_refit() -> None:
    selection = selection_of(texts_with(TOLD))
    residual = np.full_like(selection.labels, selection.labels.mean()) - selection.labels
    first = selection.round(residual, np.zeros(0, dtype=np.int64), 6)
    logits = selection.features(first.ngrams).presence @ first.model.weights + first.model.bias
    second = selection.round(probabilities(logits) - selection.labels, first.ngrams, 6, first.price)
    selected = selection.rounds(6, 2)
    assert selected.ngrams.tolist() == second.ngrams.tolist()
    np.testing.assert_allclose(selected.model.weights, second.model.weights, rtol=1e-3)


def test_the_first_round_looks_at_no_more_than_the_candidates() -> None:
    assert selection_of(texts_with(TOLD), candidates=3).rounds(2, 1).n_candidates == 6


def test_of_two_that_tell_the_same_a_budget_takes_the_one_that_is_read_less() -> None:
    """The frequent one tells a little more; it stands in half of all texts, three times in each."""
    random = np.random.default_rng(1)
    labels = random.integers(0, 2, 400)
    codes = random.integers(0, C - 2, (400, L)).astype(np.uint8)
    codes[:, 3::4] = C  # no character: no n-gram but the planted ones holds a part of them
    rare = random.random(400) < np.where(labels, 0.25, 0.02)
    frequent = random.random(400) < np.where(labels, 0.8, 0.2)
    codes[rare, 0:3] = 5, 1, 5
    for at in (4, 12, 20):
        codes[frequent, at : at + 3] = 5, 2, 5
    texts = TrainingTexts(codes, labels, 2)
    selection = selection_of(texts, (3,))
    assert ngrams_of(selection, selection.rounds(1, 2).ngrams) == {(5, 2, 5)}
    thrifty = selection_of(texts, (3,), tokens_per_text=0.5).rounds(1, 2)
    assert ngrams_of(selection, thrifty.ngrams) == {(5, 1, 5)}
    assert thrifty.price > 0
    assert thrifty.tokens_per_text <= 0.5


@pytest.mark.parametrize("N", [10, 30])
@pytest.mark.parametrize("share", [0.8, 0.4])
def test_a_budget_is_kept_to_and_used(N: int, share: float) -> None:
    texts = texts_with(TOLD)
    free = selection_of(texts).rounds(N, 2)
    budget = share * free.tokens_per_text
    selected = selection_of(texts, tokens_per_text=budget).rounds(N, 2)
    assert len(set(selected.ngrams.tolist())) == N
    assert 0.8 * budget < selected.tokens_per_text <= budget
    if share > 0.5:  # with less, parts that are rarer have to do
        assert set(TOLD) <= ngrams_of(selection_of(texts), selected.ngrams)


def test_what_is_not_read_of_a_text_uses_no_budget() -> None:
    """A tenth of the texts has six times as many tokens; the model reads four of a text."""
    texts = texts_with(TOLD)
    texts.codes[:40] = np.tile(texts.codes[:40, :6], (1, 7))[:, :L]
    selections = [
        ngram_selection(texts, C, [2, 3, 4], K, SelectionSettings(min_texts=3, tokens_per_text=3.0), most)
        for most in (None, 4)
    ]
    whole, cut = (selection.rounds(40, 2) for selection in selections)
    read = [
        float(selection.index.reads[selected.ngrams].sum())
        for selection, selected in zip(selections, (whole, cut), strict=True)
    ]
    assert whole.tokens_per_text == pytest.approx(read[0])
    assert 2.4 < whole.tokens_per_text <= 3
    assert 2.4 < cut.tokens_per_text <= 3
    assert read[1] > 1.05 * read[0], "more that may be read"
    assert cut.price < whole.price


def test_a_budget_that_is_too_small_names_the_smallest() -> None:
    with pytest.raises(InputError, match=r"tokens_per_text=0\.001, but of the fewest"):
        selection_of(texts_with(TOLD), tokens_per_text=0.001).rounds(5, 1)


def test_three_classes_and_more_than_surgery_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    """The L1 path alone chooses then, by effects that a price divides."""
    monkeypatch.setattr("tokenlayer.selection.ngram_selection._SURGERY_UP_TO", 2)
    texts = texts_with(TOLD)
    three = TrainingTexts(texts.codes, texts.labels + (texts.codes[:, 30] == 0), 3)
    free = selection_of(three).rounds(12, 2)
    assert free.model.weights.shape == (12, 3)
    thrifty = selection_of(three, tokens_per_text=free.tokens_per_text / 2).rounds(12, 2)
    assert thrifty.tokens_per_text <= free.tokens_per_text / 2
    assert len(thrifty.ngrams) == 12


def test_a_price_divides_what_an_ngram_is_worth_by_its_square() -> None:
    selection = selection_of(texts_with(TOLD), candidates=1)
    scores, reads = selection.scores(0.5 - selection.labels), selection.index.reads
    price = 2.0 / reads[scores.argmax()]
    best, by_root = ((scores / (1 + price * reads) ** power).argmax() for power in (2, 1))
    assert best != by_root
    assert selection._selected(scores, np.zeros(0, dtype=np.int64), 1, price).ngrams.tolist() == [best]


def test_without_surgery_a_price_divides_the_effects(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tokenlayer.selection.ngram_selection._SURGERY_UP_TO", 0)
    monkeypatch.setattr(
        "tokenlayer.selection.ngram_selection.l1_support", lambda features, *_: np.arange(len(features))
    )
    selection = selection_of(texts_with(TOLD), candidates=4)
    candidates = np.argsort(-selection.scores(0.5 - selection.labels), kind="stable")[:12]
    features, reads = selection.features(candidates), selection.index.reads[candidates]
    model = linear.fit(features, selection.labels, ridge_penalty(3, features.total))
    effect = np.linalg.norm(model.weights, axis=1) * features.spread
    chosen = {}
    for price in (0.0, 2.0 / float(reads.min())):
        kept, refit = selection._select(candidates, 3, 1 + price * reads)
        strongest = np.argsort(-effect / (1 + price * reads), kind="stable")[:3]
        assert kept.tolist() == candidates[strongest].tolist()
        np.testing.assert_allclose(refit.weights, model.weights[strongest])
        chosen[price] = set(kept.tolist())
    assert len(set(map(frozenset, chosen.values()))) == 2


def test_the_weights_are_those_of_a_refit_on_the_labels(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(linear, "cross_fitted", lambda _features, labels, *_rest, **_settings: 1 - labels)
    selection = selection_of(texts_with(TOLD), distillation_weight=1.0)
    selected = selection.rounds(4, 1)
    features = selection.features(selected.ngrams)
    expected = linear.fit(features, selection.labels, ridge_penalty(4, features.total))
    np.testing.assert_allclose(selected.model.weights, expected.weights)
    np.testing.assert_allclose(selected.model.bias, expected.bias)


def test_the_targets_lie_between_labels_and_teacher(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(linear, "cross_fitted", lambda _features, labels, *_rest, **_settings: 1 - labels)
    texts = texts_with(TOLD)
    for share in (0.0, 0.25, 1.0):
        selection = selection_of(texts, distillation_weight=share)
        labels = texts.labels[:, None]
        np.testing.assert_allclose(selection.targets, (1 - share) * labels + share * (1 - labels))


@pytest.mark.parametrize(
    ("field", "value"),
    [("candidates", 0), ("penalty", 0), ("distillation_weight", 1.5), ("tokens_per_text", 0), ("min_texts", 0)],
)
def test_settings_that_cannot_work(field: str, value: float) -> None:
    settings = SelectionSettings()
    assert not list(settings.selection_problems())
    setattr(settings, field, value)
    assert [name for name, _ in settings.selection_problems()] == [field]


def test_the_last_digits_of_its_inputs_choose_no_other_tokens() -> None:
    texts = texts_with(TOLD)
    selection = selection_of(texts)
    expected = selection.rounds(20, 3).ngrams.tolist()
    targets = selection.targets
    for seed in range(3):
        selection.targets = targets * (1 + 1e-14 * np.random.default_rng(seed).normal(size=targets.shape))
        assert selection.rounds(20, 3).ngrams.tolist() == expected


def test_a_token_stays_where_another_is_just_as_good() -> None:
    """Whichever stands first in the index: a token that gives way loses what the network has learned of it."""
    labels = np.arange(60) % 2
    codes = np.random.default_rng(0).integers(0, C - 2, (60, L)).astype(np.uint8)
    codes[:, 3::4] = C
    for label, ngram in enumerate([(5, 1, 5), (5, 2, 5)]):
        codes[labels == label, 4:7] = ngram
    selection = selection_of(TrainingTexts(codes, labels, 2), (3,), distillation_weight=0.0)
    residual = 0.5 - selection.labels
    number = {ngram: n for n, ngram in enumerate(map(tuple, selection.index.ngrams[:, :3].tolist()))}
    for ngram in ((5, 1, 5), (5, 2, 5)):
        present = np.array([number[ngram]])
        assert selection.round(residual, present, 1).ngrams.tolist() == present.tolist()

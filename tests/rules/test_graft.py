"""Rounds of grafting: what is looked at, what goes, what comes, and with which vectors."""

import numpy as np
import pytest
import torch
from graft_cases import C, K, L, context, observe, uniform_texts, vocabulary_of

from tokenlayer.layer.vocabulary import Vocabulary
from tokenlayer.rules.base import Edit, TrainingProgress
from tokenlayer.rules.graft import GraftRuleConfig
from tokenlayer.rules.graft_rule import GraftRule
from tokenlayer.selection import linear, ngram_selection, penalty, surgery
from tokenlayer.selection.chi2 import chi_squared
from tokenlayer.selection.linear import Features, Floats, Ints
from tokenlayer.text.corpus import TrainingTexts

DUE = TrainingProgress(step=4, n_steps=20, steps_per_epoch=10)


def texts_with(planted: dict[int, tuple[int, ...]], n: int = 300, n_classes: int = 2) -> TrainingTexts:
    """Each class has an n-gram of its own, in two thirds of its texts."""
    random = np.random.default_rng(1)
    codes = random.integers(0, C - 1, (n, L)).astype(np.uint8)  # the last character is only in what is planted
    labels = random.integers(0, n_classes, n)
    for row, label in zip(codes, labels, strict=True):
        if label in planted and random.random() < 2 / 3:
            at = random.integers(0, L - K + 1)
            row[at : at + len(planted[label])] = planted[label]
    return TrainingTexts(codes, labels, n_classes)


def round_of(rule: GraftRule, texts: TrainingTexts, vocabulary: Vocabulary, D: int = 1) -> Edit | None:
    """One round, with the gradient of a network that knows the classes' shares only."""
    one_hot = np.eye(texts.n_classes)[texts.labels]
    g = torch.from_numpy(one_hot.mean(0) - one_hot)[:, -D:].float()
    observe(rule, vocabulary, texts, np.arange(len(texts)), g / len(g), DUE)
    torch.manual_seed(0)
    return rule.edit(DUE, vocabulary, torch.rand(vocabulary.vocab_size, D) + 0.1, torch.eye(D))


def rule_of(texts: TrainingTexts, vocab_size: int, D: int = 1, **settings: object) -> GraftRule:
    return GraftRuleConfig(ngram_lengths=[2, 3, 4], **{"edit_interval": 0.5, **settings}).build(
        context(texts, vocab_size, D)
    )


def patterns(codes: torch.Tensor) -> set[tuple[int, ...]]:
    return {tuple(code for code in row if code >= 0) for row in codes.tolist()}


PLANTED = {0: (5, 1, 5), 1: (5, 3, 0, 5)}


@pytest.mark.parametrize("distillation_weight", [0.0, 0.5])
def test_what_is_planted_is_grafted(distillation_weight: float) -> None:
    texts = texts_with(PLANTED)
    edit = round_of(
        rule_of(texts, 4, distillation_weight=distillation_weight), texts, vocabulary_of(*[(0,), (1,), (2,), (3,)])
    )
    assert edit is not None
    assert set(PLANTED.values()) <= patterns(edit.codes)
    weights = {
        tuple(c for c in row if c >= 0): float(v) for row, v in zip(edit.codes.tolist(), edit.embedding, strict=True)
    }
    assert weights[PLANTED[0]] < -0.3
    assert weights[PLANTED[1]] > 0.3
    assert set(edit.reasons) == {"foreign"}
    assert edit.scores.min() >= 0


@pytest.mark.parametrize(("few", "surgery_up_to"), [(4, 4), (3, 4), (3, 3)], ids=["few", "more", "many"])
def test_few_tokens_or_many(few: int, surgery_up_to: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the number of tokens decides is decided here for four: how many are looked at, and whether surgery cuts."""
    monkeypatch.setattr(ngram_selection, "_FEW", few)
    monkeypatch.setattr(ngram_selection, "_SURGERY_UP_TO", surgery_up_to)
    monkeypatch.setattr(penalty, "_TOKENS", 2)
    operations: list[tuple[int, int, float]] = []
    prune = surgery.prune

    def spy(features: Features, targets: Floats, size: int, held_back: float, divisor: Floats) -> Ints:
        operations.append((len(features), size, held_back))
        assert (divisor == 1).all(), "no budget"
        return prune(features, targets, size, held_back, divisor)

    monkeypatch.setattr(surgery, "prune", spy)
    texts = texts_with(PLANTED)
    rule = rule_of(texts, 4)
    edit = round_of(rule, texts, vocabulary_of(*[(0,), (1,), (2,), (3,)]))
    assert edit is not None
    assert set(PLANTED.values()) <= patterns(edit.codes)
    assert rule.figures()["candidates"] == (16 if few == 4 else 80)
    assert bool(operations) == (surgery_up_to == 4)
    for before, after, held_back in operations:
        assert before >= (8 if few == 4 else 6)
        assert after == 4
        assert held_back == penalty.surgery_penalty(0.1, 4, len(texts)) > penalty.surgery_penalty(0.1, 2, len(texts))


def test_several_classes() -> None:
    planted = {c: (5, c, 5) for c in range(3)}
    texts = texts_with(planted, n=400, n_classes=3)
    edit = round_of(rule_of(texts, 5, D=3), texts, vocabulary_of(*[(i,) for i in range(5)]), D=3)
    assert edit is not None
    vectors = {tuple(c for c in row if c >= 0): v for row, v in zip(edit.codes.tolist(), edit.embedding, strict=True)}
    for label, ngram in planted.items():
        assert int(vectors[ngram].argmax()) == label


@pytest.mark.parametrize("surgery_up_to", [1, 0], ids=["surgery", "L1 path alone"])
@pytest.mark.parametrize(("share", "heard"), [(0.0, "labels"), (0.2, "labels"), (0.8, "teacher"), (1.0, "teacher")])
def test_the_teacher_is_heeded_as_far_as_its_share_goes(
    share: float, heard: str, surgery_up_to: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One n-gram tells much of the labels; another tells all that the teacher says, and little of the labels."""
    monkeypatch.setattr(ngram_selection, "_SURGERY_UP_TO", surgery_up_to)
    ngrams = {"labels": (5, 3), "teacher": (5, 4)}
    texts = texts_with({1: ngrams["labels"]})
    says = np.where(np.random.default_rng(2).random(len(texts)) < 0.65, texts.labels, 1 - texts.labels)
    texts.codes[says == 1, :2] = ngrams["teacher"]
    asked = []

    def teacher(features: Features, labels: Floats, penalty: float, folds: int) -> Floats:
        np.testing.assert_array_equal(labels[:, 0], texts.labels)
        asked.append((len(features), folds))
        return says[:, None].astype(float)

    monkeypatch.setattr(linear, "cross_fitted", teacher)
    rule = rule_of(texts, 1, distillation_weight=share, candidates=100)
    edit = round_of(rule, texts, vocabulary_of((0,)))
    assert edit is not None
    assert patterns(edit.codes) == {ngrams[heard]}
    assert asked == ([(len(rule.selection.index), 2)] if share else []), (
        "by all n-grams, of texts that it was not fitted on"
    )


def test_a_chosen_token_stays_where_it_is() -> None:
    texts = texts_with(PLANTED)
    vocabulary = vocabulary_of((5, 3, 0, 5), (0, 0, 0), (5, 1, 5), (1,))
    edit = round_of(rule_of(texts, 4), texts, vocabulary)
    assert edit is not None
    assert not {0, 2} & set(edit.token_ids.tolist())
    assert not set(PLANTED.values()) & patterns(edit.codes)
    assert edit.reasons[edit.token_ids.tolist().index(3)] == "foreign"  # a character is none of the lengths


def test_a_token_is_looked_at_however_little_the_gradient_asks_for_it() -> None:
    """What the network has learned of a token no longer shows in the gradient."""
    texts = texts_with(PLANTED)
    rule, vocabulary = rule_of(texts, 2, candidates=1), vocabulary_of(*PLANTED.values())
    observe(rule, vocabulary, texts, np.arange(len(texts)), torch.randn(len(texts), 1), DUE)
    assert rule.edit(DUE, vocabulary, torch.ones(2, 1), None) is None
    assert rule.figures()["candidates"] == 4


def test_a_token_of_the_index_that_goes_was_not_selected() -> None:
    """The first of the index, whose number is 0, too."""
    texts = texts_with(PLANTED)
    rule = rule_of(texts, 4)
    unrelated = Vocabulary(torch.from_numpy(rule.selection.index.ngrams[[0, 1]]).long())
    edit = round_of(rule, texts, vocabulary_of(*sorted(patterns(unrelated.codes)), *PLANTED.values()))
    assert edit is not None
    assert dict(zip(edit.token_ids.tolist(), edit.reasons, strict=True)) == {0: "not_selected", 1: "not_selected"}


def test_a_token_that_stands_there_twice_gives_one_place_away() -> None:
    texts = texts_with(PLANTED)
    vocabulary = vocabulary_of((5, 1, 5), (0,), (5, 1, 5), (5, 1, 5), (0,))
    edit = round_of(rule_of(texts, 5), texts, vocabulary)
    assert edit is not None
    assert edit.token_ids.tolist() == [1, 2, 3, 4]
    assert (5, 1, 5) not in patterns(edit.codes)
    assert len(patterns(edit.codes)) == 4


def test_no_place_is_given_twice_and_no_ngram_comes_twice() -> None:
    texts = uniform_texts()
    vocabulary = vocabulary_of(*[(a, b) for a in range(C) for b in range(C)])
    edit = round_of(rule_of(texts, len(vocabulary.codes)), texts, vocabulary)
    assert edit is not None
    assert len(set(edit.token_ids.tolist())) == len(edit.token_ids) == len(patterns(edit.codes))
    left = vocabulary.codes.clone()
    left[edit.token_ids] = edit.codes
    assert len(patterns(left)) == len(left)


@pytest.mark.parametrize(
    "codes",
    [np.full((8, L), C, dtype=np.uint8), np.zeros((8, L), dtype=np.uint8), np.zeros((8, K - 1), dtype=np.uint8)],
    ids=["nothing but padding", "all alike", "too short"],
)
@pytest.mark.parametrize("distillation_weight", [0.0, 0.5])
def test_where_no_ngram_is_frequent_enough_nothing_is_replaced(codes: np.ndarray, distillation_weight: float) -> None:
    texts = TrainingTexts(codes, np.arange(8) % 2, 2)
    assert (
        round_of(rule_of(texts, 2, distillation_weight=distillation_weight), texts, vocabulary_of((0,), (1,))) is None
    )


def test_fewer_ngrams_than_places() -> None:
    codes = np.zeros((30, L), dtype=np.uint8)
    codes[::2, 3:5] = 1, 2
    texts = TrainingTexts(codes, np.arange(30) % 2, 2)
    vocabulary = vocabulary_of(*[(i,) for i in range(C)])
    edit = round_of(rule_of(texts, C), texts, vocabulary)
    assert edit is not None
    assert 0 < len(edit.token_ids) < C
    torch.manual_seed(0)  # as in round_of
    weakest_first = torch.rand(C, 1)[:, 0].argsort()
    assert edit.token_ids.tolist() == sorted(weakest_first[: len(edit.token_ids)].tolist())
    vocabulary.codes[edit.token_ids] = edit.codes
    again = round_of(rule_of(texts, C), texts, vocabulary)
    assert again is None  # what is there already comes no second time


def test_only_texts_that_have_been_seen_have_a_price() -> None:
    texts = texts_with(PLANTED)
    rule = rule_of(texts, 2)
    assert rule.edit(DUE, vocabulary_of((0,), (1,)), torch.zeros(2, 1), None) is None
    rows = np.array([3, 0, 7])
    observe(rule, vocabulary_of((0,), (1,)), texts, rows, torch.tensor([[0.3], [0.1], [-0.2]]), DUE)
    assert rule.gradient[[3, 0, 7], 0].tolist() == pytest.approx([0.9, 0.3, -0.6])  # three times a share of the mean
    assert rule.seen.nonzero()[:, 0].tolist() == [0, 3, 7]
    observe(rule, vocabulary_of((0,), (1,)), texts, rows, torch.full((3, L, 1), 0.5), DUE)
    assert rule.gradient[[3, 0, 7], 0].tolist() == pytest.approx([1.5] * 3)


def test_price_of_every_ngram() -> None:
    texts = uniform_texts(120)
    rule = rule_of(texts, 3, D=2, candidates=10**6)
    g = torch.randn(120, 2)
    observe(rule, vocabulary_of((0,), (1,), (2,)), texts, np.arange(120), g / 120, DUE)
    index = rule.selection.index
    scores = rule.selection.scores(rule.gradient.double().numpy())
    for q, score in enumerate(scores):
        of_texts = g[index.texts[index.bounds[q] : index.bounds[q + 1]].astype(np.int64)].double()
        assert score == pytest.approx(float((of_texts.sum(0) ** 2 / (of_texts**2).sum(0)).sum()), rel=1e-4)


def test_texts_beyond_the_index_are_passed_over() -> None:
    texts = texts_with(PLANTED)
    rule = rule_of(texts, 2, max_characters=100 * L)
    observe(rule, vocabulary_of((0,), (1,)), texts, np.array([99, 100, 250]), torch.ones(3, 1), DUE)
    assert rule.seen.nonzero()[:, 0].tolist() == [99]
    assert rule.gradient.shape == (100, 1)


def test_without_a_readout_newcomers_begin_at_zero() -> None:
    texts = texts_with(PLANTED)
    rule = rule_of(texts, 2, D=4)
    observe(rule, vocabulary_of((0,), (1,)), texts, np.arange(300), torch.randn(300, 4), DUE)
    edit = rule.edit(DUE, vocabulary_of((0,), (1,)), torch.rand(2, 4), None)
    assert edit is not None
    assert not edit.embedding.any()


def test_vectors_give_the_weights_of_the_refit_through_the_readout() -> None:
    texts = texts_with(PLANTED)
    vocabulary = vocabulary_of((0,), (1,), (2,))
    g = torch.from_numpy((0.5 - texts.labels[:, None]) / 300).float().expand(-1, 4)
    edits = []
    readout = torch.tensor([[0.5, -2.0, 0.0, 1.0]])
    for D, given in ((1, torch.ones(1, 1)), (4, readout)):
        rule = rule_of(texts, 3, D=D)
        observe(rule, vocabulary, texts, np.arange(300), g[:, :D].contiguous(), DUE)
        edit = rule.edit(DUE, vocabulary, torch.ones(3, D), given)
        assert edit is not None
        edits.append(edit)
    torch.testing.assert_close(edits[1].embedding @ readout.T, edits[0].embedding)


def test_a_round_begins_at_the_price_of_the_round_before(monkeypatch: pytest.MonkeyPatch) -> None:
    texts = texts_with(PLANTED)
    rule = rule_of(texts, 8, tokens_per_text=0.5)
    prices = []
    choose = ngram_selection.NgramSelection.round

    def spy(*arguments: object) -> ngram_selection.Selected:
        prices.append(arguments[-1])
        return choose(*arguments)

    monkeypatch.setattr(ngram_selection.NgramSelection, "round", spy)
    for _ in range(2):
        assert round_of(rule, texts, vocabulary_of(*[(a, b) for a in range(4) for b in range(2)])) is not None
        prices.append(rule.figures()["read_price"])
        assert rule.figures()["tokens_per_text"] <= 0.5
    assert prices[0] == 0
    assert prices[1] > 0
    assert prices[2] == prices[1] == float(rule.state_dict()["price"])


def test_rounds_until_the_stop() -> None:
    texts = texts_with(PLANTED)
    edited = []
    rule = rule_of(texts, 2, edit_interval=0.5, edit_until=0.5, distillation_weight=0.0)
    vocabulary = vocabulary_of((0,), (1,))
    observe(rule, vocabulary, texts, np.arange(20), torch.randn(20, 1), DUE)
    for step in range(40):
        if rule.edit(TrainingProgress(step, 40, 10), vocabulary, torch.zeros(2, 1), None) is not None:
            edited.append(step)
    assert edited == [4, 9, 14, 19]


def test_the_teacher_of_many_classes_reads_the_ngrams_that_tell_most(monkeypatch: pytest.MonkeyPatch) -> None:
    texts = texts_with({0: (5, 1, 5), 1: (5, 3, 0, 5), 2: (5, 0, 5)}, n_classes=3)
    monkeypatch.setattr(ngram_selection, "_TEACHER_WEIGHTS", 18)
    read: list[Features] = []
    fitted = linear.cross_fitted

    def watched(features: Features, *arguments: object, **settings: object) -> Floats:
        read.append(features)
        return fitted(features, *arguments, **settings)

    monkeypatch.setattr(linear, "cross_fitted", watched)
    rule = rule_of(texts, 4, D=3)
    (features,) = read
    assert len(features) == 6
    index = rule.selection.index
    labels = texts.labels[: index.n_texts]
    counts = np.array([np.bincount(labels[held], minlength=3) for held in np.split(index.texts, index.bounds)[1:-1]])
    best = np.sort(np.argsort(-chi_squared(counts, np.bincount(labels)), kind="stable")[:6])
    expected = Features.of(*index.texts_of(best), index.n_texts)
    assert (features.presence != expected.presence).nnz == 0


@pytest.mark.parametrize("n_classes", [2, 3])
def test_a_text_of_weight_two_is_the_text_twice(n_classes: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Index, teacher, prices, selection, vectors. The second copies stand where they fall into the teacher's folds."""
    monkeypatch.setattr(ngram_selection, "_TEACHER_WEIGHTS", 1500)
    texts = texts_with({label: (5, label, 5) for label in range(n_classes)}, n=200, n_classes=n_classes)
    again = np.flatnonzero((np.arange(200) // 2) % 3 == 0)  # in pairs, so that an even number of texts goes before
    weights = np.ones(200)
    weights[again] = 2.0
    rows = np.concatenate([np.arange(200), again])
    weighted = TrainingTexts(texts.codes, texts.labels, n_classes, weights=weights)
    D = 1 if n_classes == 2 else n_classes
    edits = []
    for some in (weighted, TrainingTexts(texts.codes[rows], texts.labels[rows], n_classes), texts):
        rule = rule_of(some, 8, D, min_texts=1)
        one_hot = np.eye(n_classes)[some.labels]
        g = torch.from_numpy(np.eye(n_classes)[texts.labels[rows]].mean(0) - one_hot)[:, -D:].float()
        if some is weighted:
            g = g * torch.from_numpy(weights)[:, None].float()
        vocabulary = vocabulary_of(*[(i % 5, i // 5) for i in range(8)])
        observe(rule, vocabulary, some, np.arange(len(some)), g / len(g), DUE)
        edit = rule.edit(DUE, vocabulary, torch.ones(8, D), torch.eye(D))
        assert edit is not None
        edits.append(
            dict(zip(map(tuple, edit.codes.tolist()), zip(edit.embedding, edit.scores, strict=True), strict=True))
        )
    found, expected, unweighted = edits
    assert found.keys() == expected.keys() != unweighted.keys()
    for ngram, (vector, score) in found.items():
        torch.testing.assert_close(vector, expected[ngram][0], atol=0.02, rtol=0.02)
        torch.testing.assert_close(score, expected[ngram][1])

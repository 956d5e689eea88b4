"""The hashing pass against a dictionary of all n-grams."""

import numpy as np
import pytest
import torch
from torch import Tensor

from tokenlayer.rules import ngram_scores
from tokenlayer.rules.ngram_scores import NgramScores

C, L, K = 5, 24, 6
LENGTHS = [1, 3, 4, 6]


def random_codes(B: int, seed: int = 0, L: int = L) -> Tensor:
    """Texts that repeat themselves, padding behind them, and holes within."""
    random = np.random.default_rng(seed)
    codes = np.full((B, L), C)
    for row in codes:
        length = int(random.integers(2, L + 1))
        row[:length] = np.resize(random.integers(0, C, int(random.integers(2, 9))), length)
        row[random.random(L) < 0.06] = C
    return torch.from_numpy(codes)


def by_dictionary(
    codes: Tensor, g: Tensor, binary_features: bool, part: int = 0, n_parts: int = 1
) -> dict[tuple[int, ...], list[Tensor]]:
    """For each n-gram its S_b in a part of the texts, text by text."""
    found: dict[tuple[int, ...], list[Tensor]] = {}
    for row, gradient in zip(codes.tolist(), g, strict=True):
        of_text: dict[tuple[int, ...], Tensor] = {}
        for length in LENGTHS:
            for t in range(len(row) - K + 1):
                ngram = tuple(row[t : t + length])
                if C in ngram or t * n_parts // len(row) != part:
                    continue
                here = (gradient if gradient.dim() == 1 else gradient[t * len(gradient) // len(row)]).double()
                if binary_features:
                    of_text[ngram] = here  # the same at each place, or that of the last
                else:
                    of_text[ngram] = of_text.get(ngram, torch.zeros_like(here)) + here
        for ngram, total in of_text.items():
            found.setdefault(ngram, []).append(total)
    return found


def scores_of(
    D: int, memory_mb: int = 4, n_kept: int = 64, L: int = L, lengths: list[int] = LENGTHS, n_parts: int = 1
) -> NgramScores:
    return NgramScores(C, D, lengths, K, L, memory_mb, n_kept, n_parts)


def read_off(table: NgramScores) -> dict[tuple[int, ...], tuple[Tensor, Tensor]]:
    """S and V of each n-gram that the table knows."""
    slots = (table.where > 0).nonzero()[:, 0]
    codes, known = table.ngrams(slots)
    assert known.all()
    ngrams = [tuple(code for code in row if code >= 0) for row in codes.tolist()]
    assert len(set(ngrams)) == len(ngrams)
    S, V = table.sums.chunk(2, 1)
    return {ngram: (S[s], V[s]) for ngram, s in zip(ngrams, slots.tolist(), strict=True)}


@pytest.mark.parametrize("D", [1, 3])
@pytest.mark.parametrize("parts", [None, L, 5, 1])
@pytest.mark.parametrize("binary_features", [True, False])
def test_sums_of_every_ngram(D: int, parts: int | None, binary_features: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ngram_scores, "_LOCAL_SLOTS", 4096)  # no n-gram keeps another from being counted
    table = scores_of(D)
    expected: dict[tuple[int, ...], list[Tensor]] = {}
    for step in range(3):
        codes = random_codes(9, step)
        g = torch.randn((9, D) if parts is None else (9, parts, D))
        table.add(codes.to(torch.uint8), g, binary_features=binary_features)
        for ngram, sums in by_dictionary(codes, g, binary_features).items():
            expected.setdefault(ngram, []).extend(sums)
    assert int(table.n_passed_over) == 0
    found = read_off(table)
    assert set(found) == set(expected)
    scores = table.scores()
    slot_of = dict(zip(found, (table.where > 0).nonzero()[:, 0].tolist(), strict=True))
    for ngram, sums in expected.items():
        S, V = torch.stack(sums).sum(0), torch.stack(sums).square().sum(0)
        torch.testing.assert_close(found[ngram][0].double(), S, atol=1e-5, rtol=1e-5)
        torch.testing.assert_close(found[ngram][1].double(), V, atol=1e-5, rtol=1e-5)
        assert float(scores[slot_of[ngram]]) == pytest.approx(float((S**2 / V).sum()), rel=1e-3, abs=1e-5)
    assert int((scores > 0).sum()) == len(expected)


@pytest.mark.parametrize("n_parts", [3, 5, L])
@pytest.mark.parametrize("binary_features", [True, False])
def test_each_part_is_summed_up_as_if_it_were_a_text(
    n_parts: int, binary_features: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ngram_scores, "_LOCAL_SLOTS", 4096)
    codes, g = random_codes(9), torch.randn(9, 4, 2)
    table = scores_of(2, memory_mb=16, n_parts=n_parts)
    table.add(codes, g, binary_features=binary_features)
    found = {ngram: (S.view(n_parts, 2), V.view(n_parts, 2)) for ngram, (S, V) in read_off(table).items()}
    by_part = [by_dictionary(codes, g, binary_features, part, n_parts) for part in range(n_parts)]
    assert set(found) == set().union(*by_part)
    scores, slots = table.scores(), dict(zip(found, (table.where > 0).nonzero()[:, 0].tolist(), strict=True))
    for ngram, (S, V) in found.items():
        score = 0.0
        for part, sums in enumerate(by_part):
            of_texts = torch.stack(sums.get(ngram, [torch.zeros(2).double()]))
            torch.testing.assert_close(S[part].double(), of_texts.sum(0), atol=1e-5, rtol=1e-5)
            torch.testing.assert_close(V[part].double(), of_texts.square().sum(0), atol=1e-5, rtol=1e-5)
            score += float((of_texts.sum(0) ** 2 / of_texts.square().sum(0).clamp(min=1e-30)).sum())
        assert float(scores[slots[ngram]]) == pytest.approx(score, rel=1e-3, abs=1e-5)


@pytest.mark.parametrize("n_parts", [1, 4])
@pytest.mark.parametrize("local_slots", [8, 1])
@pytest.mark.parametrize("gradient", [(9, 2), (9, L, 2), (9, 5, 2)])
@pytest.mark.parametrize("binary_features", [True, False])
def test_tensors_add_what_the_compiled_pass_adds(
    gradient: tuple[int, ...],
    binary_features: bool,
    local_slots: int,
    n_parts: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The first is the pass on a GPU; it runs on a CPU as well."""
    monkeypatch.setattr(ngram_scores, "_LOCAL_SLOTS", local_slots)
    tables = [scores_of(2, memory_mb=1, n_parts=n_parts) for _ in range(2)]
    monkeypatch.setattr(tables[1], "_add_compiled", tables[1]._add_tensors)
    for step in range(3):
        g = torch.randn(gradient)
        for table in tables:
            table.add(random_codes(9, step), g, binary_features=binary_features)
    compiled, tensors = (table.state_dict() for table in tables)
    for name, value in tensors.items():
        torch.testing.assert_close(compiled[name], value, msg=name)
    assert int(compiled["n_passed_over"]) > 0 or local_slots == 8


def test_presence_takes_a_ngram_once_however_often_it_occurs() -> None:
    codes = torch.zeros(1, L, dtype=torch.int64)
    table = scores_of(1)
    table.add(codes, torch.tensor([[2.0]]), binary_features=True)
    assert sorted(table.sums[table.where > 0].tolist()) == [[2.0, 4.0]] * len(LENGTHS)
    counted = scores_of(1)
    counted.add(codes, torch.tensor([[2.0]]), binary_features=False)
    T = L - K + 1
    assert sorted(counted.sums[counted.where > 0].tolist()) == [[2.0 * T, 4.0 * T * T]] * len(LENGTHS)


@pytest.mark.parametrize("codes", [torch.full((3, L), C), torch.zeros((3, K - 1), dtype=torch.int64)])
def test_texts_without_ngrams(codes: Tensor) -> None:
    table = scores_of(1, L=codes.shape[1])
    table.add(codes, torch.ones(3, 1), binary_features=True)
    assert not table.where.any()
    assert not table.scores().any()
    assert (table.load, table.passed_over) == (0, 0)


@pytest.mark.parametrize("memory_mb", [1, 2, 5, 32])
@pytest.mark.parametrize("D", [1, 4])
def test_memory_is_bounded(memory_mb: int, D: int) -> None:
    table = scores_of(D, memory_mb)
    size = sum(t.numel() * t.element_size() for t in (table.sums, table.where))
    assert memory_mb / 2 < size / 2**20 <= memory_mb
    before = {name: tuple(value.shape) for name, value in table.state_dict().items()}
    for step in range(4):
        table.add(random_codes(40, step), torch.randn(40, D), binary_features=True)
    assert {name: tuple(value.shape) for name, value in table.state_dict().items()} == before


def test_ngrams_that_share_a_slot_add_up_and_are_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ngram_scores, "_LOCAL_SLOTS", 4096)
    torch.manual_seed(1)
    table = scores_of(1, lengths=[6])
    table.bits, table.sums, table.where = 4, table.sums[:16].clone(), table.where[:16].clone()
    codes = torch.randint(0, C, (20, L))
    g = torch.randn(20, 1)
    table.add(codes, g, binary_features=True)
    assert int(table.n_passed_over) == 0
    assert table.load == 1
    exact = sum(torch.stack(v).sum(0) for ngram, v in by_dictionary(codes, g, True).items() if len(ngram) == 6)
    torch.testing.assert_close(table.sums[:, :1].double().sum(0), exact, atol=1e-4, rtol=1e-4)


def test_what_another_ngram_keeps_from_being_counted_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ngram_scores, "_LOCAL_SLOTS", 1)
    table = scores_of(1, lengths=[4])
    codes = torch.randint(0, C, (30, L))
    table.add(codes, torch.ones(30, 1), binary_features=False)
    T = L - K + 1
    counted = float(table.sums[:, 0].sum())
    assert int(table.n_windows) == 30 * T
    assert counted == 30 * T - int(table.n_passed_over)
    assert 0.05 < table.passed_over < 0.5


def test_at_the_size_that_is_used_few_are_passed_over() -> None:
    table = NgramScores(30, 1, [5], 13, 500, 8, 8)
    table.add(torch.randint(0, 30, (8, 500)), torch.ones(8, 1), binary_features=True)
    assert 0 < table.passed_over < 0.1


def test_ngrams_of_texts_that_are_forgotten_are_not_known() -> None:
    table = scores_of(1, n_kept=4, lengths=[3])
    old, new = torch.zeros(3, L, dtype=torch.int64), torch.ones(3, L, dtype=torch.int64)
    table.add(old, torch.ones(3, 1), binary_features=True)
    table.add(new, torch.ones(3, 1), binary_features=True)
    slots = (table.where > 0).nonzero()[:, 0]
    codes, known = table.ngrams(slots)
    assert sorted(zip(codes[:, 0].tolist(), known.tolist(), strict=True)) == [(0, True), (1, True)]
    table.add(torch.full((3, L), 2), torch.ones(3, 1), binary_features=True)
    codes, known = table.ngrams(slots)
    assert int(known.sum()) == 1
    assert codes[known].tolist() == [[1, 1, 1, -1, -1, -1]]


def test_a_slot_that_nothing_fell_in_is_not_known() -> None:
    table = scores_of(1)
    table.add(random_codes(4), torch.ones(4, 1), binary_features=True)
    assert not table.ngrams((table.where == 0).nonzero()[:5, 0])[1].any()


def test_faded_by_half_the_scores_are_half() -> None:
    table = scores_of(2)
    table.add(random_codes(20), torch.randn(20, 2), binary_features=False)
    before = table.scores()
    table.fade(0.5)
    torch.testing.assert_close(table.scores(), before / 2)
    assert (int(table.n_windows), int(table.n_passed_over)) == (0, 0)


def test_the_same_pass_gives_the_same_bits() -> None:
    codes, g = random_codes(40), torch.randn(40, L, 2)
    tables = [scores_of(2), scores_of(2)]
    for table in tables:
        for part in (slice(0, 25), slice(25, 40)):
            table.add(codes[part], g[part], binary_features=False)
    for name, value in tables[0].state_dict().items():
        assert torch.equal(tables[1].state_dict()[name], value), name


def test_its_state_is_all_that_it_goes_on_from() -> None:
    whole, first = scores_of(1), scores_of(1)
    some, rest = random_codes(20, 1), random_codes(20, 2)
    g = torch.randn(40, 1)
    whole.add(some, g[:20], binary_features=True)
    first.add(some, g[:20], binary_features=True)
    second = scores_of(1)
    second.load_state_dict(first.state_dict())
    for table in (whole, second):
        table.add(rest, g[20:], binary_features=True)
    for name, value in whole.state_dict().items():
        assert torch.equal(second.state_dict()[name], value), name
    assert torch.equal(second.ngrams(torch.arange(100))[0], whole.ngrams(torch.arange(100))[0])


def test_an_irrelevant_ngram_scores_like_chi_square() -> None:
    """The gradients have nothing to do with the texts: mean 1, variance 2, and the quantiles of χ² with one degree."""
    table = scores_of(1, memory_mb=16, lengths=[4], n_kept=8)
    for step in range(40):
        torch.manual_seed(step)
        table.add(torch.randint(0, C, (64, L)), torch.randn(64, 1), binary_features=True)
    scores = table.scores()[table.where > 0].double()
    assert len(scores) == C**4
    assert float(scores.mean()) == pytest.approx(1, abs=0.15)
    assert float(scores.var()) == pytest.approx(2, abs=0.7)
    assert float((scores > 3.84).double().mean()) == pytest.approx(0.05, abs=0.025)
    assert float((scores > 0.455).double().mean()) == pytest.approx(0.5, abs=0.06)


def test_several_dimensions_add_their_degrees_of_freedom() -> None:
    table = scores_of(3, memory_mb=16, lengths=[4], n_kept=8)
    for step in range(40):
        torch.manual_seed(step)
        table.add(torch.randint(0, C, (64, L)), torch.randn(64, 3), binary_features=False)
    assert float(table.scores()[table.where > 0].mean()) == pytest.approx(3, abs=0.3)


@pytest.mark.parametrize("length", [3, 6])
def test_ngrams_fall_into_slots_like_balls_into_bins(length: int) -> None:
    table = NgramScores(30, 1, [length], 6, 500, 1, 8)
    codes = torch.randint(0, 30, (100, 500))
    table.add(codes, torch.ones(100, 1), binary_features=True)
    n_ngrams = len(codes.unfold(1, length, 1)[:, : 500 - 5].reshape(-1, length).unique(dim=0))
    n_slots = len(table.where)
    assert n_ngrams > n_slots / 4
    assert table.load == pytest.approx(1 - np.exp(-(1 - table.passed_over) * n_ngrams / n_slots), abs=0.02)

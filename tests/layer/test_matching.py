import dense_oracle as oracle
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from layer_cases import ALPHABET_SIZES, cases, make_case

from tokenlayer.layer.matching import Matches, PatternIndex, match
from tokenlayer.layer.vocabulary import Vocabulary
from tokenlayer.original.patterns import discretise
from tokenlayer.text.alphabet import BLANK, Alphabet

ABC = Alphabet("abc ")


def places(text, *patterns, length=None):
    """Where hand-written patterns (`█` a blank) occur in one text, as (position, pattern) pairs."""
    codes = torch.tensor([[BLANK if sign == "█" else ABC.symbols.index(sign) for sign in p] for p in patterns])
    text = torch.tensor(ABC.encode(text.ljust(length or 0, "~")).astype(np.int64))[None]
    found = match(text, Vocabulary(codes), ABC.size)
    return [(int(t), patterns[n]) for t, n in zip(found.position, found.token_id, strict=True)]


def test_the_first_match_of_each_token_in_each_text_is_kept():
    """Of more texts than tokens: no text may be mistaken for a token."""
    draw = torch.Generator().manual_seed(0)
    B, N, L = 40, 3, 6
    dense = torch.rand((B, L, N), generator=draw) < 0.4
    text, position, token_id = dense.nonzero().T
    matches = Matches(text, position, token_id, (B, N, L))
    kept = matches.distinct()
    assert torch.equal(text[matches._first_of_each()], kept.text), "tensors, as on a GPU, find others"
    assert torch.equal(position[matches._first_of_each()], kept.position)
    expected: dict[tuple[int, int], int] = {}
    for t, at, n in dense.nonzero().tolist():
        expected.setdefault((t, n), at)
    found = list(zip(kept.text.tolist(), kept.position.tolist(), kept.token_id.tolist(), strict=True))
    assert found == sorted((t, at, n) for (t, n), at in expected.items())


def test_a_ngram_occurs_wherever_it_is_written_overlaps_included():
    assert places("aaab", "aa", "ab") == [(0, "aa"), (1, "aa"), (2, "ab")]


def test_a_blank_accepts_any_character_and_padding():
    assert places("ab", "b█", "█b", "a█", length=3) == [(0, "█b"), (0, "a█"), (1, "b█")]


def test_padding_is_no_character_of_the_alphabet():
    assert places("  a", "  ", length=6) == [(0, "  ")]


def test_blanks_alone_occur_at_every_position_of_the_padded_text_though_no_window_begins_there():
    assert places("ab", "███", length=4) == [(t, "███") for t in range(4)]


def test_a_text_shorter_than_the_patterns_holds_only_blanks():
    assert places("ab", "ab███", "█████") == [(0, "█████"), (1, "█████")]


@given(cases())
@settings(max_examples=150, deadline=None)
def test_matches_are_the_dense_ones(case):
    codes, P, _, _ = case.tensors()
    found = match(codes, discretise(P), case.C)
    dense = oracle.matches(case.P, oracle.one_hot(case.codes, case.C))
    assert found.shape == dense.shape
    np.testing.assert_array_equal(found.dense(torch.float64).numpy(), dense)
    np.testing.assert_array_equal(found.counts().numpy(), dense.sum((0, 2)))


@given(cases())
@settings(max_examples=50, deadline=None)
def test_matches_come_once_each_by_text_then_position_then_token(case):
    codes, P, _, _ = case.tensors()
    found = match(codes, discretise(P), case.C)
    rank = found.flat * case.P.shape[2] + found.token_id
    assert (rank.diff() > 0).all()


@given(cases())
@settings(max_examples=100, deadline=None)
def test_tensors_find_what_the_walk_finds(case):
    codes, P, _, _ = case.tensors()
    index = PatternIndex(discretise(P), case.C)
    if codes.shape[1] >= P.shape[1]:
        for walked, by_tensors in zip(index._walked(codes), index._by_tensors(codes), strict=True):
            assert walked.dtype == by_tensors.dtype
            assert walked.tolist() == by_tensors.tolist()


def test_a_walk_whose_matches_need_more_room_than_usual():
    codes = torch.zeros(3, 2000, dtype=torch.int64)
    index = PatternIndex(Vocabulary(torch.tensor([[0, 0], [0, BLANK]])), 2)
    found = index._walked(codes)
    assert len(found[0]) == 3 * 1999 * 2 > codes.numel() // 16 + 1024
    for walked, by_tensors in zip(found, index._by_tensors(codes), strict=True):
        assert torch.equal(walked, by_tensors)


@pytest.mark.parametrize("code", [-1, 3, 1 << 40])
@pytest.mark.parametrize("place", [0, 1, 9])
def test_a_code_that_is_none_is_an_error(code, place):
    codes = torch.ones(2, 10, dtype=torch.int64)
    codes[1, place] = code
    with pytest.raises(IndexError, match=r"a code is not in 0\.\.2"):
        match(codes, Vocabulary(torch.tensor([[1, 1]])), 2)


@pytest.mark.parametrize("C", ALPHABET_SIZES)
def test_alphabets_of_every_size_give_matches_to_compare(C):
    """The property tests above hold nothing if their cases hold no matches of patterns with characters."""
    case = make_case(B=4, L=20, C=C, K=3, N=40, D=1, seed=C)
    codes, P, _, _ = case.tensors()
    vocabulary = discretise(P)
    found = match(codes, vocabulary, C)
    assert (~vocabulary.all_blank[found.token_id]).sum() > 20
    np.testing.assert_array_equal(
        found.dense(torch.float64).numpy(), oracle.matches(case.P, oracle.one_hot(case.codes, C))
    )


@pytest.mark.parametrize(("C", "K"), [(1, 20), (2, 20), (3, 17)])
def test_patterns_longer_than_the_prefix_of_a_small_alphabet(C, K):
    case = make_case(B=3, L=2 * K, C=C, K=K, N=70, D=1, seed=K)
    codes, P, _, _ = case.tensors()
    dense = oracle.matches(case.P, oracle.one_hot(case.codes, C))
    np.testing.assert_array_equal(match(codes, discretise(P), C).dense(torch.float64).numpy(), dense)


@pytest.mark.parametrize("dtype", [torch.uint8, torch.int16, torch.int32, torch.int64])
def test_codes_of_any_integer_type(dtype):
    case = make_case(B=3, L=15, C=30, K=3, N=20, D=1, seed=5)
    codes, P, _, _ = case.tensors()
    vocabulary = discretise(P)
    found, expected = match(codes.to(dtype), vocabulary, 30), match(codes, vocabulary, 30)
    assert len(expected) > 0
    assert torch.equal(found.dense(), expected.dense())


@pytest.mark.parametrize("cells_at_once", [1, 1 << 22])
def test_thousands_of_characters(cells_at_once, monkeypatch):
    """One character at a time in the index's table; made in pieces or at once."""
    monkeypatch.setattr("tokenlayer.layer.matching._CELLS_AT_ONCE", cells_at_once)
    C, N, K = 3000, 130, 4
    generator = torch.Generator().manual_seed(0)
    text = torch.randint(C + 1, (3, 60), generator=generator)
    patterns = torch.randint(C, (N, K), generator=generator)
    for n in range(0, N, 2):  # every other one is in the text
        patterns[n] = text[n % 3, n % 50 : n % 50 + K]
    patterns[patterns == C] = BLANK
    patterns[::3, 2:] = BLANK
    patterns[::7, 0] = BLANK
    windows = text.unfold(1, K, 1)[:, :, None]  # (B, T, 1, K)
    expected = ((windows == patterns) | (patterns == BLANK)).all(3)
    found = match(text, Vocabulary(patterns), C)
    at = torch.stack([found.text, found.position, found.token_id], dim=1)
    inside = at[at[:, 1] < expected.shape[1]]
    assert torch.equal(inside, expected.nonzero())
    assert len(inside) >= N // 2

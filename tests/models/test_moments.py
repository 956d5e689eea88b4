"""Moments of tensors, and of the dense matches that are never made."""

import math

import dense_oracle as oracle
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from layer_cases import cases

from tokenlayer.layer.matching import Matches, match
from tokenlayer.models.moments import _sum_of_squares, _sums_of_squares, held, lasting, match_moments, measured, moments
from tokenlayer.original.patterns import discretise


@pytest.mark.parametrize("offset", [0, 1e4])
def test_moments_of_a_tensor(offset):
    x = np.random.default_rng(0).normal(offset, 3, (4, 5, 6))
    np.testing.assert_allclose([float(m) for m in moments(torch.tensor(x))], [x.mean(), x.std()], rtol=1e-9)


def numbers(found):
    """The mean and the deviation of each name at the only step."""
    return {name: tuple(moments_of_it[0]) for name, moments_of_it in found.items()}


@pytest.mark.parametrize("passing", [True, False])
@pytest.mark.parametrize("offset", [0, 1e4])
def test_small_and_large_tensors_are_measured_together(offset, passing):
    rng = np.random.default_rng(0)
    arrays = {str(size): rng.normal(offset, 3, size) for size in (1, 7, 8192, 8193, 2, 20_000)}
    tensors = {name: torch.tensor(x) for name, x in arrays.items()}
    tensors |= {"half": tensors["7"].to(torch.bfloat16), "transposed": torch.tensor(rng.normal(size=(3, 5))).T}
    known = {"known": (torch.tensor(1.5), torch.tensor(2.5))}
    given = {name: x.clone().requires_grad_() if name == "7" else x for name, x in tensors.items()}
    found = numbers(
        measured([held(given.items(), known=known) if passing else held((), lasting(given.items()), known)])
    )
    assert list(found) == ["known", *tensors]
    assert found["known"] == (1.5, 2.5)
    for name, x in tensors.items():
        exact = 1e-9 if x.dtype == torch.float64 else 1e-2
        np.testing.assert_allclose(found[name], [float(m) for m in moments(x)], rtol=exact)
    assert measured([held()]) == {}
    found = numbers(measured([held([("empty", torch.zeros(0))])]))
    assert math.isnan(found["empty"][0])


def test_tensors_told_apart_show_what_they_hold_later():
    """Large, small and not contiguous ones."""
    tensors = {"large": torch.zeros(8193), "small": torch.zeros(2, 3), "transposed": torch.zeros(2, 3).T}
    told_apart = lasting(tensors.items())
    for n in (1.0, 2.0):
        for x in tensors.values():
            x.fill_(n)
        assert numbers(measured([held(changing=told_apart)])) == dict.fromkeys(tensors, (n, 0.0))


def test_what_is_kept_of_a_view_is_no_more_than_it_shows():
    whole = torch.zeros(1000)
    (kept,) = held([("few", whole[:3])]).small
    assert kept.untyped_storage().nbytes() == 3 * 4
    (kept,) = held([("all", whole)]).small
    assert kept.data_ptr() == whole.data_ptr(), "no copy"


@given(
    st.lists(st.sampled_from([1, 2, 3, 8192, 8193]), max_size=4),
    st.integers(0, 4),
    st.integers(1, 4),
    st.booleans(),
)
@settings(max_examples=30, deadline=None)
def test_many_moments_are_measured_as_each_by_itself(sizes, n_passing, n_steps, with_matches):
    """What the changing tensors hold later makes no difference."""
    rng = np.random.default_rng(len(sizes))
    known = [{"matches": random_matches(rng, n)} if with_matches else {} for n in range(n_steps)]
    steps = [[(f"t{i}", torch.tensor(rng.normal(size=n))) for i, n in enumerate(sizes)] for _ in known]
    together = [
        held(step[:n_passing], lasting(step[n_passing:]), matches) for step, matches in zip(steps, known, strict=True)
    ]
    alone = [numbers(measured([each])) for each in together]
    for step, row, matches in zip(steps, alone, known, strict=True):
        assert list(row) == [*matches, *(name for name, _ in step)]
        for name, x in step:
            np.testing.assert_allclose(row[name], (float(x.mean()), float(x.std(correction=0))), rtol=1e-9, atol=1e-12)
        for _, x in step[n_passing:]:
            x.fill_(7)
    assert len({each.kind for each in together}) == 1
    found = measured(together)
    assert [{name: tuple(moments_of_it[i]) for name, moments_of_it in found.items()} for i in range(n_steps)] == alone


def random_matches(rng, n):
    return Matches(*(torch.tensor(rng.integers(0, 2, n)) for _ in range(3)), (2, 2, 2 + n))


def test_steps_of_other_tensors_are_of_another_kind():
    of_three, of_two = torch.zeros(3), torch.zeros(2)
    kinds = [held(x.items()).kind for x in ({"a": of_three}, {"a": of_two}, {"b": of_two}, {"a": torch.zeros(1)})]
    assert kinds[0] == kinds[1]
    assert len(set(kinds)) == 3
    large = held({"a": torch.zeros(8193)}.items())
    assert large.kind not in kinds


@given(cases())
@settings(max_examples=80, deadline=None)
def test_moments_of_matches_are_those_of_the_dense_output(case):
    codes, P, _, _ = case.tensors()
    (found,) = match_moments([match(codes, discretise(P), case.C)])
    dense = oracle.matches(case.P, oracle.one_hot(case.codes, case.C))
    # A variance by difference of squares loses what is 1e-8 of the numbers' size.
    np.testing.assert_allclose([float(m) for m in found], oracle.moments(dense), rtol=1e-9, atol=1e-7)


@given(
    st.lists(
        st.tuples(st.lists(st.tuples(st.integers(0, 6), st.integers(0, 3)), max_size=60), st.integers(4, 10**9)),
        min_size=1,
        max_size=4,
    )
)
@settings(max_examples=100, deadline=None)
def test_equal_pairs_are_counted_step_by_step(steps):
    given, expected = [], []
    for pairs, width in steps:
        token, position = torch.tensor(pairs, dtype=torch.int64).reshape(-1, 2).T
        given.append(Matches(torch.zeros_like(token), position, token, (1, 7, width)))
        _, counts = torch.unique(token * width + position, return_counts=True)
        expected.append(int(counts.square().sum()))
    assert _sums_of_squares(given) == expected
    assert [float(_sum_of_squares(matches)) for matches in given] == expected, "as on a GPU"

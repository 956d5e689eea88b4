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
from tokenlayer.models.moments import _sum_of_squares, held, match_moments, measured, moments
from tokenlayer.original.patterns import discretise


@pytest.mark.parametrize("offset", [0, 1e4])
def test_moments_of_a_tensor(offset):
    x = np.random.default_rng(0).normal(offset, 3, (4, 5, 6))
    np.testing.assert_allclose([float(m) for m in moments(torch.tensor(x))], [x.mean(), x.std()], rtol=1e-9)


@pytest.mark.parametrize("offset", [0, 1e4])
def test_small_and_large_tensors_are_measured_together(offset):
    rng = np.random.default_rng(0)
    arrays = {str(size): rng.normal(offset, 3, size) for size in (1, 7, 8192, 8193, 2, 20_000)}
    tensors = {name: torch.tensor(x) for name, x in arrays.items()}
    tensors |= {"half": tensors["7"].to(torch.bfloat16), "transposed": torch.tensor(rng.normal(size=(3, 5))).T}
    known = {"known": (torch.tensor(1.5), torch.tensor(2.5))}
    given = {name: x.clone().requires_grad_() if name == "7" else x for name, x in tensors.items()}
    (found,) = measured([held(given.items(), known)])
    assert list(found) == ["known", *tensors]
    assert found["known"] == (1.5, 2.5)
    for name, x in tensors.items():
        exact = 1e-9 if x.dtype == torch.float64 else 1e-2
        np.testing.assert_allclose(found[name], [float(m) for m in moments(x)], rtol=exact)
    assert measured([]) == []
    assert measured([held([])]) == [{}]
    (row,) = measured([held([("empty", torch.zeros(0))])])
    assert math.isnan(row["empty"][0])


@given(st.lists(st.lists(st.sampled_from([1, 2, 3, 8192, 8193]), min_size=3, max_size=3), max_size=4), st.booleans())
@settings(max_examples=30, deadline=None)
def test_many_moments_are_measured_as_each_by_itself(sizes, with_matches):
    """Tensors of a name may be small at one step and large at another; what they hold later makes no difference."""
    rng = np.random.default_rng(len(sizes))
    matches = Matches(*(torch.tensor(rng.integers(0, 2, 5)) for _ in range(3)), (2, 2, 2))
    known = {"matches": matches} if with_matches else {}
    steps = [{f"t{i}": torch.tensor(rng.normal(size=n)) for i, n in enumerate(step)} for step in sizes]
    together = [held(step.items(), known) for step in steps]
    alone = [measured([held(step.items(), known)])[0] for step in steps]
    expected = [{name: (float(x.mean()), float(x.std(correction=0))) for name, x in step.items()} for step in steps]
    for step in steps:
        for x in step.values():
            x.fill_(7)
    assert measured(together) == alone
    for row, right in zip(alone, expected, strict=True):
        assert list(row) == [*known, *right]
        for name, moments_of_it in right.items():
            np.testing.assert_allclose(row[name], moments_of_it, rtol=1e-9, atol=1e-12)


@given(cases())
@settings(max_examples=80, deadline=None)
def test_moments_of_matches_are_those_of_the_dense_output(case):
    codes, P, _, _ = case.tensors()
    found = match_moments(match(codes, discretise(P), case.C))
    dense = oracle.matches(case.P, oracle.one_hot(case.codes, case.C))
    # A variance by difference of squares loses what is 1e-8 of the numbers' size.
    np.testing.assert_allclose([float(m) for m in found], oracle.moments(dense), rtol=1e-9, atol=1e-7)


@given(st.lists(st.tuples(st.integers(0, 6), st.integers(0, 3)), max_size=60), st.integers(4, 10**9))
@settings(max_examples=100, deadline=None)
def test_equal_pairs_are_counted(pairs, width):
    token, position = torch.tensor(pairs, dtype=torch.int64).reshape(-1, 2).T
    matches = Matches(torch.zeros_like(token), position, token, (1, 7, width))
    _, counts = torch.unique(token * width + position, return_counts=True)
    assert _sum_of_squares(matches) == int(counts.square().sum())

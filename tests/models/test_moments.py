"""Moments of tensors, and of the dense matches that are never made."""

import dense_oracle as oracle
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from layer_cases import cases

from tokenlayer.layer.matching import match
from tokenlayer.models.moments import match_moments, moments
from tokenlayer.original.patterns import discretise


@pytest.mark.parametrize("offset", [0, 1e4])
def test_moments_of_a_tensor(offset):
    x = np.random.default_rng(0).normal(offset, 3, (4, 5, 6))
    np.testing.assert_allclose([float(m) for m in moments(torch.tensor(x))], [x.mean(), x.std()], rtol=1e-9)


@given(cases())
@settings(max_examples=80, deadline=None)
def test_moments_of_matches_are_those_of_the_dense_output(case):
    codes, P, _, _ = case.tensors()
    found = match_moments(match(codes, discretise(P), case.C), torch.float64)
    dense = oracle.matches(case.P, oracle.one_hot(case.codes, case.C))
    # A variance by difference of squares loses what is 1e-8 of the numbers' size.
    np.testing.assert_allclose([float(m) for m in found], oracle.moments(dense), rtol=1e-9, atol=1e-7)

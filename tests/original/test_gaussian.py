import pytest
import torch

from tokenlayer.layer.vocabulary import discretise
from tokenlayer.original.gaussian import GaussianConfig, PatternsInitializerGaussian
from tokenlayer.text.alphabet import Alphabet


def test_weights_have_the_mean_and_spread_asked_for():
    patterns = PatternsInitializerGaussian(0.3, 0.05, generator=torch.Generator().manual_seed(0))((20, 10, 100))
    assert patterns.shape == (20, 10, 100)
    assert patterns.mean() == pytest.approx(0.3, abs=0.002)
    assert patterns.std() == pytest.approx(0.05, abs=0.002)
    assert patterns.dtype == torch.get_default_dtype()


def test_with_the_defaults_hardly_a_column_is_blank():
    patterns = PatternsInitializerGaussian(generator=torch.Generator().manual_seed(0))((30, 13, 500))
    assert (discretise(patterns).codes >= 0).all()


def test_the_configuration_needs_no_corpus_and_knows_the_alphabet():
    config = GaussianConfig(mean=0.4, stddev=0.1)
    assert config.wanted_corpus() is None
    assert config.default_token_length() == 13
    built = config.build(None, Alphabet("abc"), torch.Generator().manual_seed(5))
    assert built.n_characters == 3
    expected = PatternsInitializerGaussian(0.4, 0.1, generator=torch.Generator().manual_seed(5))
    torch.testing.assert_close(built((3, 2, 4)), expected((3, 2, 4)), rtol=0, atol=0)


def test_a_negative_spread_is_a_problem():
    assert [field for field, _ in GaussianConfig(stddev=-0.1).problems()] == ["stddev"]

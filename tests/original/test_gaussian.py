import pytest
import torch
from initializer_contexts import initializer_context

from tokenlayer.errors import InputError
from tokenlayer.layer.vocabulary import Vocabulary
from tokenlayer.layer.vocabulary_layer import VocabularyLayer
from tokenlayer.original.gaussian import GaussianConfig
from tokenlayer.original.gaussian_initializer import PatternsInitializerGaussian
from tokenlayer.original.layer import TokenizationLayer
from tokenlayer.original.patterns import discretise
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


def test_the_originals_layer_takes_over_the_patterns_and_any_other_their_tokens():
    config = GaussianConfig(mean=0.4, stddev=0.1)
    assert config.default_token_length() == 13
    expected = PatternsInitializerGaussian(0.4, 0.1, generator=torch.Generator().manual_seed(5))((3, 2, 4))

    original = TokenizationLayer(4, torch.zeros, 2, n_characters=3)
    config.fill(lambda: original, initializer_context(Alphabet("abc"), 4, 2, corpus="abcabc", seed=5))
    torch.testing.assert_close(original.patterns.detach(), expected, rtol=0, atol=0)

    layer = VocabularyLayer(Vocabulary.blank(4, 2), 3)
    config.fill(lambda: layer, initializer_context(Alphabet("abc"), 4, 2, corpus="abcabc", seed=5))
    assert torch.equal(layer.codes, discretise(expected).codes)
    assert torch.equal(
        config.build(initializer_context(Alphabet("abc"), 4, 2, corpus="abcabc", seed=5)).codes, layer.codes
    )


def test_a_tie_becomes_a_token_where_tokens_are_codes():
    """Equal weights for all characters, which as patterns match nowhere, decode to the first character."""
    config = GaussianConfig(mean=0.5, stddev=0)
    layer = VocabularyLayer(Vocabulary.blank(1, 2), 3)
    config.fill(lambda: layer, initializer_context(Alphabet("abc"), 1, 2, corpus="abcabc"))
    assert layer(torch.tensor([[0, 0, 1]])).matches.position.tolist() == [0]


def test_no_more_patterns_than_places():
    context = initializer_context(Alphabet("abc"), 10**10, 2, corpus="abcabc")
    with pytest.raises(InputError, match=r"model\.vocab_size=10000000000, but the training texts have 6 characters"):
        GaussianConfig().build(context)


def test_a_negative_spread_is_a_problem():
    assert [field for field, _ in GaussianConfig(stddev=-0.1).problems()] == ["stddev"]

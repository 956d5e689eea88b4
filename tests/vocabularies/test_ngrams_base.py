import numpy as np
import pytest
import torch

from tokenlayer.errors import InputError
from tokenlayer.layer.vocabulary import BLANK, discretise
from tokenlayer.original.gradients import sigma
from tokenlayer.text.alphabet import Alphabet
from tokenlayer.vocabularies.ngrams import PatternsInitializerNgrams, patterns_of


class Given(PatternsInitializerNgrams):
    remedy = "give more"

    def ngrams(self, K, N):
        return [np.array(ngram) for ngram in ([0, 2], [1], [BLANK, 0, 1])][:N]


def test_patterns_discretise_to_the_codes_they_are_made_of_if_they_have_to():
    codes = torch.randint(-1, 1000, (500, 6), generator=torch.Generator().manual_seed(0))
    vocabulary = discretise(patterns_of(codes, 1000, torch.Generator().manual_seed(1), exact=True))
    assert torch.equal(vocabulary.codes, codes)
    assert not vocabulary.never.any()
    as_the_original = discretise(patterns_of(codes, 1000, torch.Generator().manual_seed(1)))
    assert 0 < (as_the_original.codes != codes).sum() < 60


def test_weights_are_the_originals_and_a_blank_never_gets_a_gradient():
    codes = torch.full((400, 5), 2)
    codes[:, 3:] = BLANK
    patterns = patterns_of(codes, 4, torch.Generator().manual_seed(0))
    assert patterns.dtype == torch.get_default_dtype()
    assert patterns[2, :3].mean() == pytest.approx(0.75, abs=0.01)
    assert patterns[[0, 1, 3], :3].mean() == pytest.approx(0.25, abs=0.01)
    assert patterns[2, :3].std() == pytest.approx(0.08, abs=0.01)
    assert (sigma(patterns)[:, 3:] == 0).all()
    assert (sigma(patterns)[:, :3] > 0).any()


def test_the_code_for_no_character_becomes_a_random_one():
    patterns = patterns_of(torch.full((500, 1), 4), 4, torch.Generator().manual_seed(0))
    assert patterns.max() < 0.6
    assert set(discretise(patterns).codes.flatten().tolist()) == {0, 1, 2, 3}


def test_blanks_follow_a_ngram_and_the_generator_decides_the_weights_only():
    first = Given(Alphabet("abc"), torch.Generator().manual_seed(0))((3, 4, 3))
    again = Given(Alphabet("abc"), torch.Generator().manual_seed(0))((3, 4, 3))
    other = Given(Alphabet("abc"), torch.Generator().manual_seed(1))((3, 4, 3))
    assert discretise(first).decode(Alphabet("abc")) == ["ac██", "b███", "█ab█"]
    torch.testing.assert_close(first, again, rtol=0, atol=0)
    assert (first != other).any()
    assert torch.equal(discretise(first).codes, discretise(other).codes)


def test_fewer_ngrams_than_patterns():
    with pytest.raises(InputError, match=r"model\.vocab_size=4, but there are only 3 .*: give more"):
        Given(Alphabet("abc"))((3, 4, 4))


def test_another_alphabet_than_the_layers():
    with pytest.raises(InputError, match="patterns for 4 characters, but the alphabet has 3"):
        Given(Alphabet("abc"))((4, 4, 2))

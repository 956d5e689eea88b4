from collections import Counter

import numpy as np
import pytest
import torch
from initializer_contexts import initializer_context

from tokenlayer.errors import InputError
from tokenlayer.layer.vocabulary import Vocabulary
from tokenlayer.layer.vocabulary_layer import VocabularyLayer
from tokenlayer.original.gradients import sigma
from tokenlayer.original.layer import TokenizationLayer
from tokenlayer.original.max_cover import MaxCoverConfig
from tokenlayer.original.max_cover_initializer import PatternsInitializerMaxCover, PatternsInitilizerMaxCover
from tokenlayer.original.patterns import discretise
from tokenlayer.text.alphabet import Alphabet

CHARS = " abcdef"
TEXT = "abc abd fade bead cab dab face abc abd cabbed " * 9 + "a deaf cafe"


def make(gram_lens=(2, 3, 5), seed=0, text=TEXT, chars=CHARS, **settings):
    generator = torch.Generator().manual_seed(seed)
    return PatternsInitializerMaxCover(text, chars, gram_lens, generator=generator, **settings)


def decoded(patterns, chars=CHARS):
    return discretise(patterns).decode(Alphabet(chars))


def test_patterns_are_ngrams_of_the_text_that_occur_more_than_once():
    patterns = make((4,))((7, 4, 200))
    counts = Counter(TEXT[i : i + 4] for i in range(len(TEXT) - 3))
    assert {ngram for ngram in decoded(patterns) if counts[ngram] < 2} == set()
    assert "afe" not in "".join(decoded(patterns))  # of "cafe", at the end, once


def test_lengths_are_drawn_uniformly_and_a_short_ngram_stays_short_under_blank_padding():
    ngrams = [pattern.rstrip("█") for pattern in decoded(make(padding="blank")((7, 5, 6000)))]
    lengths = Counter(map(len, ngrams))
    assert lengths.keys() == {2, 3, 5}
    assert all(abs(count - 2000) < 200 for count in lengths.values())
    assert all(ngram in TEXT for ngram in ngrams)


def test_a_length_given_twice_is_drawn_twice_as_often():
    lengths = Counter(len(p.rstrip("█")) for p in decoded(make((2, 5, 5), padding="blank")((7, 5, 6000))))
    assert abs(lengths[5] - 4000) < 250


def test_under_noise_padding_a_short_ngram_goes_on_with_random_characters():
    patterns = decoded(make((2,))((7, 6, 500)))
    tails = Counter("".join(pattern[2:] for pattern in patterns))
    assert tails.keys() == set(CHARS)
    assert all(abs(count - 2000 / 7) < 100 for count in tails.values())


def test_the_ngrams_characters_are_high_and_all_else_is_low():
    patterns = make((5,))((7, 8, 400))
    ones = torch.zeros(7, 8, 400, dtype=torch.bool)
    first = patterns[:, :5].argmax(0)
    ones[:, :5] = first == torch.arange(7)[:, None, None]
    assert patterns[ones].mean() == pytest.approx(0.75, abs=0.01)
    assert patterns[~ones].mean() == pytest.approx(0.25, abs=0.01)
    for values in (patterns[ones], patterns[~ones]):
        assert values.std() == pytest.approx(0.08, abs=0.005)
    assert patterns.dtype == torch.get_default_dtype()


def test_a_blank_of_the_padding_never_gets_a_gradient():
    patterns = make((2,), padding="blank")((7, 4, 10))
    assert (patterns[:, 2:] == 0).all()
    assert (sigma(patterns)[:, 2:] == 0).all()
    assert (sigma(patterns)[:, :2] > 0).any()


def test_patterns_longer_than_the_longest_ngram_are_padded_further():
    assert all(p.endswith("█" * 4) for p in decoded(make((2, 3), padding="blank")((7, 7, 50))))


def test_a_character_outside_the_alphabet_stands_in_a_ngram_as_noise():
    patterns = make((3,), text="aéb" * 50, chars="ab")((2, 3, 300))
    assert patterns.max(0).values.min() < 0.5  # a column without a one
    assert {"aab", "abb"} <= set(decoded(patterns, "ab"))  # é became either


def test_an_unknown_character_is_a_category_like_others():
    assert set(decoded(make((3,), text="aéb" * 50, chars="ab<UNK>")((3, 3, 100)), "ab<UNK>")) == {
        "a\N{REPLACEMENT CHARACTER}b",
        "\N{REPLACEMENT CHARACTER}ba",
        "ba\N{REPLACEMENT CHARACTER}",
    }


def test_ngrams_run_across_joined_texts():
    assert "b a" in decoded(make((3,), text=" ".join(["ab"] * 30))((7, 3, 50)))


def test_codes_do_as_well_as_a_string():
    codes = Alphabet(CHARS).encode(TEXT)
    torch.testing.assert_close(make(text=codes)((7, 5, 40)), make()((7, 5, 40)), rtol=0, atol=0)


def test_the_generator_decides_and_goes_on():
    initializer = make()
    first, second = initializer((7, 5, 40)), initializer((7, 5, 40))
    torch.testing.assert_close(first, make()((7, 5, 40)), rtol=0, atol=0)
    assert (first != second).any()
    assert (first != make(seed=1)((7, 5, 40))).any()


@pytest.mark.parametrize("gram_lens", [(), (0, 3), (-1,)])
def test_lengths_that_cannot_be(gram_lens):
    with pytest.raises(InputError, match=r"gram_lens is .*at least 1"):
        make(gram_lens)


def test_a_corpus_shorter_than_the_longest_ngram():
    with pytest.raises(InputError, match=r"4 characters, fewer than the longest n-gram \(5\).*ngram_lengths"):
        make((2, 5), text="abcd")


def test_a_corpus_without_a_ngram_above_the_filter():
    with pytest.raises(InputError, match="no n-gram of 3 characters occurs more than 1 times"):
        make((3,), text="abcdef")((7, 3, 4))


def test_where_no_ngram_of_a_length_recurs_a_shorter_one_is_drawn():
    patterns = make((4,), text="abc dabe fcd", padding="blank")((7, 4, 9))
    assert set(decoded(patterns)) == {"ab██"}, "the only one of two characters that recurs"


def test_patterns_shorter_than_the_longest_ngram():
    with pytest.raises(InputError, match=r"tokens of 4 characters cannot hold n-grams of 5.*model\.max_token_length"):
        make((2, 5))((7, 4, 3))


def test_another_alphabet_than_the_layers():
    with pytest.raises(InputError, match="patterns for 9 characters, but the alphabet has 7"):
        make()((9, 5, 3))


def test_the_configuration_builds_what_it_says():
    config = MaxCoverConfig(ngram_lengths=[2, 4], filter_over=2, padding="blank")
    assert list(config.problems()) == []
    assert config.default_token_length() == 4
    expected = make((2, 4), filter_over=2, padding="blank")((7, 4, 30))
    original = TokenizationLayer(30, torch.zeros, 4, n_characters=7)
    config.fill(lambda: original, initializer_context(Alphabet(CHARS), 30, 4, corpus=TEXT))
    torch.testing.assert_close(original.patterns.detach(), expected, rtol=0, atol=0)
    assert torch.equal(
        config.build(initializer_context(Alphabet(CHARS), 30, 4, corpus=TEXT)).codes, discretise(expected).codes
    )


def test_only_as_much_of_the_corpus_is_read_as_the_configuration_says():
    config = MaxCoverConfig(ngram_lengths=[2], padding="blank")
    config.corpus.cap = 12
    layer = VocabularyLayer(Vocabulary.blank(2, 2), 7)
    config.fill(lambda: layer, initializer_context(Alphabet(CHARS), 2, 2, corpus="abababababab" + "cd" * 200))
    assert {token.strip("█") for token in layer.vocabulary().decode(Alphabet(CHARS))} <= {"ab", "ba"}


def test_no_more_patterns_than_different_ngrams():
    config = MaxCoverConfig(ngram_lengths=[2])
    context = initializer_context(Alphabet(CHARS), 1001, 2, corpus="abababab" * 300)
    with pytest.raises(InputError, match=r"model\.vocab_size=1001, but the corpus holds only 2 different n-grams"):
        config.build(context)


def test_the_originals_spelling_is_the_same_class():
    assert PatternsInitilizerMaxCover is PatternsInitializerMaxCover


def test_the_configuration_knows_wrong_values():
    config = MaxCoverConfig(ngram_lengths=[], filter_over=-1)
    assert [field for field, _ in config.problems()] == ["ngram_lengths", "filter_over"]
    assert config.min_token_length() == 1, "asked before the problems are reported"
    assert [field for field, _ in MaxCoverConfig(ngram_lengths=[3, 0]).problems()] == ["ngram_lengths"]
    config.corpus.cap = 0
    assert [field for field, _ in config.corpus.problems()] == ["cap"]


def test_a_corpus_in_memory_is_not_changed():
    codes = Alphabet(CHARS).encode(TEXT)
    before = codes.copy()
    make(text=codes)((7, 5, 40))
    np.testing.assert_array_equal(codes, before)

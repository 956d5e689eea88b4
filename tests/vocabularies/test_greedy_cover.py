import itertools
import math
import random

import numpy as np
import pytest
import torch
from initializer_contexts import decoded, initializer_context

from tokenlayer.errors import InputError
from tokenlayer.layer.matching import match
from tokenlayer.text.alphabet import BLANK, Alphabet
from tokenlayer.vocabularies.greedy_cover import GreedyCoverConfig, greedy_cover

CHARS = "abc "
ALPHABET = Alphabet(CHARS)


def chosen(text, ngram_lengths, n, filter_over=0):
    """N-grams of the greedy choice, as strings; `?` in the text is outside the alphabet."""
    ngrams = greedy_cover(ALPHABET.encode(text), ALPHABET.none_code, ngram_lengths, n, filter_over)
    return [ALPHABET.decode(ngram) for ngram in ngrams]


def built(text, N, K, **settings):
    return GreedyCoverConfig(**settings).build(initializer_context(ALPHABET, N, K, corpus=text))


def cover(text, ngram):
    """Positions of characters under an occurrence of the n-gram, found by Python's own string search."""
    starts = [i for i in range(len(text)) if text.startswith(ngram, i)]
    return {start + k for start in starts for k in range(len(ngram))}


def candidates(text, ngram_lengths, filter_over=0):
    """Position sets of all n-grams, by n-gram, in the order of equals: the shorter, then the earlier."""
    ngrams = dict.fromkeys(text[i : i + n] for n in sorted(ngram_lengths) for i in range(len(text) - n + 1))
    matcher = {g: sum(text.startswith(g, i) for i in range(len(text))) for g in ngrams}
    return {g: cover(text, g) for g in ngrams if matcher[g] > filter_over and "?" not in g}


def plain_greedy(text, ngram_lengths, n, filter_over=0):
    """The definition: every candidate's gain anew in every step."""
    sets, covered, choice = candidates(text, ngram_lengths, filter_over), set(), []
    for _ in range(n):
        ngram = max(sets, key=lambda g: len(sets[g] - covered), default=None)  # the first of equal ones
        if ngram is None or not sets[ngram] - covered:
            break
        covered |= sets[ngram]
        choice.append(ngram)
    return choice


def texts(count, shortest, longest, chars="aab c?"):
    draw = random.Random(0)
    return ["".join(draw.choices(chars, k=draw.randint(shortest, longest))) for _ in range(count)]


@pytest.mark.parametrize("filter_over", [0, 1, 2])
@pytest.mark.parametrize("ngram_lengths", [(2,), (1, 3), (2, 3, 5), (4, 2)])
def test_it_takes_what_the_definition_takes(ngram_lengths, filter_over):
    for text in texts(40, 6, 80):
        for n in (1, 4, 30):
            assert chosen(text, ngram_lengths, n, filter_over) == plain_greedy(text, ngram_lengths, n, filter_over), (
                text
            )


def test_a_longer_text_whose_rare_ngrams_are_looked_at_late():
    draw = random.Random(1)
    words = ["".join(draw.choices("abc", k=draw.randint(2, 6))) for _ in range(60)]
    text = " ".join(draw.choices(words, weights=[1 / (i + 1) for i in range(60)], k=900))
    assert chosen(text, (3, 5), 60, 1) == plain_greedy(text, (3, 5), 60, 1)


def test_its_cover_is_at_least_that_share_of_the_best():
    shares = []
    for text in texts(60, 8, 22, "aabbc"):
        sets = candidates(text, (2, 3))
        for n in (2, 3):
            best = max(len(set().union(*some)) for some in itertools.combinations(sets.values(), min(n, len(sets))))
            greedy = len(set().union(*(cover(text, ngram) for ngram in chosen(text, (2, 3), n))))
            assert greedy >= (1 - (1 - 1 / n) ** n) * best
            shares.append(greedy / best)
    assert min(shares) < 1, "no text tells greedy from best, and the test shows nothing"
    assert min(shares) >= 1 - 1 / math.e


def test_the_layer_matches_what_was_counted_as_covered():
    text = "abab aba cab abba baba " * 3
    vocabulary = built(text, 4, 5, ngram_lengths=[2, 3, 4])
    codes = torch.from_numpy(ALPHABET.encode(text + "     ")).long()[None]  # room for the blanks at the end
    matches = match(codes, vocabulary, 4)
    lengths = (vocabulary.codes != BLANK).sum(1)[matches.token_id]
    reached = {p + k for p, n in zip(matches.position.tolist(), lengths.tolist(), strict=True) for k in range(n)}
    ngrams = decoded(vocabulary.codes, ALPHABET)
    assert {p for p in reached if p < len(text)} == set().union(*(cover(text, ngram) for ngram in ngrams))
    assert ngrams == plain_greedy(text, (2, 3, 4), 4, 1)


def test_overlapping_occurrences_count_their_characters_once():
    # "aa" covers 5 characters in 4 occurrences, "bc" 6 in 3.
    assert chosen("aaaaa?bc?bc?bc", (2,), 2) == ["bc", "aa"]


def test_a_ngram_outside_the_alphabet_is_no_candidate():
    assert chosen("a?a?a?a?bc", (2,), 5) == ["bc"]
    assert chosen("????", (1,), 2) == []


def test_a_large_alphabet():
    alphabet = Alphabet("".join(map(chr, range(0x4E00, 0x4E00 + 3000))))
    text = "".join(random.Random(0).choices(alphabet.chars, k=3000)) + alphabet.chars[2990:2994] * 5
    (ngram,) = greedy_cover(alphabet.encode(text), alphabet.none_code, (4,), 1, 1)
    assert alphabet.decode(ngram) in alphabet.chars[2990:2994] * 2


def test_too_few_ngrams_to_choose_from():
    with pytest.raises(InputError, match=r"vocab_size=9.* only 1 .*lower model\.vocab_size"):
        built("abcabcabc", 9, 3, ngram_lengths=[3])


def test_lengths_that_do_not_fit():
    with pytest.raises(InputError, match=r"tokens of 4 characters cannot hold n-grams of 5.*model\.max_token_length"):
        built("abcabcabc", 1, 4, ngram_lengths=[2, 5])
    with pytest.raises(InputError, match=r"3 characters, fewer than the longest n-gram \(5\)"):
        built("abc", 1, 5, ngram_lengths=[2, 5])


def test_the_corpus_is_not_changed_and_may_be_read_only():
    codes = ALPHABET.encode("abc abc abc")
    codes.flags.writeable = False
    before = codes.copy()
    greedy_cover(codes, 4, (2, 3), 3)
    np.testing.assert_array_equal(codes, before)


def test_the_configuration_builds_what_it_says():
    config = GreedyCoverConfig(ngram_lengths=[2, 4], filter_over=0)
    assert list(config.problems()) == []
    assert config.default_token_length() == 4
    assert config.corpus.scope == "train"
    vocabulary = config.build(initializer_context(ALPHABET, 3, 4, corpus="abc abcab c"))
    assert decoded(vocabulary.codes, ALPHABET) == plain_greedy("abc abcab c", (2, 4), 3)
    config.corpus.cap = 6
    vocabulary = config.build(initializer_context(ALPHABET, 2, 4, corpus="abc abcab c"))
    assert decoded(vocabulary.codes, ALPHABET) == plain_greedy("abc ab", (2, 4), 2)
    wrong = GreedyCoverConfig(ngram_lengths=[0], filter_over=-1)
    assert [field for field, _ in wrong.problems()] == ["ngram_lengths", "filter_over"]

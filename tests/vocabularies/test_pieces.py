"""`bpe` and `unigram`, on real training of small corpora."""

import itertools
import os
import random
from collections import Counter

import pytest
from initializer_contexts import decoded, initializer_context

from tokenlayer.errors import InputError
from tokenlayer.text.alphabet import Alphabet
from tokenlayer.vocabularies import pieces
from tokenlayer.vocabularies.bpe import BpeConfig
from tokenlayer.vocabularies.unigram import UnigramConfig

ALPHABET = Alphabet(" abcdefghij")
BOTH = pytest.mark.parametrize("kind", [BpeConfig, UnigramConfig])


def words(seed=0):
    draw = random.Random(seed)
    syllables = ["".join(draw.choices("abcdefghij", k=draw.choice([2, 3]))) for _ in range(25)]
    return ["".join(draw.choices(syllables, k=draw.randint(1, 3))) for _ in range(400)]


def text(n=3000, seed=0):
    weights = [1 / (i + 1) for i in range(400)]
    return " ".join(random.Random(seed + 1).choices(words(seed), weights=weights, k=n))


def trained(kind, corpus, N, K=8, alphabet=ALPHABET):
    return decoded(kind().build(initializer_context(alphabet, N, K, corpus=corpus)).codes, alphabet)


def plain_bpe(corpus, n, longest):
    """Merges by definition, on the words with their space in front; ties by the age of the parts."""
    segmented = Counter(tuple(word) for word in corpus.replace(" ", "\n ").split("\n"))
    known = sorted(set(corpus))
    while len(known) < n:
        pairs = Counter()
        for word, count in segmented.items():
            for pair in itertools.pairwise(word):
                pairs[pair] += count if len("".join(pair)) <= longest else 0
        left, right = min(pairs, key=lambda p: (-pairs[p], known.index(p[0]), known.index(p[1])))
        known.append(left + right)
        merged = Counter()
        for word, count in segmented.items():
            done = []
            for piece in word:
                done[-1:] = [left + right] if done[-1:] == [left] and piece == right else [*done[-1:], piece]
            merged[tuple(done)] += count
        segmented = merged
    return known


@pytest.mark.parametrize("K", [3, 8])
def test_bpe_merges_what_the_definition_merges(K):
    corpus = text(600)
    assert set(trained(BpeConfig, corpus, 70, K)) == set(plain_bpe(corpus, 70, K))


def test_unigram_finds_the_words_that_a_text_is_made_of():
    found = trained(UnigramConfig, text(), 100, K=10)
    most_frequent = {f" {word}" for word in words()[:8]}
    assert len(most_frequent & set(found)) >= 5
    assert len({f" {word}" for word in words(seed=1)[:8]} & set(found)) <= 1


@BOTH
def test_pieces_are_strings_of_the_text_single_characters_among_them(kind):
    corpus = text()
    found = trained(kind, corpus, 70)
    assert len(set(found)) == 70
    assert set(corpus) <= set(found)
    assert all(piece in corpus for piece in found)
    assert any(len(piece) > 2 for piece in found)


@BOTH
def test_a_space_only_begins_a_piece(kind):
    found = trained(kind, text(), 70)
    assert any(piece.startswith(" ") and len(piece) > 1 for piece in found)
    assert all(" " not in piece[1:] for piece in found)


@BOTH
@pytest.mark.parametrize("K", [2, 4])
def test_no_piece_is_longer_than_a_token(kind, K):
    assert max(map(len, trained(kind, text(), 25, K=K))) == K


@BOTH
def test_tokens_of_one_character_hold_no_more(kind):
    with pytest.raises(InputError, match="vocab_size=30, but there are only 11 "):
        trained(kind, text(), 30, K=1)


@BOTH
def test_training_again_gives_the_same(kind):
    assert trained(kind, text(), 70) == trained(kind, text(), 70)
    assert trained(kind, text(), 70) != trained(kind, text(seed=1), 70)


@BOTH
def test_a_character_outside_the_alphabet_parts_the_text(kind):
    corpus = text().replace("e", "é")
    found = trained(kind, corpus, 70)
    assert all(piece in corpus for piece in found)
    assert any(len(piece) > 2 for piece in found)


@BOTH
def test_unknown_characters_their_sign_and_lone_surrogates(kind):
    alphabet = Alphabet("\N{REPLACEMENT CHARACTER}a<UNK>\ud800 b")
    as_here = str.maketrans("abcdef", "ab\N{REPLACEMENT CHARACTER}\ud800éü", "ghij")
    corpus = alphabet.encode(text().translate(as_here))
    vocabulary = kind().build(initializer_context(alphabet, 20, 4, corpus=corpus))
    found = {tuple(code for code in row if code >= 0) for row in vocabulary.codes.tolist()}
    assert {(code,) for code in range(6)} <= found
    assert len(found) == 20
    written = bytes(corpus)
    assert all(bytes(ngram) in written for ngram in found)


@pytest.mark.parametrize(("kind", "N"), [(BpeConfig, 30), (UnigramConfig, 18)])
def test_a_script_without_spaces(kind, N, monkeypatch):
    monkeypatch.setattr(pieces, "_RUN", 1000)
    alphabet = Alphabet("水海坏小山人他好影你")
    draw = random.Random(0)
    known = ["".join(draw.choices(alphabet.chars, k=3)) for _ in range(8)]
    found = trained(kind, "".join(draw.choices(known, k=2000)), N, K=3, alphabet=alphabet)
    assert len(set(known) & set(found)) >= 6


def test_a_text_is_handed_over_in_runs_that_end_at_a_space(monkeypatch):
    monkeypatch.setattr(pieces, "_RUN", 8)
    corpus = "abc de abcdefghij a"
    runs = list(pieces.runs(ALPHABET.encode(corpus), ALPHABET))
    assert [len(run) for run in runs] == [6, 8, 5]
    assert sum(map(len, runs)) == len(corpus)


@BOTH
def test_fewer_tokens_than_characters(kind):
    with pytest.raises(InputError, match=r"vocab_size=11 .*the 11 characters.*raise model\.vocab_size above 11"):
        trained(kind, text(), 11)


@BOTH
def test_a_text_with_fewer_pieces_than_tokens(kind):
    with pytest.raises(InputError, match=r"vocab_size=30, but there are only \d .*initializer\.corpus\.cap"):
        trained(kind, "ab ab", 30)


@BOTH
def test_a_text_without_a_character_of_the_alphabet(kind):
    with pytest.raises(InputError, match="there are only 0"):
        trained(kind, "éé", 3)


@pytest.mark.parametrize("before", [None, "true"])
def test_the_librarys_setting_is_left_as_it_was(before, monkeypatch):
    monkeypatch.delenv("TOKENIZERS_PARALLELISM", raising=False)
    if before:
        monkeypatch.setenv("TOKENIZERS_PARALLELISM", before)
    trained(BpeConfig, text(50), 20)
    assert os.environ.get("TOKENIZERS_PARALLELISM") == before


@BOTH
def test_only_as_much_of_the_corpus_is_read_as_the_configuration_says(kind):
    corpus, config = text(), kind()
    assert config.corpus.scope == "train"
    config.corpus.cap = 5000
    capped = decoded(config.build(initializer_context(ALPHABET, 50, 8, corpus=corpus)).codes, ALPHABET)
    assert capped == trained(kind, corpus[:5000], 50) != trained(kind, corpus, 50)

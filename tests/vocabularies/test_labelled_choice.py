"""Vocabularies that are chosen by the labels of the training texts."""

import itertools
import random
from dataclasses import replace

import numpy as np
import pytest
import torch
from initializer_contexts import decoded, initializer_context
from sklearn.feature_selection import chi2

from tokenlayer.data.profile import TextProfile
from tokenlayer.data.settling import Plan
from tokenlayer.errors import InputError
from tokenlayer.layer.vocabulary_layer import VocabularyLayer
from tokenlayer.rules.graft import GraftRuleConfig
from tokenlayer.text.alphabet import Alphabet
from tokenlayer.text.corpus import TrainingTexts
from tokenlayer.vocabularies.chi2_ngrams import Chi2NgramsConfig
from tokenlayer.vocabularies.chi2_words import Chi2WordsConfig
from tokenlayer.vocabularies.frequent_ngrams import FrequentNgramsConfig
from tokenlayer.vocabularies.frequent_words import FrequentWordsConfig
from tokenlayer.vocabularies.l0_ngrams import L0NgramsConfig
from tokenlayer.vocabularies.l1_ngrams import L1NgramsConfig
from tokenlayer.vocabularies.l1_words import L1WordsConfig
from tokenlayer.vocabularies.selected import SelectedConfig
from tokenlayer.vocabularies.words import WordsConfig

ALPHABET = Alphabet(" abcdefgh")
L = 40
TELLING = [["bad", "fade"], ["head", "gag"], ["ace", "feed"]]
EVERY = pytest.mark.parametrize(
    "config",
    [
        FrequentNgramsConfig([2, 3]),
        Chi2NgramsConfig([2, 3, 4], 3),
        L1NgramsConfig([2, 3, 4], 3, 500),
        L0NgramsConfig([2, 3, 4], 3, 500),
        FrequentWordsConfig(6, 2),
        Chi2WordsConfig(6, 2),
        L1WordsConfig(6, 2),
        SelectedConfig(ngram_lengths=[2, 3, 4], min_texts=3),
    ],
    ids=lambda config: type(config).__name__,
)


def labelled(n=400, n_classes=2, seed=0):
    """Texts of random words; each holds one or two words of its class."""
    draw = random.Random(seed)
    words = ["".join(draw.choices("abcdefgh", k=draw.randint(2, 6))) for _ in range(60)]
    texts, labels = [], []
    for _ in range(n):
        label = draw.randrange(n_classes)
        chosen = draw.choices(words, k=6) + draw.choices(TELLING[label], k=draw.randint(1, 2))
        texts.append(" ".join(draw.sample(chosen, len(chosen)))[:L])
        labels.append(label)
    codes = np.full((n, L), ALPHABET.none_code, ALPHABET.dtype)
    for row, text in zip(codes, texts, strict=True):
        row[: len(text)] = ALPHABET.encode(text)
    return TrainingTexts(codes, np.array(labels), n_classes), texts


def chosen(config, N, texts, K=None):
    context = initializer_context(ALPHABET, N, K or config.default_token_length(), texts=texts)
    return decoded(config.build(context).codes, ALPHABET)


def stands(ngram, text, K):
    return any(text.startswith(ngram, t) for t in range(L - K + 1))


@pytest.mark.parametrize("n_classes", [2, 3])
def test_chi2_ngrams_are_those_of_the_definition(n_classes):
    texts, strings = labelled(n=200, n_classes=n_classes)
    lens, K = (2, 3, 4), 4
    ngrams = sorted({text[t : t + k] for text in strings for k in lens for t in range(len(text) - k + 1)})
    presence = np.array([[stands(ngram, text, K) for ngram in ngrams] for text in strings])
    counts = {
        g: tuple(np.bincount(texts.labels[held], minlength=n_classes))
        for g, held in zip(ngrams, presence.T, strict=True)
    }
    # scikit-learn's χ² has the texts that hold the n-gram for a table; the other row is that of the texts without.
    scores = dict(zip(ngrams, chi2(presence, texts.labels)[0] + chi2(~presence, texts.labels)[0], strict=True))
    kept = [g for g in ngrams if sum(counts[g]) >= 10]
    kept = [g for g in kept if not any(counts.get(part) == counts[g] for part in (g[1:], g[:-1]) if len(part) > 1)]
    found = chosen(Chi2NgramsConfig([2, 3, 4], 10), 20, texts)
    assert set(found) <= set(kept)
    best = sorted((scores[ngram] for ngram in kept), reverse=True)[:20]
    assert [scores[ngram] for ngram in found] == pytest.approx(best)


def test_chi2_words_are_the_words_of_the_classes():
    texts, _ = labelled()
    assert set(chosen(Chi2WordsConfig(6, 2), 4, texts)) == {"bad", "fade", "head", "gag"}


def test_l1_words_are_the_words_of_the_classes_with_three_of_them_too():
    for n_classes in (2, 3):
        texts, _ = labelled(n=800, n_classes=n_classes)
        expected = set(itertools.chain(*TELLING[:n_classes]))
        assert set(chosen(L1WordsConfig(6, 2), len(expected), texts)) == expected


@pytest.mark.parametrize("config", [L1NgramsConfig([2, 3], 3, 300), L0NgramsConfig([2, 3], 3, 300)])
def test_ngrams_by_regression_are_judged_together_and_others_one_by_one(config):
    draw = random.Random(0)
    labels = np.array([draw.randrange(2) for _ in range(2000)])
    codes = np.full((2000, 12), ALPHABET.none_code, ALPHABET.dtype)
    for row, label in zip(codes, labels, strict=True):
        strong = "abc" if draw.random() < (0.05, 0.6)[label] else draw.choice(["ab", "bc", "ggg", "hhh", "ggh"])
        text = strong + "gh" + ("ef" if draw.random() < (0.3, 0.5)[label] else "")
        row[: len(text)] = ALPHABET.encode(text)
    texts = TrainingTexts(codes, labels, 2)
    assert not any("e" in ngram for ngram in chosen(Chi2NgramsConfig([2, 3], 3), 2, texts))
    assert any("e" in ngram for ngram in chosen(config, 2, texts))


def test_frequent_ngrams_by_texts_and_by_occurrences():
    codes = np.full((3, 12), ALPHABET.none_code, ALPHABET.dtype)
    for row, text in zip(codes, ["ababababab", "cd", "cdab"], strict=True):
        row[: len(text)] = ALPHABET.encode(text)
    texts = TrainingTexts(codes, np.array([0, 1, 1]), 2)
    assert chosen(FrequentNgramsConfig([2], "texts"), 2, texts) == ["ab", "cd"]
    assert chosen(FrequentNgramsConfig([2], "occurrences"), 2, texts) == ["ab", "ba"]


def test_frequent_words():
    texts, strings = labelled()
    counts = {}
    for text in strings:
        for word in set(text.split()):
            counts[word] = counts.get(word, 0) + 1
    best = sorted((word for word in counts if len(word) <= 5), key=lambda word: -counts[word])
    found = chosen(FrequentWordsConfig(5, 2), 10, texts)
    assert [counts[word] for word in found] == [counts[word] for word in best[:10]]


@EVERY
def test_the_layer_finds_every_token_in_the_training_texts(config):
    texts, _ = labelled()
    N = 20
    context = initializer_context(ALPHABET, N, config.default_token_length(), texts=texts)
    layer = VocabularyLayer(config.build(context), ALPHABET.size, config.matcher(ALPHABET))
    matches = layer(torch.from_numpy(texts.codes.astype(np.int64))).matches.distinct()
    assert len(set(layer.vocabulary().decode(ALPHABET))) == N
    assert matches.counts().min() >= 2


@EVERY
def test_labels_decide_where_they_should(config):
    texts, _ = labelled()
    shuffled = TrainingTexts(texts.codes, np.random.default_rng(0).permutation(texts.labels), 2)
    blind = isinstance(config, FrequentNgramsConfig | FrequentWordsConfig)
    assert (chosen(config, 8, texts) == chosen(config, 8, shuffled)) is blind


@EVERY
def test_more_tokens_than_there_are(config):
    texts, _ = labelled(n=30)
    with pytest.raises(InputError, match=r"vocab_size=90000, but there are only .*: (lower|raise) "):
        chosen(config, 90_000, texts)


@EVERY
def test_tokens_too_short_for_what_is_chosen(config):
    with pytest.raises(InputError, match="tokens of 1 characters cannot hold"):
        chosen(config, 4, labelled(n=30)[0], K=1)


@EVERY
def test_settings_that_cannot_work(config):
    assert list(config.problems()) == []
    field, value = ("ngram_lengths", [0]) if hasattr(config, "ngram_lengths") else ("longest", 0)
    assert [name for name, _ in replace(config, **{field: value}).problems()] == [field]
    assert [name for name, _ in replace(config, tokens_per_text=0).problems()] == ["tokens_per_text"]


@EVERY
def test_a_budget_of_tokens_in_a_text_is_kept_to(config):
    """Counted by the layer, on the texts that the tokens were chosen by."""
    texts, _ = labelled()

    def read(config):
        context = initializer_context(ALPHABET, 20, config.default_token_length(), texts=texts)
        layer = VocabularyLayer(config.build(context), ALPHABET.size, config.matcher(ALPHABET))
        return len(layer(torch.from_numpy(texts.codes.astype(np.int64))).matches) / len(texts)

    budget = (0.97 if isinstance(config, WordsConfig) else 0.6) * read(config)  # the few words are all much alike
    assert 0.6 * budget < read(replace(config, tokens_per_text=budget)) <= budget


def test_the_rounds_of_a_selection():
    assert [name for name, _ in SelectedConfig(ngram_lengths=[2], rounds=0).problems()] == ["rounds"]
    texts, _ = labelled()
    assert {"bad", "fade", "head", "gag"} <= {
        ngram.strip() for ngram in chosen(SelectedConfig(ngram_lengths=[3, 4, 5], min_texts=3, rounds=1), 8, texts)
    }


def test_the_lengths_of_a_selection_are_those_that_graft_chooses():
    profile, plan = TextProfile.of(labelled()[1]), Plan()
    plan.longest_token, plan.epochs = 13, 4
    (selected,) = SelectedConfig().settle(profile, plan)
    lengths, _ = GraftRuleConfig().settle(profile, plan)
    assert selected == lengths

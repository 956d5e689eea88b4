"""Segmentations as matches, against the tokenizers library's own offsets."""

import random

import pytest
import torch
from initializer_contexts import initializer_context

from tokenlayer.layer.vocabulary import Vocabulary
from tokenlayer.layer.vocabulary_layer import VocabularyLayer
from tokenlayer.text.alphabet import Alphabet
from tokenlayer.vocabularies.bpe import BpeConfig
from tokenlayer.vocabularies.segmentation import SegmentMatcher, code_points
from tokenlayer.vocabularies.unigram import UnigramConfig

ALPHABET = Alphabet(" abcdefghij")
L, N, K = 60, 24, 5
BOTH = pytest.mark.parametrize("config", [BpeConfig(segment=True), UnigramConfig(segment=True)], ids=["bpe", "unigram"])


def text(n=2000, seed=0, letters="abcdefgh"):
    draw = random.Random(seed)
    words = ["".join(draw.choices(letters, k=draw.randint(1, 6))) for _ in range(50)]
    return " ".join(draw.choices(words, weights=[1 / (i + 1) for i in range(50)], k=n))


def trained(config, N=N, K=K, corpus=None):
    matcher = config.matcher(ALPHABET)
    context = initializer_context(ALPHABET, N, K, corpus=corpus or text(), matcher=matcher)
    return VocabularyLayer(config.build(context), ALPHABET.size, matcher)


def encoded(*texts):
    codes = torch.full((len(texts), L), ALPHABET.none_code)
    for row, one in zip(codes, texts, strict=True):
        row[: len(one)] = torch.from_numpy(ALPHABET.encode(one[:L]).astype("int64"))
    return codes


def found(layer, *texts):
    """For each text, position and string of every match."""
    matches = layer(encoded(*texts)).matches
    assert matches.shape == (len(texts), N, L)
    patterns = [pattern.rstrip("█") for pattern in layer.vocabulary().decode(ALPHABET)]
    pieces = [[] for _ in texts]
    for b, position, n in zip(matches.text.tolist(), matches.position.tolist(), matches.token_id.tolist(), strict=True):
        pieces[b].append((position, patterns[n]))
    return pieces


@BOTH
def test_the_pieces_tile_the_text(config):
    layer = trained(config)
    texts = [text(12, seed)[:L] for seed in range(2, 30)]
    for one, pieces in zip(texts, found(layer, *texts), strict=True):
        assert "".join(piece for _, piece in pieces) == one
        assert all(one.startswith(piece, position) for position, piece in pieces)
    every = VocabularyLayer(layer.vocabulary(), ALPHABET.size)
    assert len(every(encoded(*texts)).matches) > len(layer(encoded(*texts)).matches)


@BOTH
def test_they_are_the_library_s_segmentation(config):
    layer = trained(config)
    points = code_points(ALPHABET)
    for seed in range(2, 12):
        one = text(12, seed)[:L]
        tokenizer = layer.matcher._tokenizer
        expected = tokenizer.encode(points[ALPHABET.encode(one)].tobytes().decode("utf-32-le"))
        (pieces,) = found(layer, one)
        assert [position for position, _ in pieces] == [begin for begin, _ in expected.offsets]


def test_bpe_applies_its_merges_in_their_order():
    # "ab" is merged first, so that "abc" is ab + c though "bc" is a piece as well.
    layer = trained(BpeConfig(segment=True), N=6, K=2, corpus="ab " * 30 + "bcbc " * 12)
    patterns = [pattern.rstrip("█") for pattern in layer.vocabulary().decode(ALPHABET)]
    assert set(patterns) == {" ", "a", "b", "c", "ab", "bc"}
    assert [patterns[n] for n in layer(encoded("abc bc")).matches.token_id.tolist()] == ["ab", "c", " ", "bc"]


@BOTH
@pytest.mark.parametrize("unseen", ["é", "j", "éjé", "jj"])
def test_unseen_characters_part_the_text_and_match_nothing(config, unseen):
    layer = trained(config)
    (pieces,) = found(layer, f"abba{unseen}cabb")
    covered = [position + i for position, piece in pieces for i in range(len(piece))]
    assert covered == [i for i, sign in enumerate(f"abba{unseen}cabb") if sign not in "éj"]


@BOTH
def test_texts_without_characters(config):
    assert found(trained(config), "", "abc", "")[::2] == [[], []]
    assert found(trained(config), "") == [[]]


@BOTH
def test_a_restored_module_segments_alike(config, tmp_path):
    layer = trained(config)
    torch.save(layer.state_dict(), tmp_path / "state.pt")
    restored = VocabularyLayer(Vocabulary.blank(N, K), ALPHABET.size, config.matcher(ALPHABET))
    restored.load_state_dict(torch.load(tmp_path / "state.pt", weights_only=True))
    assert found(restored, text(12, 5)) == found(layer, text(12, 5))


@BOTH
def test_pieces_that_are_no_token_any_more_count_nowhere(config):
    layer = trained(config)
    one = text(12, 5)[:L]
    (before,) = found(layer, one)
    gone = layer(encoded(one)).matches.token_id[:1]
    layer.replace(gone, torch.full((1, K), 3))
    (after,) = found(layer, one)
    assert after == [(position, piece) for position, piece in before if piece != before[0][1]]


def test_without_segmentation_nothing_is_taught():
    assert list(trained(BpeConfig()).state_dict()) == ["codes"]


def test_a_module_that_was_taught_nothing():
    layer = VocabularyLayer(Vocabulary.blank(N, K), ALPHABET.size, SegmentMatcher(ALPHABET))
    with pytest.raises(RuntimeError, match="no tokenizer yet"):
        layer(encoded("a"))


@BOTH
def test_training_again_gives_the_same_state(config):
    states = {trained(config, 13).matcher.get_extra_state() for _ in range(4)}
    assert len(states) == 1

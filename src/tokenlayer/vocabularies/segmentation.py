"""A subword model's own segmentation as matches, and the strings in which it sees a text's codes."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import chain
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from tokenizers import Tokenizer
from torch import Tensor

from tokenlayer.layer.matchers import Matcher
from tokenlayer.layer.matching import Matches, PatternIndex
from tokenlayer.text.alphabet import BLANK, Alphabet

Integers = npt.NDArray[np.int64]

# A code stands as a character of a private plane: some alphabets hold what the library does not take (lone surrogates)
# or what stands for two categories when it is shown (U+FFFD). Only the space has to be itself.
_PLANE = 0xF0000
_PARALLEL = "TOKENIZERS_PARALLELISM"
_UNKNOWN = "<unknown>"  # none of its characters is one of a text


class SegmentMatcher(Matcher):
    """The occurrences of pieces that a tokenizer's segmentation of the text consists of: they do not overlap.

    The tokenizer is part of the module's state. A piece that is no token of the layer counts nowhere; so does a
    character that the tokenizer has not seen in training.

    Args:
        alphabet: what the codes stand for.

    """

    def __init__(self, alphabet: Alphabet) -> None:
        super().__init__()
        self._alphabet = alphabet
        self._points = code_points(alphabet)
        self._tokenizer: Tokenizer | None = None
        self._token_ids: tuple[PatternIndex, Integers] | None = None

    def learn(self, tokenizer: Tokenizer) -> None:
        """Segment with this tokenizer, which knows an unknown token (see `with_unknown`)."""
        self._tokenizer = tokenizer
        self._token_ids = None

    def get_extra_state(self) -> str:
        """The tokenizer, in the library's JSON."""
        return "" if self._tokenizer is None else self._tokenizer.to_str()

    def set_extra_state(self, state: str) -> None:
        if state:
            self.learn(Tokenizer.from_str(state))

    def forward(self, codes: Tensor, index: PatternIndex) -> Matches:
        B, L = codes.shape
        text, position, piece = self._segmented(codes.cpu().numpy())
        token_id = self._token_id_of(index)[piece]
        known = token_id >= 0
        found = [torch.from_numpy(part[known]).to(codes.device) for part in (text, position, token_id)]
        return Matches(found[0], found[1], found[2], (B, index.vocabulary.vocab_size, L))

    def _segmented(self, codes: npt.NDArray[np.int64]) -> tuple[Integers, Integers, Integers]:
        """Text, position and number of each piece, in this order."""
        tokenizer = self._learned()
        strings = [row.tobytes().decode("utf-32-le").rstrip(self._outside) for row in self._points[codes]]
        with one_thread():
            encodings = tokenizer.encode_batch_fast(strings, add_special_tokens=False)
        segments = [encoding.ids for encoding in encodings]
        n_pieces = np.array([len(ids) for ids in segments])
        piece = np.fromiter(chain.from_iterable(segments), dtype=np.int64, count=int(n_pieces.sum()))
        text = np.repeat(np.arange(len(strings)), n_pieces)
        length = self._piece_lengths()[piece]
        ends = np.cumsum(length)
        first = np.cumsum(n_pieces) - n_pieces
        position = ends - length - np.repeat(np.append(ends - length, 0)[first], n_pieces)
        # Neighbouring unknown characters may be one token, of no known length.
        for b in np.unique(text[piece == tokenizer.token_to_id(_UNKNOWN)]):
            encoding = tokenizer.encode(strings[b], add_special_tokens=False)
            position[text == b] = [begin for begin, _ in encoding.offsets]
        return text, position, piece

    @property
    def _outside(self) -> str:
        return chr(self._points[self._alphabet.none_code])

    def _learned(self) -> Tokenizer:
        if self._tokenizer is None:
            raise RuntimeError(
                "these occurrences have no tokenizer yet: teach it, or load the state of such as have one"
            )
        return self._tokenizer

    def _pieces(self) -> list[str]:
        vocabulary = self._learned().get_vocab()
        return sorted(vocabulary, key=vocabulary.__getitem__)

    def _piece_lengths(self) -> Integers:
        return np.array([len(piece) for piece in self._pieces()], dtype=np.int64)

    def _token_id_of(self, index: PatternIndex) -> Integers:
        """(pieces,): the pattern that is the piece; -1: none."""
        if self._token_ids is None or self._token_ids[0] is not index:
            rows = [tuple(code for code in row if code != BLANK) for row in index.vocabulary.codes.tolist()]
            token_ids = {ngram: n for n, ngram in reversed(list(enumerate(rows))) if ngram}
            ngrams = [() if p == _UNKNOWN else tuple(piece_codes(p, self._alphabet).tolist()) for p in self._pieces()]
            self._token_ids = index, np.array([token_ids.get(ngram, -1) for ngram in ngrams], dtype=np.int64)
        return self._token_ids[1]


def with_unknown(tokenizer: Tokenizer) -> Tokenizer:
    """A trained BPE or unigram model with a token for characters that it has not seen, on which it would fail.

    The token takes the last number. A BPE without it would merge what stands before and behind such a character.
    """
    content = json.loads(tokenizer.to_str())
    model = content["model"]
    if model["type"] == "BPE":
        model["vocab"][_UNKNOWN] = len(model["vocab"])
        model["unk_token"] = _UNKNOWN
    else:
        model["unk_id"] = len(model["vocab"])
        model["vocab"] = [*_settled(model["vocab"]), [_UNKNOWN, 0.0]]
    return Tokenizer.from_str(json.dumps(content))


def _settled(pieces: list[list[Any]]) -> list[list[Any]]:
    """Pieces of a unigram model with their logarithms, free of what changes from one training to the next.

    That is the order of equally likely pieces, the last digits, and which of the characters that are kept for
    completeness alone comes first: the library gives these the least logarithm, and 0.0001 more to each further one.
    """
    logs = {piece: round(log, 9) for piece, log in pieces}
    least, characters = min(logs.values(), default=0.0), [piece for piece in logs if len(piece) == 1]
    completing = sorted(piece for piece in characters if logs[piece] < least + 1e-4 * (len(characters) + 1))
    logs |= dict(zip(completing, sorted(logs[piece] for piece in completing), strict=True))
    return [[piece, logs[piece]] for piece in sorted(logs)]


def code_points(alphabet: Alphabet) -> npt.NDArray[np.uint32]:
    """(C + 1,): the code point as which a subword model sees each code, that of no character included."""
    points = _PLANE + np.arange(alphabet.size + 1, dtype="<u4")
    if " " in alphabet.symbols:
        points[alphabet.symbols.index(" ")] = ord(" ")
    return points


def piece_codes(piece: str, alphabet: Alphabet) -> Integers:
    """(length,): the codes that such a string stands for."""
    space = alphabet.symbols.index(" ") if " " in piece else None
    return np.array([space if sign == " " else ord(sign) - _PLANE for sign in piece], dtype=np.int64)


@contextmanager
def one_thread() -> Iterator[None]:
    """Let the library work on one thread.

    In training, the sums of floats that decide between pieces are then taken in one order; a batch gains little
    from more, and the library warns at every fork of a process in which it has used them.
    """
    before = os.environ.get(_PARALLEL)
    os.environ[_PARALLEL] = "false"
    try:
        yield
    finally:
        if before is None:
            del os.environ[_PARALLEL]
        else:
            os.environ[_PARALLEL] = before

"""The tokens of a layer as a tokenizer of Hugging Face's library: it segments a text, the longest token first."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tokenizers import AddedToken, Tokenizer, decoders
from tokenizers.models import BPE
from tokenizers.normalizers import Normalizer

from tokenlayer.errors import InputError
from tokenlayer.escaping import harmless
from tokenlayer.export.normalization import normalizer, unknown_sign
from tokenlayer.hints import shortened
from tokenlayer.layer.base import TokenLayer
from tokenlayer.layer.matchers import EveryMatch
from tokenlayer.layer.vocabulary import Vocabulary
from tokenlayer.layer.vocabulary_layer import VocabularyLayer
from tokenlayer.layer.words import word_lengths
from tokenlayer.text.alphabet import BLANK, Alphabet
from tokenlayer.text.cleaning import CleaningConfig

_SPECIAL = {
    "pad_token": "[PAD]",
    "unk_token": "[UNK]",
    "cls_token": "[CLS]",
    "sep_token": "[SEP]",
    "mask_token": "[MASK]",
}


@dataclass(frozen=True)
class Segmentation:
    """A tokenizer, and what it is made of."""

    tokenizer: Tokenizer
    """Numbers the special tokens first, then the characters, then the tokens of several characters."""
    special: dict[str, str]
    """The special tokens, by what transformers calls them. They have numbers, and none is found in a text."""
    characters: tuple[str, ...]
    """What a text is segmented into where no token stands, in the order of the alphabet."""
    tokens: tuple[str, ...]
    """The different tokens of the layer that a cleaned text can hold, of one character or more, in its order."""
    token_ids: tuple[int, ...]
    """The number that each of them has in the layer; of equal ones the first."""
    n_impossible: int
    """Further tokens of the layer: no cleaned text can hold them, and they are left out."""

    @property
    def numbers(self) -> list[int]:
        """The number of each of `tokens`."""
        numbers = self.tokenizer.get_vocab(with_added_tokens=False)
        return [numbers[token] for token in self.tokens]


def segmentation(layer: TokenLayer, alphabet: Alphabet, cleaning: CleaningConfig) -> Segmentation:
    """The tokenizer with a layer's tokens.

    It takes the longest token that stands at a place, from left to right, and where none does, a character.

    Raises:
        InputError: some tokens have a blank, which accepts any character; or not every occurrence of a token counts;
            or the library cannot have them.

    """
    found, signs = layer_tokens(layer, alphabet), _signs(alphabet)
    cleaner = normalizer(cleaning, alphabet)
    possible = {sign for sign in signs if cleaner.normalize_str(sign) == sign}
    tokens = tuple(token for token in found if possible.issuperset(token))
    for token in tokens:
        if cleaner.normalize_str(token) != token:
            raise InputError(
                f"the token {shown(token)} cannot be exported: the tokenizers library cleans tokens, too, and this one "
                "would become another; a model that is trained with dataset.cleaning.strip_br=false has none of these"
            )
    characters = tuple(sign for sign in signs if sign in possible)
    special = _special_names({*tokens, *characters})
    names = (*special.values(), *dict.fromkeys((*characters, *tokens)))
    tokenizer = _finding(names, special["unk_token"], cleaner)
    token_ids = tuple(found[token] for token in tokens)
    return Segmentation(tokenizer, special, characters, tokens, token_ids, len(found) - len(tokens))


def _finding(names: Sequence[str], unknown: str, cleaner: Normalizer) -> Tokenizer:
    """A tokenizer that finds the names of several characters in a cleaned text, and single ones between them."""
    # Added tokens are found all at once, the longest of those that begin first. A BPE that merges nothing takes the
    # rest apart; characters as further added tokens, or as words of a pre-tokenizer, take twice as long.
    tokenizer = Tokenizer(BPE({name: number for number, name in enumerate(names)}, [], unk_token=unknown))
    tokenizer.normalizer = cleaner
    tokenizer.decoder = decoders.Fuse()
    tokenizer.add_tokens([AddedToken(name, normalized=True) for name in names[len(_SPECIAL) :] if len(name) > 1])
    return tokenizer


def _special_names(taken: set[str]) -> dict[str, str]:
    """The special tokens under names that no token of the layer has."""
    return {kind: next(name for name in _bracketed(usual) if name not in taken) for kind, usual in _SPECIAL.items()}


def _bracketed(name: str) -> Iterator[str]:
    """`[UNK]`, `[[UNK]]`, and so on."""
    while True:
        yield name
        name = f"[{name}]"


def layer_tokens(layer: TokenLayer, alphabet: Alphabet) -> dict[str, int]:
    """The different tokens of a layer as the strings that they look for, with the number of each (the first of equals).

    `unknown_sign` stands in the place of `<UNK>`. Tokens that can match nowhere are left out.

    Raises:
        InputError: a token is no string, for it has blanks before its end; or not every occurrence counts.

    """
    if isinstance(layer, VocabularyLayer) and not isinstance(layer.matcher, EveryMatch):
        raise InputError(
            "not every occurrence of this layer's tokens counts: they are whole words, or the pieces of a subword "
            "model's segmentation (see its initializer), which another tokenizer would not find alike"
        )
    vocabulary = layer.vocabulary()
    codes = vocabulary.codes[vocabulary.can_match]
    lengths = word_lengths(codes)
    with_blanks = ((codes == BLANK).sum(1) > codes.shape[1] - lengths) | (lengths == 0)
    if bool(with_blanks.any()):
        example = Vocabulary(codes[with_blanks][:1]).decode(alphabet)[0]
        raise InputError(
            f"{int(with_blanks.sum())} of the {len(codes)} tokens have blanks, which accept any character "
            f"({shown(example)}), and a tokenizer looks for strings: train with an initializer and a rule of n-grams"
        )
    signs = _signs(alphabet)
    numbers = vocabulary.can_match.nonzero()[:, 0].tolist()
    found: dict[str, int] = {}
    for number, token, length in zip(numbers, codes.tolist(), lengths.tolist(), strict=True):
        found.setdefault("".join(signs[code] for code in token[:length]), number)
    return found


def _signs(alphabet: Alphabet) -> tuple[str, ...]:
    """One character per category, all different."""
    sign = unknown_sign(alphabet)
    signs = tuple(sign if len(symbol) > 1 else symbol for symbol in alphabet.symbols)
    for symbol in signs:
        if "\ud800" <= symbol <= "\udfff":
            raise InputError(
                f"the alphabet holds {harmless(symbol)}, half a character, which the tokenizers library cannot read: "
                "leave it out of dataset.alphabet.characters"
            )
    return signs


def shown(token: str) -> str:
    """A token for a message."""
    return shortened(repr(harmless(token)))

"""What the initializers of words share: tokens that are words, and that count where they are whole words."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tokenlayer.errors import InputError
from tokenlayer.selection.budget import Chooser, chosen_within
from tokenlayer.selection.settings import budget_problems
from tokenlayer.text.alphabet import Alphabet
from tokenlayer.vocabularies.base import InitializerConfig, InitializerContext
from tokenlayer.vocabularies.ngrams import vocabulary_of

if TYPE_CHECKING:
    from tokenlayer.layer.vocabulary import Vocabulary
    from tokenlayer.layer.words import WordMatcher
    from tokenlayer.text.words import CountedWords

_REMEDY = "lower model.vocab_size or initializer.min_texts, raise initializer.longest, or give more training texts"


@dataclass
class WordsConfig(InitializerConfig):
    """Words of the training texts, matched as whole words; blanks behind them."""

    longest: int = 20
    """Longer words are not chosen. This is also the default of model.max_token_length."""
    min_texts: int = 5
    """Only words that stand in at least so many training texts are chosen."""
    tokens_per_text: float | None = None
    """Tokens that are found in a text, on average over the training texts, at most; null: as many as it takes."""

    def problems(self) -> Iterator[tuple[str, str]]:
        """Field and message of each value that cannot work."""
        for name in ("longest", "min_texts"):
            if getattr(self, name) < 1:
                yield name, "must be at least 1"
        yield from budget_problems(self.tokens_per_text)

    def default_token_length(self) -> int:
        return self.longest

    def min_token_length(self) -> int:
        return self.longest

    def matcher(self, alphabet: Alphabet) -> WordMatcher:
        """Only whole words count."""
        from tokenlayer.layer.words import WordMatcher
        from tokenlayer.text.words import space_code

        return WordMatcher(space_code(alphabet))

    @abstractmethod
    def chooser(self, counted: CountedWords, context: InitializerContext) -> Chooser:
        """A function to the numbers of N words, the best first, or of fewer if there are fewer."""

    def build(self, context: InitializerContext) -> Vocabulary:
        """N words.

        Raises:
            InputError: the alphabet has no space, K is below `longest`, or there are fewer words.

        """
        from tokenlayer.text.words import count_words, word_codes, word_presence

        if self.longest > context.max_token_length:
            raise InputError(
                f"tokens of {context.max_token_length} characters cannot hold words of {self.longest}: raise"
                " model.max_token_length or lower initializer.longest"
            )
        counted = count_words(context.texts, context.alphabet, self.longest, self.min_texts)
        chosen = chosen_within(
            self.chooser(counted, context),
            lambda: word_presence(context.texts.codes, counted.words, context.alphabet),
            self.tokens_per_text,
            context.most_read,
        )
        words = [word_codes(counted.words[i]) for i in chosen]
        return vocabulary_of(words, context, _REMEDY)

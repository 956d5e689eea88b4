"""The n-grams that the selection of `graft` takes without any network, in seconds."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from tokenlayer.data.profile import TextProfile
from tokenlayer.data.settling import Choice, Plan
from tokenlayer.selection.settings import SelectionSettings
from tokenlayer.text.alphabet import BLANK
from tokenlayer.vocabularies.base import InitializerConfig, InitializerContext
from tokenlayer.vocabularies.ngrams import check_fit, length_problems, vocabulary_of

if TYPE_CHECKING:
    from tokenlayer.layer.vocabulary import Vocabulary

_REMEDY = "lower model.vocab_size or initializer.min_texts, raise initializer.max_ngrams, or give more training texts"


@dataclass
class SelectedConfig(SelectionSettings, InitializerConfig):
    """N n-grams that together, each with a weight, tell the classes best, as `selection.ngram_selection` finds them.

    With `learning_rule=frozen` it is the control that says what learning in the network adds; with `graft` it is where
    that begins.
    """

    open_fields: ClassVar[tuple[str, ...]] = ("ngram_lengths",)

    ngram_lengths: list[int] | None = None
    """Lengths of the n-grams to choose from; null: chosen by the training texts."""
    rounds: int = 3
    """Rounds of selection. The first looks at n-grams that tell much by themselves, each other at those that tell what
    the chosen ones do not."""

    def problems(self) -> Iterator[tuple[str, str]]:
        """Field and message of each value that cannot work."""
        if self.ngram_lengths is not None:
            yield from length_problems(self.ngram_lengths)
        if self.rounds < 1:
            yield "rounds", "must be at least 1"
        yield from self.selection_problems()

    def settle(self, texts: TextProfile, plan: Plan) -> Iterable[Choice]:
        """Lengths that tell something in the script of the texts."""
        yield Choice("ngram_lengths", texts.telling_lengths(plan.longest_token), texts.said_of_characters())

    def default_token_length(self) -> int:
        return self.min_token_length()

    def min_token_length(self) -> int:
        return max(self.ngram_lengths or [1])

    def build(self, context: InitializerContext) -> Vocabulary:
        """The N n-grams, in the order of the index."""
        from tokenlayer.selection.ngram_selection import ngram_selection

        assert self.ngram_lengths is not None, "settled"
        check_fit(self.ngram_lengths, context.max_token_length)
        K, lengths = context.max_token_length, sorted(self.ngram_lengths)
        selection = ngram_selection(context.texts, context.alphabet.size, lengths, K, self, context.most_read)
        patterns = selection.index.ngrams
        if len(patterns) > context.vocab_size:
            patterns = patterns[selection.rounds(context.vocab_size, self.rounds).ngrams]
        return vocabulary_of([pattern[pattern != BLANK] for pattern in patterns], context, _REMEDY)

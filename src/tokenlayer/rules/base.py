"""What a learning rule is given, what it answers, and how one is configured."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from tokenlayer.data.settling import OpenSettings
from tokenlayer.text.corpus import TrainingTexts

if TYPE_CHECKING:
    from torch import Tensor

    from tokenlayer.layer.base import TokenLayer
    from tokenlayer.layer.matchers import Matcher
    from tokenlayer.layer.tokenized import Tokenized
    from tokenlayer.layer.vocabulary import Vocabulary
    from tokenlayer.rules.learning_rule import LearningRule


@dataclass(frozen=True)
class RuleContext:
    """What a rule is made for."""

    vocab_size: int
    """N"""
    max_token_length: int
    """K"""
    n_characters: int
    """C"""
    embedding_dim: int
    """D"""
    n_outputs: int
    """Logits of a text."""
    texts: TrainingTexts
    """All that a rule may choose by."""
    seed: int
    """The seed of the run. A rule draws from (seed, step), so that a resumed run draws the same."""
    most_read: int | None = None
    """Tokens that the model reads of a text, at most; None: all."""


@dataclass(frozen=True)
class TrainingProgress:
    """The place of a step in the training."""

    step: int
    """Optimizer steps before this one."""
    n_steps: int
    """Steps of the whole training."""
    steps_per_epoch: int

    @property
    def share(self) -> float:
        """Share of the training that is over after this step, in (0, 1]."""
        return (self.step + 1) / self.n_steps


@dataclass(frozen=True)
class Observation:
    """A step between its backward pass and its update."""

    progress: TrainingProgress
    tokens: Tokenized
    """The batch: its codes (B, L), the vocabulary, and where it matches."""
    rows: Tensor
    """(B,): which of the training texts these are."""
    gradient: Tensor
    """g, the token gradient: (B, D) where it is the same at every position of a text, else (B, P, D) for P equal parts
    of its L positions: see `HeadOutput.embedded`. For a rule that looks `beside_model`, that of the logits:
    (B, n_outputs)."""
    binary_features: bool
    """True if what the gradient belongs to takes a token once for each text, however often it occurs there."""
    embedding: Tensor
    """(N, D) before the update."""
    embedding_gradient: Tensor
    """(N, D)"""


@dataclass(frozen=True)
class Edit:
    """R tokens that take the places of others."""

    token_ids: Tensor
    """(R,) int64: the places, each once."""
    codes: Tensor
    """(R, K): the new patterns, blanks included."""
    embedding: Tensor
    """(R, D): the vectors that they begin with."""
    scores: Tensor
    """(R,) what each was chosen for, in the rule's own terms; NaN where it was drawn blindly."""
    reasons: Sequence[str]
    """R words: why the former pattern had to go (`dead`, `weak`, `always_on`, …)."""


@dataclass
class LearningRuleConfig(OpenSettings, ABC):
    """Configuration of a learning rule."""

    keeps_vocabulary: ClassVar[bool] = False
    """True if the tokens stay what the initializer made them, so that a matcher of the initializer's fits them."""

    def build_layer(self, vocabulary: Vocabulary, n_characters: int, matcher: Matcher) -> TokenLayer:
        """The layer that the rule works on.

        Args:
            vocabulary: N tokens of K columns, which the initializer or a checkpoint is going to replace.
            n_characters: C.
            matcher: which occurrences count.

        """
        from tokenlayer.layer.vocabulary_layer import VocabularyLayer

        return VocabularyLayer(vocabulary, n_characters, matcher)

    @abstractmethod
    def build(self, context: RuleContext) -> LearningRule:
        """The rule for one training."""

    def min_token_length(self) -> int:
        """The smallest K that can hold the tokens which the rule makes."""
        return 1

    def problems_of_length(self, n_steps: int, steps_per_epoch: int) -> Iterator[tuple[str, str]]:
        """Field and message of each value that cannot be meant in a training of so many steps."""
        return iter(())

"""What a learning rule is: it replaces tokens of a layer while the network is trained."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar

from torch import Tensor, nn

from tokenlayer.layer.vocabulary import Vocabulary
from tokenlayer.rules.base import Edit, Observation, TrainingProgress


class LearningRule(nn.Module, ABC):
    """Observes each step and edits the vocabulary now and then. All that it remembers is in its buffers."""

    keeps_vocabulary: ClassVar[bool] = False
    """True if the rule never replaces a token; it is not shown the steps then."""

    beside_model: bool = False
    """True if a token is to be priced as if a linear path beside the model read it: by the gradient of the logits."""

    @abstractmethod
    def observe(self, observation: Observation) -> None:
        """Take in a step, after its backward pass and before its update."""

    @abstractmethod
    def edit(
        self, progress: TrainingProgress, vocabulary: Vocabulary, embedding: Tensor, readout: Tensor | None
    ) -> Edit | None:
        """What to replace after the step's update; None: nothing.

        Args:
            progress: the step.
            vocabulary: N patterns.
            embedding: (N, D) after the update.
            readout: (n_outputs, D): what the head's linear path makes of `HeadOutput.embedded`; None: it has no such.

        """

    def figures(self) -> dict[str, float]:
        """What the rule reports of itself, as metrics `rule/<name>`, after each edit."""
        return {}


class NoOpRule(LearningRule):
    """A rule that edits nothing."""

    keeps_vocabulary = True

    def observe(self, observation: Observation) -> None:
        pass

    def edit(
        self, progress: TrainingProgress, vocabulary: Vocabulary, embedding: Tensor, readout: Tensor | None
    ) -> Edit | None:
        return None

"""A learning rule at work in a training loop, Lightning's or anybody's own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.optim import Optimizer

from tokenlayer.layer.base import TokenLayer
from tokenlayer.layer.embedding import TokenEmbedding
from tokenlayer.layer.tokenized import Tokenized
from tokenlayer.layer.vocabulary_layer import VocabularyLayer
from tokenlayer.rules.base import Edit, Observation, TrainingProgress
from tokenlayer.rules.learning_rule import LearningRule


@dataclass(frozen=True)
class AppliedEdit:
    """An edit of the learning rule, and what it replaced."""

    edit: Edit
    previous: Tensor
    """(R, K): the patterns that had to go."""
    previous_embedding: Tensor
    """(R, D): their vectors."""


class TokenLearner:
    """Shows a learning rule each step of a training, and applies its edits.

        embedded = embedding.pooled(tokens)        # in the forward pass: tokens is what the layer returned
        learner.watch(tokens, embedded, rows)
        loss(…).backward()
        learner.step(optimizer, TrainingProgress(step, n_steps, steps_per_epoch))  # in place of optimizer.step()

    Args:
        rule: the learning rule.
        layer: the layer whose tokens it replaces.
        embedding: the vectors of the tokens.
        readout: (n_outputs, D), the weight of a linear layer that reads `embedded`; None: no such layer reads it.
        binary_features: whether a token enters `embedded` once for each text, however often it occurs there.
        token_parameters: other parameters of which row n belongs to token n; a new token's row is set to zeros.

    """

    def __init__(
        self,
        rule: LearningRule,
        layer: TokenLayer,
        embedding: TokenEmbedding,
        *,
        readout: Tensor | None = None,
        binary_features: bool = False,
        token_parameters: Sequence[Tensor] = (),
    ) -> None:
        self.rule = rule
        self._layer = layer
        self._embedding = embedding
        self._readout = readout
        self._binary_features = binary_features
        self._token_parameters = token_parameters
        self._watched: tuple[Tokenized, Tensor] | None = None
        self._gradient: Tensor | None = None

    def watch(self, tokens: Tokenized, embedded: Tensor, rows: Tensor) -> None:
        """Have the gradient of a batch kept, before its backward pass. Without gradients nothing is watched.

        Args:
            tokens: the batch as the layer returned it.
            embedded: (B, D) or (B, P, D), such as a sum of the vectors of the tokens: see `HeadOutput.embedded`; the
                logits (B, n_outputs) for a rule that looks `beside_model`.
            rows: (B,), which of the training texts these are.

        """
        if embedded.requires_grad and not self.rule.keeps_vocabulary:
            self._watched = tokens, rows
            # A gradient retained on the tensor itself would be lost where the tensor is a view.
            embedded.register_hook(self._keep_gradient)  # type: ignore[no-untyped-call]  # torch leaves it untyped

    def _keep_gradient(self, gradient: Tensor) -> None:
        self._gradient = gradient

    def step(self, optimizer: Optimizer, progress: TrainingProgress) -> AppliedEdit | None:
        """Show the rule the batch that was watched, update the parameters, and apply the edit of the rule, if any."""
        self.observe(progress)
        optimizer.step()
        return self.edit(optimizer, progress)

    def observe(self, progress: TrainingProgress) -> None:
        """Show the rule the batch that was watched, after its backward pass and before the update."""
        if self.rule.keeps_vocabulary:
            return
        weight = self._embedding.weight
        if self._watched is None or self._gradient is None or weight.grad is None:
            raise RuntimeError("no batch was watched: call watch() before loss.backward()")
        tokens, rows = self._watched
        self.rule.observe(
            Observation(
                progress=progress,
                tokens=tokens,
                rows=rows,
                gradient=self._gradient,
                # A linear path would read presence.
                binary_features=self._binary_features or self.rule.beside_model,
                embedding=weight.detach(),
                embedding_gradient=weight.grad,
            )
        )
        self._watched = self._gradient = None

    @torch.no_grad()
    def edit(self, optimizer: Optimizer, progress: TrainingProgress) -> AppliedEdit | None:
        """Apply the edit of the rule, if it makes one, after the update; the optimizer forgets the former tokens."""
        if self.rule.keeps_vocabulary:
            return None
        layer, weight = self._layer, self._embedding.weight
        if not isinstance(layer, VocabularyLayer):
            raise TypeError(f"the tokens of a {type(layer).__name__} cannot be replaced: use a VocabularyLayer")
        vocabulary = layer.vocabulary()
        readout = None if self._readout is None else self._readout.detach()
        edit = self.rule.edit(progress, vocabulary, weight.detach(), readout)
        if edit is None:
            return None
        rows = edit.token_ids
        applied = AppliedEdit(edit, vocabulary.codes[rows], weight[rows].clone())
        layer.replace(rows, edit.codes)
        weight[rows] = edit.embedding.to(weight)
        forget_moments(optimizer, weight, rows)
        for parameter in self._token_parameters:
            parameter[rows] = 0
            forget_moments(optimizer, parameter, rows)
        return applied


def forget_moments(optimizer: Optimizer, parameter: Tensor, rows: Tensor) -> None:
    """Set to zero what the optimizer remembers of some rows of a parameter: they are new."""
    for wrapped, state in getattr(optimizer, "optimizer", optimizer).state.items():
        if wrapped is parameter:
            for value in state.values():
                if isinstance(value, Tensor) and value.shape == parameter.shape:
                    value[rows] = 0

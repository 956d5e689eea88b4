"""A training on all texts that are given, and what is left of it: tokens, their weights, and how texts are read."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import ClassVar

import numpy as np
import numpy.typing as npt
from scipy import sparse

from tokenlayer.data.config import DatasetConfig
from tokenlayer.data.sources.texts import TextsConfig
from tokenlayer.data.types import RawDataset
from tokenlayer.inference.reading import TextReader, pieces
from tokenlayer.models.classifier import ModelConfig
from tokenlayer.models.heads.pool_head import PoolHead
from tokenlayer.progress import shown_by
from tokenlayer.progress_bars import progress_bar
from tokenlayer.selection.penalty import ridge_penalty
from tokenlayer.text.alphabet import BLANK
from tokenlayer.text.ngrams.presence import NgramFinder
from tokenlayer.training.config import TrainConfig
from tokenlayer.training.quiet_fit import fit_quietly
from tokenlayer.training.trainer import TrainerConfig
from tokenlayer.training.training import Training
from tokenlayer.vocabularies.ngrams import TooFewTokensError

Weights = npt.NDArray[np.float64]


@dataclass
class AllTrainingTexts(TextsConfig):
    """Texts of which none are held out."""

    weights: Weights | None = None
    """(n,), above 0: how many texts each text stands for; None: itself alone."""

    in_memory: ClassVar[frozenset[str]] = TextsConfig.in_memory | {"weights"}
    _outside_cache_key: ClassVar[frozenset[str]] = DatasetConfig._outside_cache_key | in_memory

    def source_key(self) -> str:
        """Hash of texts, labels and weights."""
        weights = b"" if self.weights is None else self.weights.tobytes()
        return hashlib.sha256(super().source_key().encode() + weights).hexdigest()

    def load(self) -> RawDataset:
        """The texts. Raises `InputError` as `TextsConfig.load`."""
        return replace(super().load(), only_training=True, weights=self.weights)


@dataclass(frozen=True)
class FittedTokens:
    """A trained classifier, as linear as it is: logits = presence of tokens · weights + bias."""

    reader: TextReader
    finder: NgramFinder
    """Finds the P tokens in codes."""
    tokens: list[str]
    """The P tokens, each once."""
    weights: npt.NDArray[np.float64]
    """(P, n_outputs)"""
    bias: npt.NDArray[np.float64]
    """(n_outputs,)"""

    @classmethod
    def of(cls, training: Training) -> FittedTokens:
        """What a training has come to. Of two tokens that are the same, one stays, with both weights."""
        dataset, network, head = training.dataset, training.model, training.model.head
        assert isinstance(head, PoolHead), "the default"
        assert head.pooling == "presence", "the default"
        K, alphabet = network.tokenization.max_token_length, dataset.alphabet
        codes = network.tokenization.vocabulary().codes.numpy()
        _, first, same = np.unique(codes, axis=0, return_index=True, return_inverse=True)
        order = np.argsort(first)
        effects = network.embedding.weight.detach().double() @ head.out.weight.detach().double().T
        weights = np.zeros((len(first), head.out.out_features))
        np.add.at(weights, np.argsort(order)[same.ravel()], effects.numpy())
        ngrams = [row[row != BLANK] for row in codes[first[order]]]  # grafted tokens have no blanks but behind them
        return cls(
            reader=TextReader(alphabet, training.config.dataset.cleaning, dataset.text_length, padding=K),
            finder=NgramFinder(ngrams, alphabet.none_code, K),
            tokens=[alphabet.decode(ngram) for ngram in ngrams],
            weights=weights,
            bias=head.out.bias.detach().double().numpy(),
        )

    def logits(self, texts: Sequence[str]) -> npt.NDArray[np.float64]:
        """(n, n_outputs): of one output, the logit of class 1."""
        logits: npt.NDArray[np.float64] = self.counts(texts, binary=True) @ self.weights + self.bias
        return logits

    def counts(self, texts: Sequence[str], *, binary: bool) -> sparse.csr_matrix:
        """(n, P) int64: how often each token occurs in each text, overlapping others or not; binary: 1 if it does."""
        order, found, numbers = [np.zeros(0, np.int64)], [np.zeros(0, np.int32)], [np.zeros(0, np.int64)]
        for piece in pieces(texts):
            for places, codes in self.reader.batches([texts[place] for place in piece]):
                tokens, of_text = self.finder.find(codes.numpy(), once=binary)
                order.append(places + piece.start)
                found.append(tokens)
                numbers.append(of_text)
        columns, bounds = np.concatenate(found), np.concatenate([[0], np.cumsum(np.concatenate(numbers))])
        ones = np.ones(len(columns), dtype=np.int64)
        counts = sparse.csr_matrix((ones, columns, bounds), shape=(len(texts), len(self.tokens)))
        counts.sum_duplicates()
        return counts[np.argsort(np.concatenate(order))]


def fit_tokens(
    texts: Sequence[str],
    labels: npt.NDArray[np.int64],
    weights: Weights | None,
    *,
    n_tokens: int,
    seed: int,
    verbose: bool,
) -> FittedTokens:
    """Train as `tokenlayer train` does, on all of the texts, to the last step.

    Args:
        texts: n of them.
        labels: (n,): 0, 1, …, each of them at least once.
        weights: (n,), not below 0; texts of weight 0 are left out, with their labels. None: all count alike.
        n_tokens: N; where the texts hold fewer n-grams, there will be as many tokens as they hold.
        seed: of tokens, weights and the order of the texts.
        verbose: show bars.

    Raises:
        InputError: the texts are not fit to train on.

    """
    with (
        TemporaryDirectory(prefix="tokenlayer-", ignore_cleanup_errors=True) as folder,
        shown_by(progress_bar if verbose else None),
    ):
        dataset = AllTrainingTexts(texts, labels.tolist(), weights=weights, cache_dir=folder)
        while True:
            try:
                return FittedTokens.of(_trained(dataset, n_tokens, seed, Path(folder)))
            except TooFewTokensError as few:
                if not 0 < few.there_are < n_tokens:
                    raise
                n_tokens = few.there_are


def _trained(dataset: AllTrainingTexts, n_tokens: int, seed: int, folder: Path) -> Training:
    # What depends on the number of texts is chosen by the sum of their weights, where the training has a say in it.
    ridge = None if dataset.weights is None else ridge_penalty(n_tokens, float(dataset.weights.sum()))
    config = TrainConfig(
        seed=seed,
        dataset=dataset,
        model=ModelConfig(vocab_size=n_tokens, embedding_l2=ridge),
        trainer=TrainerConfig(limit_val_batches=0),
    )
    training = Training(config)
    training.dataset = replace(training.dataset, folder=None)  # nothing computed from the texts is kept on disk
    fit_quietly(training, folder)
    return training

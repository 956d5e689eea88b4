"""A training on all texts that are given, and what is left of it: the network, and how it reads texts."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import ClassVar

import numpy as np
import numpy.typing as npt
import torch
from scipy import sparse
from torch import Tensor

from tokenlayer.data.config import DatasetConfig
from tokenlayer.data.sources.texts import TextsConfig
from tokenlayer.data.types import RawDataset
from tokenlayer.inference.reading import Indices, TextReader, pieces
from tokenlayer.layer.vocabulary import BLANK_SIGN
from tokenlayer.models.classifier import ModelConfig
from tokenlayer.models.network import TokenizationClassifier
from tokenlayer.progress import shown_by
from tokenlayer.progress_bars import progress_bar
from tokenlayer.selection.penalty import ridge_penalty
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
    """A trained network and its tokens."""

    network: TokenizationClassifier
    """In evaluation mode."""
    reader: TextReader
    tokens: list[str]
    """The P different tokens, without the blanks behind them."""
    columns: npt.NDArray[np.int64]
    """(P,): which of the network's tokens they are."""

    @classmethod
    def of(cls, training: Training) -> FittedTokens:
        """What a training has come to."""
        dataset, network = training.dataset, training.model
        assert not network.head.reads_padding, "the default head"
        K = network.tokenization.max_token_length
        reader = TextReader(dataset.alphabet, training.config.dataset.cleaning, dataset.text_length, padding=K)
        vocabulary = network.tokenization.vocabulary()
        _, first = np.unique(vocabulary.codes.numpy(), axis=0, return_index=True)
        columns = np.sort(first)  # of a token twice over, the first
        tokens = [
            token.rstrip(BLANK_SIGN) for token in vocabulary.take(torch.from_numpy(columns)).decode(dataset.alphabet)
        ]
        return cls(network, reader, tokens, columns)

    @torch.no_grad()
    def logits(self, texts: Sequence[str]) -> npt.NDArray[np.float64]:
        """(n, n_outputs): of one output, the logit of class 1."""
        logits = np.empty((len(texts), self.network.n_outputs))
        for places, codes in self._batches(texts):
            logits[places] = self.network(codes).logits.double().numpy()
        return logits

    @torch.no_grad()
    def counts(self, texts: Sequence[str]) -> sparse.csr_matrix:
        """(n, P) int64: how often each token occurs in each text, overlapping others or not."""
        column_of = np.full(self.network.tokenization.vocab_size, -1)
        column_of[self.columns] = np.arange(len(self.columns))
        rows, columns = [np.zeros(0, np.int64)], [np.zeros(0, np.int64)]
        for places, codes in self._batches(texts):
            matches = self.network.tokenization(codes).matches
            column = column_of[matches.token_id.numpy()]
            rows.append(places[matches.text.numpy()][column >= 0])
            columns.append(column[column >= 0])
        row, column = np.concatenate(rows), np.concatenate(columns)
        ones = np.ones(len(row), dtype=np.int64)
        return sparse.coo_matrix((ones, (row, column)), shape=(len(texts), len(self.tokens))).tocsr()

    def _batches(self, texts: Sequence[str]) -> Iterator[tuple[Indices, Tensor]]:
        """The places of some texts (b,) and their codes (b, W), until all have been read."""
        for piece in pieces(texts):
            for places, codes in self.reader.batches([texts[place] for place in piece]):
                yield places + piece.start, codes


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

"""Batches as slices of the memory-mapped codes, in an order that seed and epoch alone decide."""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import torch

from tokenlayer.data.types import Batch, EncodedSplit


class EpochOrder:
    """The order of n texts in each epoch."""

    def __init__(self, size: int, seed: int, *, reshuffle: bool) -> None:
        self._size = size
        self._seed = seed
        self._reshuffle = reshuffle
        self.epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """Lightning calls this before each epoch, also when it resumes."""
        self.epoch = epoch

    def permutation(self) -> npt.NDArray[np.int64]:
        """(n,): the texts of this epoch in order."""
        epoch = self.epoch if self._reshuffle else 0
        return np.random.default_rng([self._seed, epoch]).permutation(self._size)


class BatchLoader:
    """Batches of a split: no workers, no copies but the batch itself, exact to resume.

    Args:
        split: n texts.
        batch_size: B.
        order: for training: the texts in the order of the epoch, without the last, incomplete batch. Without
            it: every text, in order.

    """

    def __init__(self, split: EncodedSplit, batch_size: int, order: EpochOrder | None = None) -> None:
        self._split = split
        self._batch_size = batch_size
        weights = split.weights
        self._weights = None if weights is None else torch.from_numpy(weights / weights.mean())
        self._state = {"epoch": 0, "batches": 0}
        self._resume_from: dict[str, int] | None = None
        # By the first name Lightning finds `set_epoch`; the second it expects beside it, as torch has both.
        self.sampler = order
        self.batch_sampler = None

    def __len__(self) -> int:
        full, rest = divmod(len(self._split), self._batch_size)
        return full + (rest > 0 and self.sampler is None)

    def __iter__(self) -> Iterator[Batch]:
        # A generator takes the order at its first batch: Lightning makes the iterator, then sets the epoch.
        epoch = 0 if self.sampler is None else self.sampler.epoch
        order = np.arange(len(self._split)) if self.sampler is None else self.sampler.permutation()
        for index in range(self._first_batch(epoch), len(self)):
            self._state = {"epoch": epoch, "batches": index + 1}
            yield self._batch(order[index * self._batch_size : (index + 1) * self._batch_size])

    def _first_batch(self, epoch: int) -> int:
        # A state saved behind the last batch is of an epoch that is over: the next one lacks nothing.
        state, self._resume_from = self._resume_from, None
        return state["batches"] if state is not None and state["epoch"] == epoch else 0

    def state_dict(self) -> dict[str, int]:
        """The epoch, and how many of its batches have been given out."""
        return dict(self._state)

    def load_state_dict(self, state: dict[str, int]) -> None:
        """When this epoch is begun next, the batches that were given out already are left out, once."""
        self._state = self._resume_from = dict(state)

    def _batch(self, indices: npt.NDArray[np.int64]) -> Batch:
        codes = self._split.codes[indices]
        if codes.dtype != np.uint8:
            codes = codes.astype(np.int32)  # torch has hardly any operation on its unsigned 16-bit type
        rows = torch.from_numpy(indices)
        weights = None if self._weights is None else self._weights[rows]
        return Batch(torch.from_numpy(codes), torch.from_numpy(self._split.labels[indices]), rows, weights)

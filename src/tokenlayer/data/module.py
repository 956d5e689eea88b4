"""The data as Lightning takes them."""

from pytorch_lightning import LightningDataModule

from tokenlayer.data.loader import BatchLoader, EpochOrder
from tokenlayer.data.types import PreparedDataset
from tokenlayer.errors import InputError


class DataModule(LightningDataModule):
    """Loaders of prepared data.

    Args:
        prepared: from `tokenlayer.data.prepare.prepare`.
        batch_size: B.
        seed: the seed of the run, which decides the order of the training texts.
        reshuffle: a new order every epoch.

    Raises:
        InputError: the training texts do not fill one batch.

    """

    def __init__(self, prepared: PreparedDataset, batch_size: int, seed: int, *, reshuffle: bool) -> None:
        super().__init__()
        n_train = len(prepared.splits["train"])
        if n_train < batch_size:
            raise InputError(
                f"dataset.batch_size={batch_size}: the {n_train} training texts do not fill one batch, and "
                f"an incomplete one is left out: set it to {n_train} or less"
            )
        self.prepared = prepared
        self._batch_size = batch_size
        self._seed = seed
        self._reshuffle = reshuffle

    def train_dataloader(self) -> BatchLoader:
        train = self.prepared.splits["train"]
        order = EpochOrder(len(train), self._seed, reshuffle=self._reshuffle)
        return BatchLoader(train, self._batch_size, order)

    def val_dataloader(self) -> BatchLoader:
        return BatchLoader(self.prepared.splits["validation"], self._batch_size)

    def test_dataloader(self) -> BatchLoader:
        return BatchLoader(self.prepared.splits["test"], self._batch_size)

    def predict_dataloader(self) -> BatchLoader:
        """The test texts."""
        return self.test_dataloader()

from pathlib import Path

import numpy as np
import pytest
import pytorch_lightning as pl
import torch
from hypothesis import given
from hypothesis import strategies as st
from pytorch_lightning.callbacks import ModelCheckpoint

from tokenlayer.data.loader import BatchLoader, EpochOrder
from tokenlayer.data.module import DataModule
from tokenlayer.data.prepare import prepare
from tokenlayer.data.sources.planted import PlantedConfig
from tokenlayer.data.types import Batch, EncodedSplit, PreparedDataset
from tokenlayer.errors import InputError


def numbered(size: int, dtype: type = np.uint8) -> EncodedSplit:
    """Texts whose label is their number."""
    labels = np.arange(size)
    return EncodedSplit(np.repeat(labels[:, None], 3, axis=1).astype(dtype), labels, labels.astype(str))


def epoch_of(loader: BatchLoader) -> list[list[int]]:
    return [batch.labels.tolist() for batch in loader]


def training_loader(size: int = 11, batch_size: int = 3, seed: int = 0, reshuffle: bool = True) -> BatchLoader:
    return BatchLoader(numbered(size), batch_size, EpochOrder(size, seed, reshuffle=reshuffle))


def test_training_takes_each_text_at_most_once_and_drops_the_incomplete_batch() -> None:
    loader = training_loader(size=11, batch_size=3)
    batches = epoch_of(loader)
    assert len(loader) == len(batches) == 3
    assert all(len(batch) == 3 for batch in batches)
    seen = [number for batch in batches for number in batch]
    assert len(set(seen)) == 9


def test_evaluation_takes_every_text_in_order() -> None:
    loader = BatchLoader(numbered(7), 3)
    assert len(loader) == 3
    assert epoch_of(loader) == [[0, 1, 2], [3, 4, 5], [6]]
    assert epoch_of(loader) == [[0, 1, 2], [3, 4, 5], [6]]


def test_codes_and_labels_belong_together() -> None:
    for batch in training_loader():
        assert batch.codes.dtype == torch.uint8
        assert batch.labels.dtype == torch.int64
        assert batch.codes[:, 0].tolist() == batch.labels.tolist()


def test_large_alphabets_give_32_bit_codes() -> None:
    (batch,) = BatchLoader(numbered(2, np.uint16), 2)
    assert batch.codes.dtype == torch.int32


def test_the_order_hangs_on_seed_and_epoch_alone() -> None:
    loader = training_loader(seed=1)
    first = epoch_of(loader)
    assert loader.sampler is not None
    loader.sampler.set_epoch(1)
    second = epoch_of(loader)
    assert second != first
    assert epoch_of(training_loader(seed=1)) == first
    assert epoch_of(training_loader(seed=2)) != first
    fresh = training_loader(seed=1)
    assert fresh.sampler is not None
    fresh.sampler.set_epoch(1)
    assert epoch_of(fresh) == second


def test_without_reshuffling_every_epoch_repeats_the_first() -> None:
    loader = training_loader(reshuffle=False)
    first = epoch_of(loader)
    assert loader.sampler is not None
    loader.sampler.set_epoch(5)
    assert epoch_of(loader) == first


@given(size=st.integers(1, 40), batch_size=st.integers(1, 10), stop=st.integers(0, 40))
def test_a_resumed_epoch_gives_the_batches_that_are_left(size: int, batch_size: int, stop: int) -> None:
    loader = training_loader(size, batch_size)
    whole = epoch_of(training_loader(size, batch_size))
    stop = min(stop, len(loader))
    for _, batch in zip(range(stop), loader, strict=False):
        assert isinstance(batch, Batch)
    resumed = training_loader(size, batch_size)
    resumed.load_state_dict(loader.state_dict())
    assert epoch_of(resumed) == whole[stop:]
    assert epoch_of(resumed) == whole


@pytest.fixture(scope="module")
def planted(tmp_path_factory: pytest.TempPathFactory) -> PreparedDataset:
    cache = tmp_path_factory.mktemp("cache")
    return prepare(PlantedConfig(n_texts=90, text_length=40, n_words=8, cache_dir=str(cache)))


def test_a_batch_size_that_no_batch_fills_is_refused(planted: PreparedDataset) -> None:
    with pytest.raises(InputError, match=r"dataset\.batch_size=64: the 63 training texts"):
        DataModule(planted, 64, seed=0, reshuffle=True)


class Recorder(pl.LightningModule):
    """Keeps what it is given at each step, and learns one number from it."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(()))
        self.seen: dict[int, list[list[int]]] = {}
        self.validated = 0

    def training_step(self, batch: Batch, batch_idx: int) -> torch.Tensor:
        assert self.global_step not in self.seen
        self.seen[self.global_step] = batch.codes.tolist()
        return (self.weight - batch.codes.float().mean()) ** 2

    def validation_step(self, batch: Batch, batch_idx: int) -> None:
        self.validated += len(batch.labels)

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.parameters(), lr=0.1)


def fit(
    planted: PreparedDataset, checkpoint: ModelCheckpoint, *, reshuffle: bool = True, **trainer_args: object
) -> Recorder:
    resume = trainer_args.pop("resume", None)
    trainer = pl.Trainer(
        accelerator="cpu",
        logger=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        callbacks=[checkpoint],
        **trainer_args,
    )
    module = Recorder()
    data = DataModule(planted, 10, seed=3, reshuffle=reshuffle)
    trainer.fit(module, datamodule=data, ckpt_path=resume, weights_only=True)
    return module


def every(n_steps: int, folder: Path) -> ModelCheckpoint:
    return ModelCheckpoint(folder, filename="{step}", every_n_train_steps=n_steps, save_top_k=-1)


# Six batches an epoch: stopped in the middle of the first and of a later epoch, and behind the last batch.
@pytest.mark.parametrize("stop", [2, 9, 6, 12])
@pytest.mark.parametrize("reshuffle", [True, False])
def test_a_fit_stopped_anywhere_sees_the_same_batches_when_resumed(
    planted: PreparedDataset, tmp_path: Path, stop: int, reshuffle: bool
) -> None:
    whole = fit(planted, every(stop, tmp_path), reshuffle=reshuffle, max_epochs=3)
    assert sorted(whole.seen) == list(range(18))
    assert (whole.seen[0] == whole.seen[6]) is not reshuffle
    saved = tmp_path / f"step={stop}.ckpt"
    resumed = fit(planted, every(stop, tmp_path), reshuffle=reshuffle, max_epochs=3, resume=saved)
    assert resumed.seen == {step: seen for step, seen in whole.seen.items() if step >= stop}
    assert resumed.weight.item() == whole.weight.item()


@pytest.mark.parametrize("on_train_epoch_end", [True, False])
def test_a_fit_resumed_between_shortened_epochs_begins_the_next_at_its_beginning(
    planted: PreparedDataset, tmp_path: Path, on_train_epoch_end: bool
) -> None:
    def checkpoint() -> ModelCheckpoint:
        return ModelCheckpoint(tmp_path, filename="{epoch}", save_top_k=-1, save_on_train_epoch_end=on_train_epoch_end)

    whole = fit(planted, checkpoint(), max_epochs=3, limit_train_batches=4)
    assert sorted(whole.seen) == list(range(12))
    saved = tmp_path / "epoch=0.ckpt"
    resumed = fit(planted, checkpoint(), max_epochs=3, limit_train_batches=4, resume=saved)
    assert resumed.seen == {step: seen for step, seen in whole.seen.items() if step >= 4}


def test_validation_uses_every_text(planted: PreparedDataset, tmp_path: Path) -> None:
    module = fit(planted, every(100, tmp_path), max_epochs=1, num_sanity_val_steps=0)
    assert module.validated == len(planted.splits["validation"]) == 13

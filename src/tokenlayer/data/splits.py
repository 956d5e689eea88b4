"""The assignment of texts to splits, which depends on the texts, `split_seed` and `n_train`, and on nothing else."""

import hashlib
from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from tokenlayer.data.types import SPLITS, Labels, RawDataset, SplitName
from tokenlayer.errors import InputError

# The shares of the original (its section "Getting & Preparing the Data").
_HELD_OUT = 0.3
_TEST_OF_HELD_OUT = 0.5
VALIDATION_OF_TRAIN = 0.15
_FEW_TEXTS = 20  # so few may be of as many classes as they like: a person trying something out

Indices = npt.NDArray[np.int64]


def content_ids(texts: Sequence[str]) -> npt.NDArray[np.str_]:
    """A hash of each text, as 32 hexadecimal digits: (n,)."""
    hashes = (hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16) for text in texts)
    return np.array([digest.hexdigest() for digest in hashes], dtype="U32")


def split(
    raw: RawDataset, ids: npt.NDArray[np.str_], split_seed: int, n_train: int | None = None
) -> Mapping[SplitName, Indices]:
    """Split as the source says, or at random if it says nothing.

    Args:
        raw: the texts.
        ids: their hashes.
        split_seed: decides what is drawn at random.
        n_train: training texts that are kept, a random sample which contains every smaller one; None: all.

    Raises:
        InputError: there are fewer training texts.

    """
    if raw.given_splits is None:
        splits = split_at_random(ids, raw.labels, split_seed)
    else:
        splits = split_as_given(raw.given_splits, ids, raw.labels, split_seed)
    return _first_of_training(splits, n_train, raw.place)


def _first_of_training(splits: dict[SplitName, Indices], n_train: int | None, place: str) -> dict[SplitName, Indices]:
    """The splits, of the training texts, whose order is random, the first."""
    train = splits["train"]
    if n_train is not None and n_train > len(train):
        raise InputError(
            f"dataset.n_train={n_train}: {place} has {len(train)} training texts; lower it, or leave it out"
        )
    return splits | {"train": train[:n_train]}


def split_to_train(
    raw: RawDataset, ids: npt.NDArray[np.str_], split_seed: int, n_train: int | None = None
) -> Mapping[SplitName, Indices]:
    """Split texts on which a classifier is to be trained, chosen and tested; see `split`.

    Raises:
        InputError: a split is empty, or all training texts are of one class, or there are more classes than half the
            texts, or fewer training texts than `n_train`.

    """
    n_classes = len(np.unique(raw.labels))
    if n_classes > max(_FEW_TEXTS, len(raw.labels)) // 2:
        raise InputError(
            f"{raw.place}: {len(raw.labels)} texts have {n_classes} different labels: to learn a class takes several "
            "of its texts; take the column of the classes, or leave rare ones out"
        )
    if raw.only_training:
        every = all_to_training(ids, raw.labels, split_seed)
        splits: Mapping[SplitName, Indices] = _first_of_training(every, n_train, raw.place)
    else:
        splits = split(raw, ids, split_seed, n_train)
    for name in () if raw.only_training else SPLITS:
        if not len(splits[name]):
            raise InputError(
                f"{raw.place}: the {name} split is empty: mark some texts as {name}, or leave the split "
                "column out for a random split"
            )
    if len(np.unique(raw.labels[splits["train"]])) < 2:
        only = raw.class_names[raw.labels[splits["train"][0]]]
        raise InputError(f"{raw.place}: all training texts are of class {only!r}: a classifier needs two or more")
    return splits


def split_at_random(ids: npt.NDArray[np.str_], labels: Labels, split_seed: int) -> dict[SplitName, Indices]:
    """Split 70/15/15 as the original does, by scikit-learn, on texts in the order of their hashes."""
    train, held_out = _divide(_by_content(ids, labels), _HELD_OUT, split_seed)
    validation, test = _divide(held_out, _TEST_OF_HELD_OUT, split_seed)
    return {"train": train, "validation": validation, "test": test}


def split_as_given(
    given: Sequence[SplitName], ids: npt.NDArray[np.str_], labels: Labels, split_seed: int
) -> dict[SplitName, Indices]:
    """The source's splits, each permuted; without a validation split, 15 % of the training texts.

    The order of the training texts depends on these alone: what else a source holds does not change a training.
    """
    order = np.random.RandomState(split_seed).permutation(_by_content(ids, labels))
    names = np.asarray(given)[order]
    splits: dict[SplitName, Indices] = {name: order[names == name] for name in SPLITS}
    train = splits["train"]
    in_order = train[np.lexsort((labels[train], ids[train]))]
    if len(splits["validation"]) or not len(train):
        splits["train"] = _training_order(in_order, split_seed)
    else:
        splits["train"], splits["validation"] = _divide(in_order, VALIDATION_OF_TRAIN, split_seed)
    return splits


def all_to_training(ids: npt.NDArray[np.str_], labels: Labels, split_seed: int) -> dict[SplitName, Indices]:
    """Every text a training text, in the order that they have where a source marks them so."""
    none = np.empty(0, dtype=np.int64)
    return {"train": _training_order(_by_content(ids, labels), split_seed), "validation": none, "test": none}


def all_as_test(ids: npt.NDArray[np.str_], labels: Labels) -> dict[SplitName, Indices]:
    """Every text a test text, in the order of their hashes."""
    none = np.empty(0, dtype=np.int64)
    return {"train": none, "validation": none, "test": _by_content(ids, labels)}


def _training_order(by_content: Indices, split_seed: int) -> Indices:
    return np.random.RandomState(split_seed).permutation(by_content)


def _by_content(ids: npt.NDArray[np.str_], labels: Labels) -> Indices:
    # Equal texts with equal labels are interchangeable: the order of the file never shows.
    return np.lexsort((labels, ids))


def _divide(indices: Indices, share: float, seed: int) -> tuple[Indices, Indices]:
    # scikit-learn takes over a second to load, and texts from the cache do not need it.
    from sklearn.model_selection import train_test_split  # noqa: PLC0415  # slow to import

    if len(indices) < 2:
        raise InputError(f"{len(indices)} texts cannot be split into training, validation and test: give more texts")
    larger, smaller = train_test_split(indices, test_size=share, random_state=seed)
    return larger, smaller

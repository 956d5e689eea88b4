import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.model_selection import train_test_split

from tokenlayer.data.labels import classes_of
from tokenlayer.data.splits import content_ids, split_as_given, split_at_random, split_to_train
from tokenlayer.data.types import RawDataset
from tokenlayer.errors import InputError

texts_strategy = st.lists(st.text(alphabet="ab", max_size=3), min_size=8, max_size=40)


def contents(texts: list[str], labels: np.ndarray, splits: dict[str, np.ndarray]) -> dict[str, list]:
    return {name: [(texts[i], labels[i]) for i in indices] for name, indices in splits.items()}


@given(texts=texts_strategy, seed=st.integers(0, 5), data=st.data())
def test_splits_hang_on_content_and_seed_and_hold_every_text_once(
    texts: list[str], seed: int, data: st.DataObject
) -> None:
    labels = np.array([len(text) % 2 for text in texts])
    given_splits = data.draw(
        st.lists(st.sampled_from(["train", "test"]), min_size=len(texts), max_size=len(texts)).filter(
            lambda names: names.count("train") > 1
        )
    )
    # The same text may be in two splits: only within one are equal texts interchangeable.
    order = data.draw(st.permutations(range(len(texts))))
    shuffled = [texts[i] for i in order]
    pairs = [
        (
            split_at_random(content_ids(texts), labels, seed),
            split_at_random(content_ids(shuffled), labels[order], seed),
        ),
    ]
    for first, second in pairs:
        assert contents(texts, labels, first) == contents(shuffled, labels[order], second)
        assert sorted(np.concatenate(list(first.values()))) == list(range(len(texts)))
    as_given = split_as_given(given_splits, content_ids(texts), labels, seed)
    assert sorted(np.concatenate(list(as_given.values()))) == list(range(len(texts)))
    assert {given_splits[i] for i in as_given["test"]} <= {"test"}
    assert {given_splits[i] for i in [*as_given["train"], *as_given["validation"]]} == {"train"}


def test_random_shares_are_the_seeds_by_scikit_learn() -> None:
    texts = [str(i) for i in range(200)]
    ids = content_ids(texts)
    splits = split_at_random(ids, np.zeros(200, dtype=np.int64), 42)
    train, held_out = train_test_split(np.argsort(ids), test_size=0.3, random_state=42)
    validation, test = train_test_split(held_out, test_size=0.5, random_state=42)
    assert splits["train"].tolist() == train.tolist()
    assert splits["validation"].tolist() == validation.tolist()
    assert splits["test"].tolist() == test.tolist()


@pytest.mark.parametrize("given", [None, ["train"] * 160 + ["test"] * 40], ids=["at random", "as given"])
def test_fewer_training_texts_are_among_more_of_them_and_others_stay(given: list[str] | None) -> None:
    raw = RawDataset([str(i) for i in range(200)], np.arange(200) % 2, ("a", "b"), "place", given_splits=given)
    ids = content_ids(raw.texts)
    whole, more, few = (split_to_train(raw, ids, 42, n_train) for n_train in (None, 60, 10))
    assert (len(more["train"]), len(few["train"])) == (60, 10)
    assert set(few["train"]) < set(more["train"]) < set(whole["train"])
    assert len(set(raw.labels[few["train"]])) == 2
    for name in ("validation", "test"):
        assert whole[name].tolist() == more[name].tolist() == few[name].tolist()
    n = len(whole["train"])
    assert split_to_train(raw, ids, 42, n)["train"].tolist() == whole["train"].tolist()
    with pytest.raises(InputError, match=rf"dataset.n_train={n + 1}: place has {n} training texts; lower it"):
        split_to_train(raw, ids, 42, n + 1)


def test_fewer_texts_can_be_taken_where_all_are_training_texts() -> None:
    raw = RawDataset([str(i) for i in range(50)], np.arange(50) % 2, ("a", "b"), "place", only_training=True)
    splits = split_to_train(raw, content_ids(raw.texts), 42, 20)
    assert {name: len(indices) for name, indices in splits.items()} == {"train": 20, "validation": 0, "test": 0}


def test_another_seed_is_another_split() -> None:
    ids, labels = content_ids([str(i) for i in range(50)]), np.zeros(50, dtype=np.int64)
    first, second = (split_at_random(ids, labels, seed)["test"].tolist() for seed in (0, 1))
    assert sorted(first) != sorted(second)


def test_validation_does_not_hang_on_the_test_texts() -> None:
    train = [f"train {i}" for i in range(20)]
    carved = []
    for n_test in (3, 9):
        texts = train + [f"test {i}" for i in range(n_test)]
        names = ["train"] * 20 + ["test"] * n_test
        splits = split_as_given(names, content_ids(texts), np.zeros(len(texts), dtype=np.int64), 42)
        carved.append([texts[i] for i in splits["validation"]])
    assert carved[0] == carved[1]
    assert len(carved[0]) == 3


def test_the_order_of_the_training_texts_does_not_hang_on_the_others() -> None:
    train = [f"train {i}" for i in range(20)]
    orders = []
    for n_others in (3, 9):
        texts = train + [f"other {i}" for i in range(2 * n_others)]
        names = ["train"] * 20 + ["validation", "test"] * n_others
        splits = split_as_given(names, content_ids(texts), np.zeros(len(texts), dtype=np.int64), 42)
        orders.append([texts[i] for i in splits["train"]])
    assert orders[0] == orders[1] != sorted(orders[0])


def test_content_ids_tell_texts_apart() -> None:
    ids = content_ids(["a", "a", "A", "", "\ud800"])
    assert ids[0] == ids[1]
    assert len(set(ids)) == 4
    assert all(len(digits) == 32 for digits in ids)


@pytest.mark.parametrize(
    ("labels", "names"),
    [
        (["b", "a"], ("a", "b")),
        (["10", "9"], ("9", "10")),
        (["1", "nan"], ("1", "nan")),
        (["-1", "0.5"], ("-1", "0.5")),
    ],
)
def test_class_names_are_in_order(labels: list[str], names: tuple[str, ...]) -> None:
    found, codes = classes_of(labels, "here")
    assert found == names
    assert [found[code] for code in codes] == labels


def test_one_class_is_refused() -> None:
    with pytest.raises(InputError, match=r"here: every label is 'a'"):
        classes_of(["a", "a"], "here")

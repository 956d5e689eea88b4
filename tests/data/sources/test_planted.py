import itertools
from collections.abc import Callable

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from tokenlayer.data.prepare import prepare
from tokenlayer.data.sources.planted import PlantedConfig
from tokenlayer.data.types import PreparedDataset, RawDataset
from tokenlayer.errors import InputError


def ngrams_of_class(raw: RawDataset, label: int) -> tuple[str, ...]:
    assert raw.ground_truth is not None
    return raw.ground_truth.patterns[raw.class_names[label]]


@pytest.mark.parametrize("n_classes", [2, 4])
def test_a_text_holds_patterns_of_its_class_and_of_no_other(n_classes: int) -> None:
    raw = PlantedConfig(n_texts=300, n_classes=n_classes, noise=0.0).load()
    assert raw.class_names == tuple(f"class_{i}" for i in range(n_classes))
    for text, label in zip(raw.texts, raw.labels, strict=True):
        for other in range(n_classes):
            assert any(ngram in text for ngram in ngrams_of_class(raw, other)) == (other == label)


def test_distractors_occur_in_all_classes_alike() -> None:
    raw = PlantedConfig(n_texts=2000, noise=0.0).load()
    assert raw.ground_truth is not None
    for ngram in raw.ground_truth.distractors:
        shares = [
            np.mean([ngram in text for text, of in zip(raw.texts, raw.labels, strict=True) if of == label])
            for label in (0, 1)
        ]
        assert abs(shares[0] - shares[1]) < 0.08
        assert min(shares) > 0.1


def test_no_pattern_stands_in_another() -> None:
    raw = PlantedConfig(n_texts=10, n_patterns=30, n_distractors=30).load()
    assert raw.ground_truth is not None
    ngrams = [*itertools.chain(*raw.ground_truth.patterns.values()), *raw.ground_truth.distractors]
    assert len(ngrams) == 90
    assert {len(ngram) for ngram in ngrams} == {4, 5, 6, 7}
    assert not [pair for pair in itertools.permutations(ngrams, 2) if pair[0] in pair[1]]


def test_noise_replaces_labels() -> None:
    clean, noisy = (PlantedConfig(n_texts=3000, noise=noise).load() for noise in (0.0, 0.2))
    assert clean.ground_truth == noisy.ground_truth
    wrong = [
        not any(ngram in text for ngram in ngrams_of_class(noisy, label))
        for text, label in zip(noisy.texts, noisy.labels, strict=True)
    ]
    assert np.mean(wrong) == pytest.approx(0.2, abs=0.03)


def test_generation_has_a_seed_of_its_own(cache_dir: str) -> None:
    def texts(**settings: int) -> list[str]:
        return PlantedConfig(n_texts=20, **settings).load().texts

    assert texts() == texts(split_seed=1)
    assert texts() != texts(generation_seed=1)


@pytest.fixture(scope="module")
def default_data(tmp_path_factory: pytest.TempPathFactory) -> PreparedDataset:
    return prepare(PlantedConfig(cache_dir=str(tmp_path_factory.mktemp("cache"))))


@pytest.fixture(scope="module")
def accuracy(default_data: PreparedDataset) -> Callable[[list[str]], float]:
    """Test accuracy of a linear model of which n-grams are present."""
    splits = {name: default_data.splits[name] for name in ("train", "test")}
    texts = {name: [default_data.alphabet.decode(row) for row in split.codes] for name, split in splits.items()}

    def of(ngrams: list[str]) -> float:
        present = {name: [[ngram in text for ngram in ngrams] for text in texts[name]] for name in texts}
        model = LogisticRegression().fit(np.array(present["train"]), splits["train"].labels)
        return float(model.score(np.array(present["test"]), splits["test"].labels))

    return of


def test_the_right_patterns_classify_and_random_frequent_ngrams_do_not(
    default_data: PreparedDataset, accuracy: Callable[[list[str]], float]
) -> None:
    truth = default_data.ground_truth
    assert truth is not None
    patterns = [ngram for ngrams in truth.patterns.values() for ngram in ngrams]
    assert accuracy(patterns) > 0.95
    assert accuracy(list(truth.distractors)) < 0.6
    corpus = default_data.alphabet.decode(default_data.corpus())
    rng = np.random.default_rng(0)
    starts, lens = rng.integers(0, len(corpus) - 8, 50), rng.choice([4, 5, 6, 7], 50)
    assert accuracy([corpus[start : start + k] for start, k in zip(starts, lens, strict=True)]) < 0.75


def test_the_truth_survives_the_cache(default_data: PreparedDataset) -> None:
    assert default_data.ground_truth == PlantedConfig().load().ground_truth
    assert default_data.report.texts == {"train": 4200, "validation": 900, "test": 900}
    assert default_data.report.cut_texts["train"] < 42


def test_impossible_settings_are_named() -> None:
    config = PlantedConfig(n_words=3, noise=1.0, pattern_lengths=[2], n_distractors=0)
    with pytest.raises(InputError) as caught:
        prepare(config)
    for name in ("n_words", "noise", "pattern_lengths", "distractors_per_text"):
        assert f"dataset.{name}: " in str(caught.value)


def test_more_patterns_than_there_are() -> None:
    config = PlantedConfig(pattern_lengths=[3], n_patterns=2000)
    with pytest.raises(InputError, match="there are not enough patterns"):
        config.load()


def test_without_distractors() -> None:
    raw = PlantedConfig(n_texts=10, n_distractors=0, distractors_per_text=0).load()
    assert raw.ground_truth is not None
    assert raw.ground_truth.distractors == ()

"""The estimators as users of scikit-learn know them."""

import pickle
import signal
import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from scipy import sparse
from sklearn.base import clone, is_classifier
from sklearn.exceptions import NotFittedError
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import Pipeline, make_pipeline
from small_texts import MOODS, labelled

from tokenlayer import InputError, TokenClassifier, TokenSelector
from tokenlayer.text.cleaning import CleaningConfig, clean
from tokenlayer.training.module import TokenizationModule

TEXTS, LABELS = labelled()


@pytest.fixture(scope="module", autouse=True)
def short_trainings() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tokenlayer.training.trainer._EPOCHS", range(4, 9))  # a few texts are read 20 times otherwise
        yield


@pytest.fixture(scope="module")
def classifier() -> TokenClassifier:
    return TokenClassifier(n_tokens=6).fit(TEXTS, LABELS)


@pytest.fixture(scope="module")
def selector() -> TokenSelector:
    return TokenSelector(n_tokens=6).fit(TEXTS, LABELS)


def test_parameters_are_cloned() -> None:
    for estimator in (TokenClassifier(n_tokens=7, random_state=3, verbose=1), TokenSelector(n_tokens=7, binary=True)):
        copy = clone(estimator)
        assert copy.get_params() == estimator.get_params()
        assert copy.set_params(n_tokens=9).n_tokens == 9
        tags = estimator.__sklearn_tags__()
        assert tags.input_tags.string
        assert tags.target_tags.required
    assert TokenClassifier().get_params() == {"n_tokens": 500, "random_state": 0, "verbose": 0}
    assert is_classifier(TokenClassifier())
    assert not is_classifier(TokenSelector())


@pytest.fixture
def ctrl_c() -> Iterator[None]:
    """Ctrl-C as Python has it: a shell that runs tests in the background has it ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("ctrl_c")
def test_ctrl_c_ends_the_fit_and_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lightning would end the process, a notebook with all that is in it, and leave Ctrl-C without effect."""
    before = signal.getsignal(signal.SIGINT), torch.get_num_threads()
    step = TokenizationModule.optimizer_step

    def pressed(module: TokenizationModule, *args: Any) -> None:
        step(module, *args)
        if module.trainer.global_step == 3:
            signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(TokenizationModule, "optimizer_step", pressed)
    classifier = TokenClassifier(n_tokens=6)
    with pytest.raises(KeyboardInterrupt):
        classifier.fit(TEXTS, LABELS)
    assert (signal.getsignal(signal.SIGINT), torch.get_num_threads()) == before
    with pytest.raises(NotFittedError):
        classifier.predict(TEXTS)
    monkeypatch.undo()
    assert classifier.fit(TEXTS, LABELS).score(TEXTS, LABELS) > 0.9


def test_predictions_hang_together(classifier: TokenClassifier) -> None:
    probabilities, decision = classifier.predict_proba(TEXTS), classifier.decision_function(TEXTS)
    assert classifier.classes_.tolist() == ["splendid", "tedious"]
    np.testing.assert_allclose(probabilities.sum(1), 1)
    np.testing.assert_allclose(probabilities[:, 1], 1 / (1 + np.exp(-decision)), rtol=1e-6)
    assert classifier.predict(TEXTS).tolist() == classifier.classes_[probabilities.argmax(1)].tolist()
    assert classifier.score(TEXTS, LABELS) == 1.0
    assert len(classifier.tokens_) == len(set(classifier.tokens_)) == 6
    assert any("splendid" in token or "tedious" in token for token in classifier.tokens_)


def test_a_pickle_says_the_same_and_holds_no_texts(classifier: TokenClassifier) -> None:
    pickled = pickle.dumps(classifier)
    assert len(pickled) < 200_000
    assert TEXTS[0].encode() not in pickled
    assert pickle.loads(pickled).predict_proba(TEXTS).tolist() == classifier.predict_proba(TEXTS).tolist()


@pytest.mark.parametrize("make", [np.array, tuple, pd.Series, lambda texts: pd.Series(texts, dtype="string")])
def test_texts_come_as_anything_that_holds_them(classifier: TokenClassifier, make: object) -> None:
    assert classifier.predict(make(TEXTS)).tolist() == classifier.predict(TEXTS).tolist()


def test_an_order_of_rows_makes_no_difference(classifier: TokenClassifier) -> None:
    frame = pd.DataFrame({"text": TEXTS, "label": LABELS}).sample(frac=1, random_state=1)
    again = TokenClassifier(n_tokens=6).fit(frame["text"], frame["label"])
    assert again.tokens_ == classifier.tokens_
    assert again.predict_proba(TEXTS).tolist() == classifier.predict_proba(TEXTS).tolist()


@pytest.mark.parametrize("labels", [[3, 7, 11], [True, False], ["b", "a", "c"]], ids=str)
def test_labels_come_back_as_they_are(labels: list[object]) -> None:
    texts, moods = labelled(len(labels))
    y = np.array([labels[MOODS.index(mood)] for mood in moods])
    fitted = TokenClassifier(n_tokens=6).fit(texts, y)
    assert fitted.classes_.tolist() == sorted(labels)
    assert fitted.classes_.dtype == fitted.predict(texts).dtype == y.dtype
    assert fitted.predict_proba(texts).shape == (len(texts), len(labels))
    assert fitted.decision_function(texts).shape == ((len(texts),) if len(labels) == 2 else (len(texts), len(labels)))
    assert fitted.score(texts, y) == 1.0


def test_columns_are_those_that_a_count_vectorizer_counts(selector: TokenSelector) -> None:
    """Beyond the end of what is read, and where tokens overlap, too."""
    counts = selector.transform([*TEXTS, "Splendid, splendid <br />splendid!", "", "x " * 60 + "splendid"])
    names = selector.get_feature_names_out()
    assert sparse.issparse(counts)
    assert counts.format == "csr"
    assert counts.dtype == np.int64
    assert names.tolist() == selector.tokens_
    lengths = [len(token) for token in names]
    vectorizer = CountVectorizer(
        analyzer="char", ngram_range=(min(lengths), max(lengths)), vocabulary=names, lowercase=False
    )
    known = set(selector._fitted.reader.alphabet.symbols)
    cleaned = [
        "".join(filter(known.__contains__, clean(text, CleaningConfig())))[: selector.text_length_]
        for text in [*TEXTS, "Splendid, splendid <br />splendid!", "", "x " * 60 + "splendid"]
    ]
    assert (counts != vectorizer.transform(cleaned)).nnz == 0
    assert counts.max() >= 3
    assert counts[61].nnz == 0
    binary = TokenSelector(n_tokens=6, binary=True).fit(TEXTS, LABELS).transform(["splendid splendid"])
    assert binary.data.tolist() == [1] * selector.transform(["splendid splendid"]).nnz


def test_set_output_goes_as_far_as_for_other_sparse_features(selector: TokenSelector) -> None:
    copy = pickle.loads(pickle.dumps(selector))
    assert sparse.issparse(copy.set_output(transform="default").transform(TEXTS))
    with pytest.raises(ValueError, match="outputs a scipy sparse matrix"):
        copy.set_output(transform="pandas").transform(TEXTS)


def test_a_pipeline_a_search_and_a_cross_validation() -> None:
    pipeline = make_pipeline(TokenSelector(n_tokens=5), LogisticRegression()).fit(TEXTS, LABELS)
    assert pipeline.score(TEXTS, LABELS) == 1.0
    assert len(pipeline[:-1].get_feature_names_out()) == 5
    search = GridSearchCV(Pipeline([("tokens", TokenClassifier())]), {"tokens__n_tokens": [1, 6]}, cv=2)
    assert search.fit(TEXTS, LABELS).cv_results_["mean_test_score"].min() > 0.7
    assert cross_val_score(TokenClassifier(n_tokens=6), TEXTS, LABELS, cv=2).min() > 0.7


def test_the_seed_decides(classifier: TokenClassifier) -> None:
    fits = [
        TokenClassifier(n_tokens=6, random_state=state).fit(TEXTS, LABELS).predict_proba(TEXTS).tolist()
        for state in (0, np.random.RandomState(5), np.random.RandomState(5))
    ]
    assert fits[0] == classifier.predict_proba(TEXTS).tolist()
    assert fits[1] == fits[2] != fits[0]


def test_fewer_tokens_than_asked_for_are_told() -> None:
    texts = [f"{word} {i % 3}" for i, word in enumerate(["ab", "cd"] * 10)]
    for n_tokens in (400, 5000):
        with pytest.warns(UserWarning, match=rf"different tokens, fewer than n_tokens={n_tokens}"):
            fitted = TokenSelector(n_tokens).fit(texts, ["a", "b"] * 10)
        assert len(set(fitted.tokens_)) == len(fitted.tokens_) == fitted.transform(texts).shape[1] < 100
        assert fitted.transform(texts).max() == 1


X2 = np.array(TEXTS).reshape(-1, 1)


@pytest.mark.parametrize(
    ("X", "y", "weights", "message"),
    [
        ("splendid", ["a"], None, "a str is no list of texts"),
        (X2, LABELS, None, "give a list of strings, or one column of a table"),
        (pd.DataFrame({"text": TEXTS}), LABELS, None, "one column of a table"),
        ([], [], None, "the list is empty"),
        ([*TEXTS[:3], None], LABELS[:4], None, r"texts\[3\] is None, no text"),
        ([float("nan"), *TEXTS[:3]], LABELS[:4], None, r"texts\[0\] is nan, no text"),
        ([b"splendid", *TEXTS[:3]], LABELS[:4], None, r"texts\[0\] is a bytes, no text"),
        ([["splendid"], *TEXTS[:3]], LABELS[:4], None, r"texts\[0\] is a list, no text"),
        (TEXTS, None, None, "y is None"),
        (TEXTS, LABELS[:-1], None, "inconsistent numbers of samples"),
        (TEXTS, ["a"] * 60, None, "every label is 'a'"),
        (TEXTS, [None, *LABELS[1:]], None, r"several kinds \(NoneType, str\)"),
        (TEXTS, [float("nan"), *LABELS[1:]], None, r"several kinds \(float, str\)"),
        (TEXTS, [0, *LABELS[1:]], None, r"several kinds \(int, str\)"),
        (TEXTS, np.linspace(0, 1, 60), None, "continuous"),
        (TEXTS, np.ones((60, 2)), None, "1d"),
        (TEXTS, LABELS, [1.0], r"sample_weight has the shape \(1,\)"),
        (TEXTS, LABELS, [-1.0] * 60, "sample_weight holds a number below 0"),
        (TEXTS, LABELS, [np.nan] * 60, "sample_weight holds .* not finite"),
        (TEXTS, LABELS, ["a"] * 60, "sample_weight: could not convert"),
        (TEXTS, LABELS, [0.0] * 60, "every weight is 0"),
        (TEXTS, LABELS, [1e300] * 60, r"adds up to 6e\+301, more than 1e\+12"),
        (TEXTS, LABELS, [1e308] * 60, r"adds up to inf, more than 1e\+12"),
        (TEXTS, LABELS, [1.0, 0.0] * 30, "every label is 'splendid'"),
        (["..."] * 60, LABELS, None, "no text is left after cleaning"),
        (TEXTS, [str(i) for i in range(60)], None, "60 different labels"),
    ],
)
@pytest.mark.filterwarnings("ignore")  # of types of targets
def test_bad_input_is_a_value_error(X: object, y: object, weights: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        TokenClassifier(n_tokens=6).fit(X, y, weights)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"n_tokens": 0}, "n_tokens=0: give a whole number"),
        ({"n_tokens": 2.5}, "n_tokens=2.5"),
        ({"n_tokens": True}, "n_tokens=True"),
        ({"random_state": -1}, "random_state=-1"),
        ({"random_state": "x"}, "cannot be used to seed"),
    ],
)
def test_bad_parameters_are_value_errors(parameters: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        TokenSelector(**parameters).fit(TEXTS, LABELS)


def test_what_is_asked_of_a_fitted_one(classifier: TokenClassifier, selector: TokenSelector) -> None:
    for ask in (classifier.predict, classifier.predict_proba, classifier.decision_function, selector.transform):
        with pytest.raises(InputError, match="the list is empty"):
            ask([])
        with pytest.raises(ValueError, match=r"texts\[1\] is None"):
            ask(["a", None])
    with pytest.raises(ValueError, match=r"(?i)mix"):
        classifier.score(TEXTS, [0, 1] * 30)
    for unfitted in (TokenClassifier().predict, TokenSelector().transform):
        with pytest.raises(NotFittedError):
            unfitted(TEXTS)
    with pytest.raises(NotFittedError):
        TokenSelector().get_feature_names_out()


def test_integer_weights_are_as_many_texts(classifier: TokenClassifier) -> None:
    """Not exactly, for the batches are others; but nearly the same probabilities."""
    weights = np.array([3 if "town" in text else 1 for text in TEXTS])
    rows = np.repeat(np.arange(60), weights)
    weighted = TokenClassifier(n_tokens=6).fit(TEXTS, LABELS, sample_weight=weights)
    repeated = TokenClassifier(n_tokens=6).fit([TEXTS[i] for i in rows], [LABELS[i] for i in rows])
    assert abs(weighted.predict_proba(TEXTS) - repeated.predict_proba(TEXTS)).mean() < 0.15
    assert weighted.predict_proba(TEXTS).tolist() != classifier.predict_proba(TEXTS).tolist()


def test_weights_of_one_are_none_and_a_text_of_weight_zero_is_not_there(classifier: TokenClassifier) -> None:
    ones = TokenClassifier(n_tokens=6).fit(TEXTS, LABELS, sample_weight=np.ones(60))
    assert ones.tokens_ == classifier.tokens_
    np.testing.assert_allclose(ones.predict_proba(TEXTS), classifier.predict_proba(TEXTS), atol=1e-4)
    with_noise = TokenClassifier(n_tokens=6).fit(
        [*TEXTS, "rain rain rain"], [*LABELS, "wet"], sample_weight=[1.0] * 60 + [0.0]
    )
    assert with_noise.classes_.tolist() == ["splendid", "tedious"]
    assert with_noise.predict_proba(TEXTS).tolist() == ones.predict_proba(TEXTS).tolist()


def test_weights_decide_between_labels_that_contradict_each_other() -> None:
    texts = TEXTS + TEXTS
    labels = LABELS + LABELS[1:] + LABELS[:1]  # the second time, each has the label of the other class
    fitted = TokenClassifier(n_tokens=6).fit(texts, labels, sample_weight=np.repeat([1.0, 4.0], 60))
    assert fitted.score(TEXTS, labels[60:]) == 1.0


def test_a_fit_leaves_the_process_as_it_was(capfd: pytest.CaptureFixture[str], tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TOKENLAYER_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("TMPDIR", str(tmp_path / "temporary"))
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr("tempfile.tempdir", None)
    torch.manual_seed(3)
    before = torch.get_rng_state(), np.random.get_state()[1].tolist(), torch.are_deterministic_algorithms_enabled()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        TokenClassifier(n_tokens=6).fit(TEXTS, LABELS)
    after = torch.get_rng_state(), np.random.get_state()[1].tolist(), torch.are_deterministic_algorithms_enabled()
    assert torch.equal(before[0], after[0])
    assert before[1:] == after[1:]
    assert capfd.readouterr() == ("", "")
    assert [path.name for path in tmp_path.rglob("*")] == ["temporary"]


def test_verbose_shows_how_far_it_is(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tokenlayer.progress_bars._DELAY", 0.0)
    TokenClassifier(n_tokens=6, verbose=1).fit(TEXTS, LABELS)
    out, err = capfd.readouterr()
    assert "training" in err
    assert out == ""

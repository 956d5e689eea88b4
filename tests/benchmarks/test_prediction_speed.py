"""The speed of predictions on tiny shapes; the figures themselves are not tested."""

import io
import json

import pytest
from benchmarks import prediction
from benchmarks.source import generate
from rich.console import Console

TINY = (
    "dataset=imdb",
    "dataset.text_length=200",
    "dataset.batch_size=8",
    "model.vocab_size=20",
    "learning_rule=frozen",
    "trainer.threads=1",
)


def in_this_process(target, **settings):
    module, function = target.split(":")
    measure = getattr(__import__(module, fromlist=[function]), function)
    return {**json.loads(json.dumps(measure(**settings))), "peak_mb": 100.0}


@pytest.mark.slow
def test_every_kind_of_text_is_measured(tmp_path, monkeypatch):
    monkeypatch.setattr(prediction, "in_child", in_this_process)
    source = tmp_path / "reviews.csv"
    generate(source, n_texts=80)
    results = prediction.measured(source, tmp_path, 5, Console(file=io.StringIO()), TINY)
    assert (results["long"]["texts"], results["long longer table"]["texts"]) == (5, 20)
    assert (results["short"]["texts"], results["short longer table"]["texts"]) == (25, 100)
    assert all(results[name]["per_second"] > 0 for name in results)
    shown = prediction.table({"source": "x", "machine": {"hardware": {"cpu": "y"}, "load_average": 0.0}, **results})
    assert shown.row_count == 6


def test_texts_are_cut_to_length_as_often_as_it_takes():
    assert prediction.cut(["abc", "de"], 4, 4)["text"].tolist() == ["abc ", "de a", "bc d", "e ab"]

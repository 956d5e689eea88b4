"""The cost of the index on tiny shapes; the figures themselves are not tested."""

import io

import pytest
from benchmarks import ngram_index
from rich.console import Console

TINY = (
    "dataset=planted",
    "dataset.n_texts=400",
    "dataset.text_length=60",
    "model.vocab_size=20",
    "learning_rule=graft",
    "learning_rule.ngram_lengths=[2,3,4]",
    "initializer.ngram_lengths=[2,3,4]",
    "trainer.threads=1",
)


@pytest.fixture(scope="module")
def result(tmp_path_factory):
    return ngram_index.measure([*TINY, f"dataset.cache_dir={tmp_path_factory.mktemp('cache')}"])


def test_every_stage_is_timed(result):
    assert set(result["stages"]) == set(ngram_index.STAGES)
    assert all(seconds > 0 for seconds in result["stages"].values())
    assert sum(result["stages"].values()) == pytest.approx(result["seconds"])
    assert result["entries"] > result["ngrams"] > 10
    assert result["selection_s"] > 0


def test_digests_tell_what_was_made(result, tmp_path):
    again = ngram_index.measure([*TINY, f"dataset.cache_dir={tmp_path}"])
    assert again["digests"] == result["digests"]
    fewer = ngram_index.measure([*TINY, f"dataset.cache_dir={tmp_path}"], n_texts=250)
    assert fewer["texts"] == 250
    assert fewer["digests"]["index"] != result["digests"]["index"]
    assert fewer["digests"]["teacher"] != result["digests"]["teacher"]
    assert fewer["digests"]["choice"] != result["digests"]["choice"]


def test_a_row_for_each_stage(result):
    output = io.StringIO()
    machine = {"hardware": {"cpu": "x"}, "load_average": 0.0}
    shown = ngram_index.table({"source": "planted", "machine": machine, **result})
    Console(file=output, width=200).print(shown)
    assert shown.row_count == 2 + len(ngram_index.STAGES)
    assert all(stage in output.getvalue() for stage in ngram_index.STAGES)

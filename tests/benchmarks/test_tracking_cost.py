"""The cost of recording on tiny shapes; the figures themselves are not tested."""

import io
import json
import shutil

import pytest
from benchmarks import tracking
from rich.console import Console

from tokenlayer import find_runs
from tokenlayer.tracking.config import TrackingConfig
from tokenlayer.tracking.reading import metric_history

pytestmark = pytest.mark.slow

TINY = ("dataset.n_texts=200", "dataset.text_length=60", "dataset.n_words=12", "dataset.batch_size=8")
FEW = ("model.vocab_size=20", "trainer.max_epochs=1", "callbacks.figures=null", "callbacks.token_history=null")


def in_this_process(target, **settings):
    module, function = target.split(":")
    measure = getattr(__import__(module, fromlist=[function]), function)
    return {**json.loads(json.dumps(measure(**settings))), "peak_mb": 100.0}


def test_all_ways_are_timed_and_compared_within_a_round(tmp_path, empty_database, monkeypatch):
    shutil.copyfile(empty_database, tmp_path / "server.db")
    monkeypatch.setattr(tracking, "in_child", in_this_process)
    overrides = tracking.configured(None, tmp_path / "cache", 1, [*TINY, *FEW])
    uri = f"sqlite:///{tmp_path}/server.db"  # in the place of a server, which takes long to start
    results = tracking.measured(overrides, 1, tracking.Server(uri, None), tmp_path, Console(file=io.StringIO()))
    for way in tracking.WAYS:
        (run,) = results["runs"][way]
        assert run["steps"] == 17
        assert all(run[phase][clock] > 0 for phase in tracking.PHASES for clock in ("wall_s", "cpu_s"))
    assert "train/loss" in find_runs(uri).columns.str.removeprefix("metrics.").tolist()
    results["runs"][tracking.NOTHING][0]["fit"]["wall_s"] = 10.0
    results["runs"][tracking.SQLITE][0]["fit"]["wall_s"] = 10.9
    results["runs"][tracking.SERVER][0]["fit"]["wall_s"] = 11.2
    assert tracking.overhead(results, tracking.SQLITE, "fit", "wall_s") == pytest.approx([9.0])
    output = io.StringIO()
    Console(file=output, width=200).print(tracking.table(results))
    assert (output.getvalue().count("✓"), output.getvalue().count("✗")) == (1, 1)


def test_a_long_run_is_recorded_whole(output_dir):
    run_id, timed = tracking.write_long_run(TrackingConfig(), output_dir, 2500, every=1000)
    assert timed["steps"] == 2500
    assert metric_history(run_id, "train/loss", output_dir=output_dir)["step"].tolist() == list(range(2500))
    Console(file=io.StringIO()).print(tracking.long_table({"SQLite": timed}))

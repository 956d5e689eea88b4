"""The whole benchmark on tiny shapes; the figures themselves are not tested."""

import io
import json
import shutil

import pytest
from benchmarks import report, run
from benchmarks.parts import LOOP, RECORDED
from mlflow.tracking import MlflowClient
from rich.console import Console

pytestmark = pytest.mark.slow

TINY = (
    "dataset=planted",
    "dataset.n_texts=200",
    "dataset.text_length=60",
    "dataset.n_words=12",
    "dataset.batch_size=8",
    "initializer=original",
    "initializer.ngram_lengths=[2,3,4]",
    "initializer.padding=blank",
    "model=original",
    "optimizer=original",
    "learning_rule=original",
    "model.vocab_size=30",
    "model.head.hidden=4",
    "trainer.accelerator=cpu",
    "trainer.threads=1",
    "trainer.max_epochs=10",
    "callbacks.figures=null",
    "callbacks.token_history=null",
)


def in_this_process(target, **settings):
    module, function = target.split(":")
    measure = getattr(__import__(module, fromlist=[function]), function)
    return {**json.loads(json.dumps(measure(**settings))), "peak_mb": 100.0}


@pytest.fixture(scope="module")
def results(tmp_path_factory, empty_database):
    folder = tmp_path_factory.mktemp("benchmark")
    shutil.copyfile(empty_database, folder / "mlflow.db")
    overrides = [*TINY, f"tracking.uri=sqlite:///{folder / 'mlflow.db'}", f"dataset.cache_dir={folder / 'cache'}"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(run, "in_child", in_this_process)
        patch.setattr(run, "PART_STEPS", 11)
        measured = run.measured(overrides, 6, False, Console(file=io.StringIO()))
    return measured | {"source": "planted"}


def test_all_steps_are_timed_in_both_ways(results):
    for name in ("step", "loop_only"):
        runs = results[name]["runs"]
        assert [len(timed["steps_ms"]) for timed in runs] == [6, 6]
        assert {timed["commit_every"] for timed in runs} == {3}  # ⌊17 batches / 5⌋
        assert results[name]["steps_of_each"] == [3, 3]


def test_only_one_way_records(results):
    uri = next(text for text in results["overrides"] if text.startswith("tracking.uri=")).partition("=")[2]
    client = MlflowClient(tracking_uri=uri)
    experiments = [experiment.experiment_id for experiment in client.search_experiments()]
    runs = client.search_runs(experiments, order_by=["attributes.start_time ASC"])
    assert ["train/loss" in found.data.metrics for found in runs] == [True, False, True, False]


def test_every_part_is_timed(results):
    parts = results["parts"]["parts_ms"]
    assert set(parts) == {*LOOP, *RECORDED}
    assert all(ms > 0 for ms in parts.values())
    assert results["parts"]["matches"] > 0


def test_the_dense_route_does_the_same(results):
    loss = results["dense"]["loss"]
    assert loss["dense"] == pytest.approx(loss["matches"], rel=1e-5)


def test_data_and_evaluation_take_all_texts(results):
    assert results["data_first"]["texts"] == results["data_cached"]["texts"] == 200
    assert results["initializer"]["shape"][1:] == [4, 30]
    assert results["evaluation"]["texts"] == 30


def test_the_table_holds_the_figures_against_their_targets(results):
    figures = {figure.name.strip(): figure for figure in report.figures(results | {"original": {"error": "none"}})}
    assert figures["cleaning and encoding, first time"].at_most == 15
    slow = report.Figure("step", 26, "ms", 25)
    assert ("✗" in slow.verdict, "✓" in report.Figure("step", 25, "ms", 25).verdict) == (True, True)
    output = io.StringIO()
    report.show(Console(file=output, width=200), results | {"original": {"error": "no python3.11"}})
    text = output.getvalue()
    assert "no python3.11" in text
    for name in (*figures, *LOOP, *RECORDED[:2], "of it prefix table", "Lightning and the rest"):
        assert name in text


def test_the_original_is_held_against_our_step(results):
    times = {"loop_ms": 5900.0, "loop_ready_ms": 5000.0, "fit_ms": 2000.0, "fit_ready_ms": 1000.0}
    known = results | {"original": times | {"loop_peak_mb": None}}
    known |= {"step": results["step"] | {"mean_ms": 20.0, "mean_ms_of_each": [19.0, 21.0]}}
    known |= {"loop_only": results["loop_only"] | {"mean_ms": 16.0, "mean_ms_of_each": [16.0, 16.0]}}
    figures = {figure.name: figure for figure in report.figures(known)}
    assert figures["original: its loop, with its logs"].note.startswith("295 × ours")
    assert figures["original: compiled fit"].note.startswith("125 × ours")
    share = figures["callbacks, statistics, writers"]
    assert share.value == pytest.approx(20)
    assert "?" not in share.verdict
    known["step"]["mean_ms_of_each"] = [15.0, 25.0]
    assert "?" in {figure.name: figure for figure in report.figures(known)}[share.name].verdict


def test_the_parts_add_up_to_the_step(results):
    table = report.parts_table(results)
    names, ms = (list(column.cells) for column in table.columns[:2])
    row = {str(name): float(value) for name, value in zip(names, ms, strict=True)}
    parts = [
        value for name, value in row.items() if not name.startswith(("  of it", "nothing", "everything", "not in"))
    ]
    assert sum(parts) == pytest.approx(row["everything"], abs=0.1)
    assert row["everything"] == pytest.approx(results["step"]["mean_ms"], abs=0.01)


def test_all_numbers_are_written(results, tmp_path):
    path = tmp_path / "new" / "results.json"
    run.write(path, results)
    written = json.loads(path.read_text(encoding="utf-8"))
    assert written["machine"]["packages"]["torch"]
    assert written["step"]["runs"][0]["steps_ms"] == results["step"]["runs"][0]["steps_ms"]
    assert [file.name for file in path.parent.iterdir()] == ["results.json"]

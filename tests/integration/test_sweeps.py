"""A multirun as one sweep: its parent, its children, and the same command again."""

import json
import re
from pathlib import Path

import pytest
from tiny_runs import TINY, Recorded, Store, without

from tokenlayer.cli.main import main
from tokenlayer.tracking.config import TrackingConfig
from tokenlayer.tracking.sweep_run import SweepIdentity, SweepRun

FEW_STEPS = "trainer.max_steps=2"
SWEPT = ("initializer=random_ngrams,bpe", "seed=0,1")


def command(output_dir: Path, *swept: str) -> list[str]:
    return ["train", "-m", *without("initializer"), f"output_dir={output_dir}", FEW_STEPS, *swept]


def parents(store: Store) -> list[Recorded]:
    return [run for run in store.runs() if run.run.data.tags.get("tokenlayer.kind") == "sweep"]


def children(store: Store) -> list[Recorded]:
    return [run for run in store.runs() if "mlflow.parentRunId" in run.run.data.tags]


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Store:
    """A store with a finished sweep of two initializers and two seeds; tests leave it as it is."""
    store = Store(tmp_path_factory.mktemp("done"))
    assert main(command(store.output_dir, *SWEPT)) == 0
    return store


def test_one_parent_with_a_child_for_each_job(done: Store) -> None:
    (parent,) = parents(done)
    assert parent.run.info.status == "FINISHED"
    runs = children(done)
    assert {run.run.data.tags["mlflow.parentRunId"] for run in runs} == {parent.run_id}
    names = [f"initializer={initializer} seed={seed}" for initializer in ("random_ngrams", "bpe") for seed in (0, 1)]
    assert [run.run.info.run_name for run in runs] == names
    assert [(run.run.data.tags["initializer"], run.run.data.tags["seed"]) for run in runs][2] == ("bpe", "0")
    assert json.loads(parent.run.data.tags["tokenlayer.sweep.keys"]) == ["initializer", "seed"]
    assert len(done.runs()) == 5
    made_by = [run.run.data.params["initializer._target_"].rpartition(".")[2] for run in runs]
    assert made_by == ["RandomNgramsConfig"] * 2 + ["BpeConfig"] * 2, "by settings of their own"


def test_what_is_common_stands_on_the_parent(done: Store) -> None:
    (parent,) = parents(done)
    common = parent.run.data.params
    assert common["model.vocab_size"] == "30"
    assert "seed" not in common
    assert "initializer._target_" not in common
    assert {run.run.data.params["seed"] for run in children(done)} == {"0", "1"}, "a child has all of its own"


def test_the_parent_shows_the_result(done: Store) -> None:
    (parent,) = parents(done)
    assert {key: parent.run.data.metrics[f"jobs/{key}"] for key in ("done", "failed", "left")} == {
        "done": 4,
        "failed": 0,
        "left": 0,
    }
    results = json.loads((parent.artifacts / "sweep/results.json").read_text())
    assert [row[0] for row in results["data"]] == ["bpe", "random_ngrams"]
    column = results["columns"].index("test/accuracy mean")
    of_bpe = [run.run.data.metrics["test/accuracy"] for run in children(done)][2:]
    assert results["data"][0][column] == pytest.approx(sum(of_bpe) / 2)
    note = parent.run.data.tags["mlflow.note.content"]
    header = "validation/accuracy (%) | validation/accuracy sd | test/accuracy (%) | test/accuracy sd"
    assert f"| initializer | {header} | runs |" in note
    deviation = results["data"][0][results["columns"].index("test/accuracy std")]
    assert re.search(rf"^\| bpe \|.* \| {100 * deviation:.1f} \| 2 \|$", note, re.MULTILINE)
    assert "The interval of two runs reaches nine standard deviations" in note
    assert "4 jobs: 4 done" in note
    assert (parent.artifacts / "sweep/accuracy.png").read_bytes().startswith(b"\x89PNG")
    shown = json.loads(parent.run.data.tags["mlflow.loggedArtifacts"])
    assert [entry["path"] for entry in shown] == ["sweep/jobs.json", "sweep/results.json"]


def test_the_same_command_again_runs_nothing(done: Store, capsys: pytest.CaptureFixture[str]) -> None:
    before = [(run.run_id, run.run.info.end_time) for run in children(done)]
    assert main(command(done.output_dir, *SWEPT)) == 0
    assert [(run.run_id, run.run.info.end_time) for run in children(done)] == before
    printed = capsys.readouterr().out
    assert "4 jobs, 4 done" in printed
    assert "[1/4]" not in printed
    assert len(parents(done)) == 1


def test_more_values_extend_a_sweep(store: Store, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*command(store.output_dir, "seed=0,1"), "tracking.run_name=try"]) == 0
    check_lines(capsys.readouterr().out.splitlines())
    assert main([*command(store.output_dir, "seed=0,1,2"), "tracking.run_name=try"]) == 0
    printed = capsys.readouterr().out
    assert "3 jobs, 2 done, 1 to run" in printed
    assert re.findall(r"^\[\d/3\]", printed, re.MULTILINE) == ["[3/3]"] * 3
    assert [run.run.data.tags["seed"] for run in children(store)] == ["0", "1", "2"]
    assert [run.run.info.run_name for run in children(store)] == [f"try seed={seed}" for seed in range(3)]
    assert len(parents(store)) == 1


def test_other_values_extend_a_sweep(store: Store, capsys: pytest.CaptureFixture[str]) -> None:
    """A command line with new values alone: the parent still tells of all jobs."""
    assert main(command(store.output_dir, "seed=0,1")) == 0
    store.client.set_terminated(children(store)[1].run_id, "KILLED")
    capsys.readouterr()
    assert main(command(store.output_dir, "seed=2,3")) == 0, "its own jobs are done"
    printed = capsys.readouterr().out
    assert "2 jobs, 2 to run (and 2 of earlier command lines: 1 done, 1 interrupted)" in printed
    told = "4 jobs: 3 done, 1 interrupted (2 of them by earlier command lines; a command line with all values goes on "
    told += "with seed=1)"
    assert told in printed
    (parent,) = parents(store)
    assert parent.run.info.status == "FAILED", "not all are done"
    assert told in parent.run.data.tags["mlflow.note.content"]
    assert [parent.run.data.metrics[f"jobs/{key}"] for key in ("done", "failed", "left")] == [3, 0, 1]
    listed = json.loads((parent.artifacts / "sweep/jobs.json").read_text())["data"]
    assert [row[:2] for row in listed] == [["0", "done"], ["1", "interrupted"], ["2", "done"], ["3", "done"]]
    assert main(command(store.output_dir, "seed=1,2")) == 0
    assert "4 jobs: 4 done (2 of them by earlier command lines)" in capsys.readouterr().out
    assert parents(store)[0].run.info.status == "FINISHED"


def check_lines(lines: list[str]) -> None:
    """A few for each job, and a table in the end."""
    of_jobs = [line for line in lines if line.startswith("[")]
    assert len(of_jobs) == 6
    assert of_jobs[0] == "[1/2] seed=0"
    assert re.fullmatch(r"\[1/2\] run [0-9a-f]{32}", of_jobs[1])
    assert re.fullmatch(r"\[1/2\] test accuracy 0\.\d{4}, \d+ s", of_jobs[2])
    assert len(lines) < 20
    assert any("test/accuracy (%)" in line for line in lines)
    assert any(line.startswith("compare with: ") for line in lines)


def test_a_failed_job_stops_no_other_and_is_tried_again(store: Store, capsys: pytest.CaptureFixture[str]) -> None:
    failing = command(store.output_dir, "optimizer.lr=1e30,1e-3")
    failing[failing.index(FEW_STEPS)] = "trainer.max_steps=4"
    assert main(failing) == 2
    told = capsys.readouterr()
    assert "[1/2] failed: optimizer.lr=1e+30" in told.err
    assert "failed: optimizer.lr=1e+30: " in told.out, "once more in the end"
    failed, finished = children(store)
    assert (failed.run.info.status, finished.run.info.status) == ("FAILED", "FINISHED")
    assert "loss" in failed.run.data.tags["tokenlayer.error"]
    (parent,) = parents(store)
    assert parent.run.info.status == "FAILED"
    assert "failed: optimizer.lr=1e+30" in parent.run.data.tags["mlflow.note.content"]
    assert main(failing) == 2
    assert "2 jobs, 1 failed, 1 done" in capsys.readouterr().out
    assert [run.run_id for run in children(store)] == [failed.run_id, finished.run_id], "continued in its run"


def test_the_first_failure_may_end_a_sweep(store: Store) -> None:
    failing = command(store.output_dir, "optimizer.lr=1e30,1e-3", "sweep.fail_fast=true")
    failing[failing.index(FEW_STEPS)] = "trainer.max_steps=4"
    assert main(failing) == 1
    assert [run.run.info.status for run in children(store)] == ["FAILED"]
    (parent,) = parents(store)
    assert parent.run.data.metrics["jobs/left"] == 1


TABLE = "text,label\n" + "".join(f"a {word} text of {i} words,{word}\n" for i in range(30) for word in ("good", "bad"))


def table_command(store: Store, *more: str) -> list[str]:
    settings = [*without("dataset", "initializer"), "initializer=random_ngrams", "initializer.ngram_lengths=[2,3]"]
    place = f"output_dir={store.output_dir}"
    return [
        "train",
        "-m",
        "dataset=table",
        "dataset.text_column=text",
        "dataset.label_column=label",
        *settings,
        place,
        FEW_STEPS,
        "dataset.batch_size=8",
        *more,
    ]


def test_a_job_that_fails_before_it_trains_leaves_a_run(store: Store, tmp_path: Path) -> None:
    (tmp_path / "good.csv").write_text(TABLE)
    (tmp_path / "bad.csv").write_text("text,kind\nsome text,good\n")
    swept = f"dataset.source={tmp_path}/good.csv,{tmp_path}/bad.csv"
    assert main(table_command(store, swept)) == 2
    finished, failed = children(store)
    assert (finished.run.info.status, failed.run.info.status) == ("FINISHED", "FAILED")
    assert failed.run.info.run_name == "dataset.source=bad.csv"
    assert "label" in failed.run.data.tags["tokenlayer.error"]


def test_changed_texts_are_refused(store: Store, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = tmp_path / "texts.csv"
    source.write_text(TABLE)
    line = table_command(store, f"dataset.source={source}", "seed=0,1", "sweep.name=mine")
    assert main(line) == 0
    source.write_text(TABLE + "one more text,good\n")
    before = [run.run.info.status for run in store.runs()]
    assert main([*line[:-2], "seed=0,1,2", "sweep.name=mine"]) == 2
    assert "dataset: the texts have changed since the job seed=0 was run" in capsys.readouterr().err
    assert main([*line[:-2], "seed=2,3", "sweep.name=mine"]) == 2, "none of its jobs was run before"
    assert "dataset: the texts have changed since the job seed=0 was run" in capsys.readouterr().err
    assert [run.run.info.status for run in store.runs()] == before
    source.write_text(TABLE)
    assert main(line) == 0


def test_changed_code(done: Store, capsys: pytest.CaptureFixture[str]) -> None:
    changed = children(done)[0]
    code = changed.run.data.tags["tokenlayer.code"]
    done.client.set_tag(changed.run_id, "tokenlayer.code", "0" * 16)
    try:
        again = command(done.output_dir, *SWEPT)
        assert main(again) == 0
        assert "warning: the code of tokenlayer has changed since initializer=random" in capsys.readouterr().err
        assert main([*again, "sweep.code_changes=ignore"]) == 0
        assert "has changed" not in capsys.readouterr().err
        assert main([*again, "sweep.code_changes=refuse"]) == 2
        assert "sweep.code_changes=refuse: the code of tokenlayer has changed" in capsys.readouterr().err
        assert parents(done)[0].run.info.status == "FINISHED"
    finally:
        done.client.set_tag(changed.run_id, "tokenlayer.code", code)


def test_the_same_name_with_other_settings_is_refused(done: Store, capsys: pytest.CaptureFixture[str]) -> None:
    name = parents(done)[0].run.data.tags["tokenlayer.sweep.name"]
    assert main([*command(done.output_dir, *SWEPT), "model.vocab_size=31", f"sweep.name={name}"]) == 2
    told = capsys.readouterr().err
    assert f"sweep.name={name}: " in told
    assert "model.vocab_size=31" in told
    assert main(command(done.output_dir, "initializer=bpe", "seed=0,1", f"sweep.name={name}")) == 2
    assert "it varies initializer, seed, now seed" in capsys.readouterr().err
    assert main([*command(done.output_dir, *SWEPT), "tracking.experiment=other"]) == 2
    assert "it is in the experiment 'tokenlayer'" in capsys.readouterr().err
    assert len(children(done)) == 4


def test_a_parent_is_no_run_to_resume(done: Store, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", f"resume={parents(done)[0].run_id}", f"output_dir={done.output_dir}"]) == 2
    assert "is the parent of a sweep: give the sweep's own command line again" in capsys.readouterr().err


def test_several_devices_a_job_are_refused(store: Store, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*command(store.output_dir, "seed=0,1"), "trainer.devices=2"]) == 2
    assert "trainer.devices=2: a sweep has one device a job" in capsys.readouterr().err
    assert not (store.output_dir / "runs").exists()


def test_two_at_once_are_refused(store: Store, capsys: pytest.CaptureFixture[str]) -> None:
    identity = SweepIdentity("mine", "train", ("a=1",), ("seed",))
    held = SweepRun.open(identity, TrackingConfig(), store.output_dir)
    try:
        assert main([*command(store.output_dir, "seed=0,1"), "sweep.name=mine"]) == 2
        assert "fixed settings" in capsys.readouterr().err
        fixed = tuple(sorted([*without("initializer"), FEW_STEPS]))
        held.store.client.set_tag(held.run_id, "tokenlayer.sweep.fixed", json.dumps(fixed))
        assert main([*command(store.output_dir, "seed=0,1"), "sweep.name=mine"]) == 2
        assert "sweep.name=mine: another process is recording this run" in capsys.readouterr().err
    finally:
        held.close()
    assert children(store) == []


def test_a_baseline_is_swept_too(store: Store) -> None:
    texts = [setting for setting in TINY if setting.startswith("dataset") and "batch" not in setting]
    line = ["baseline", "-m", *texts, f"output_dir={store.output_dir}", "baseline=tfidf,nbsvm"]
    assert main(line) == 0
    assert main(line) == 0
    assert [run.run.info.run_name for run in children(store)] == ["baseline=tfidf", "baseline=nbsvm"]


def test_a_wrong_value_in_one_job_stops_all_before_the_first(store: Store, capsys: pytest.CaptureFixture[str]) -> None:
    place = f"output_dir={store.output_dir}"
    assert main(["train", "-m", *TINY, place, "model.vocab_size=5,0"]) == 2
    assert "model.vocab_size: must be at least 1" in capsys.readouterr().err
    assert store.runs() == []

"""A search by the real command: its parent, its trials, and the same command again."""

import json
import re
import shlex
from pathlib import Path

import pytest
from tiny_runs import Recorded, Store, without

from tokenlayer.cli.main import main
from tokenlayer.search.config import SearchConfig
from tokenlayer.search.space import Dimension
from tokenlayer.search.study import FILE, Outcome, SearchStudy
from tokenlayer.tracking.config import TrackingConfig
from tokenlayer.tracking.sweep_run import SweepIdentity, SweepRun

SHORT = "trainer.max_steps=2"
LR = "optimizer.lr=tag(log, interval(1e-3,1e-1))"
RULE = "learning_rule=choice(graft,frozen)"
SETTINGS = without("learning_rule")


def command(output_dir: Path, *more: str, length: str = SHORT) -> list[str]:
    return ["search", *SETTINGS, f"output_dir={output_dir}", length, *more]


def parents(store: Store) -> list[Recorded]:
    return [run for run in store.runs() if run.run.data.tags.get("tokenlayer.kind") == "search"]


def trials(store: Store) -> list[Recorded]:
    return [run for run in store.runs() if "mlflow.parentRunId" in run.run.data.tags]


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Store:
    """A store with a finished search of three trials over two settings; tests leave it as it is."""
    store = Store(tmp_path_factory.mktemp("done"))
    assert main(command(store.output_dir, LR, RULE, "search.n_trials=3", "search.name=mine")) == 0
    return store


def test_one_parent_with_a_child_for_each_trial(done: Store) -> None:
    (parent,) = parents(done)
    assert (parent.run.info.status, parent.run.info.run_name) == ("FINISHED", "mine")
    runs = trials(done)
    assert {run.run.data.tags["mlflow.parentRunId"] for run in runs} == {parent.run_id}
    assert [run.run.data.tags["tokenlayer.search.trial"] for run in runs] == ["0", "1", "2"]
    for run in runs:
        tags = run.run.data.tags
        assert float(tags["optimizer.lr"]) == float(run.run.data.params["optimizer.lr"])
        assert re.fullmatch(r"optimizer.lr=0\.\d+ learning_rule=(graft|frozen)", tags["mlflow.runName"])
    assert len({run.run.data.tags["optimizer.lr"] for run in runs}) == 3
    assert "optimizer.lr" not in parent.run.data.params
    assert "learning_rule._target_" not in parent.run.data.params
    assert parent.run.data.params["model.vocab_size"] == "30"


def test_the_parent_shows_the_best(done: Store) -> None:
    (parent,) = parents(done)
    metrics = parent.run.data.metrics
    counts = {name: metrics[f"trials/{name}"] for name in ("complete", "pruned", "failed", "left")}
    assert counts == {"complete": 3, "pruned": 0, "failed": 0, "left": 0}
    best = max(trials(done), key=lambda run: run.run.data.metrics["validation/accuracy"])
    assert metrics["best/validation/accuracy"] == pytest.approx(best.run.data.metrics["validation/accuracy"])
    table = json.loads((parent.artifacts / "search/trials.json").read_text())
    assert table["columns"] == ["trial", "state", "validation/accuracy", "optimizer.lr", "learning_rule", "run_id"]
    assert [row[-1] for row in table["data"]] == [run.run_id for run in trials(done)]
    note = parent.run.data.tags["mlflow.note.content"]
    assert "3 trials: 3 complete" in note
    assert "| trial | state | validation/accuracy | optimizer.lr | learning_rule |" in note
    pictures = {path.name for path in (parent.artifacts / "search").glob("*.png")}
    assert pictures >= {"history.png", "slice.png", "parallel_coordinates.png"}


def test_the_same_command_again_runs_nothing(done: Store, capsys: pytest.CaptureFixture[str]) -> None:
    before = [(run.run_id, run.run.info.end_time) for run in trials(done)]
    assert main(command(done.output_dir, LR, RULE, "search.n_trials=3", "search.name=mine")) == 0
    assert [(run.run_id, run.run.info.end_time) for run in trials(done)] == before
    printed = capsys.readouterr().out
    assert "search mine: 3 trials: 3 complete" in printed
    assert "[1/3]" not in printed


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ([LR.replace("1e-1", "2e-1"), RULE], "its search space had optimizer.lr: float 0.001 to 0.1, log, now"),
        ([LR], "it varies optimizer.lr, learning_rule, now optimizer.lr"),
        ([LR, RULE, "search.metric=validation/f1"], "had search.metric=validation/accuracy, now search.metric=valid"),
        ([LR, RULE, "seed=1"], "its fixed settings had nothing more, now seed=1"),
        ([LR, RULE, "tracking.experiment=other"], "it is in the experiment 'tokenlayer'"),
    ],
)
def test_another_search_of_the_name_is_refused(
    done: Store, capsys: pytest.CaptureFixture[str], line: list[str], told: str
) -> None:
    content = (done.output_dir / FILE).read_bytes()
    assert main(command(done.output_dir, *line, "search.n_trials=5", "search.name=mine")) == 2
    error = capsys.readouterr().err
    assert "search.name=mine: " in error
    assert told in error
    assert (done.output_dir / FILE).read_bytes() == content
    assert len(done.runs()) == 4


def test_two_at_once_are_refused(store: Store, capsys: pytest.CaptureFixture[str]) -> None:
    fixed = tuple(sorted([*SETTINGS, SHORT]))
    space = ("search.metric=validation/accuracy", "optimizer.lr: float 0.001 to 0.1, log")
    identity = SweepIdentity("mine", "train", fixed, ("optimizer.lr",), "search", space)
    held = SweepRun.open(identity, TrackingConfig(), store.output_dir)
    try:
        assert main(command(store.output_dir, LR, "search.name=mine")) == 2
        assert "search.name=mine: another process is recording this run" in capsys.readouterr().err
    finally:
        held.close()
    assert trials(store) == []


def test_lines_of_a_trial_and_the_command_of_the_best(store: Store, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(command(store.output_dir, LR, "search.n_trials=1")) == 0
    lines = capsys.readouterr().out.splitlines()
    name, run, result = (line for line in lines if line.startswith("[1/1] "))
    assert re.fullmatch(r"\[1/1\] optimizer\.lr=0\.\d{4,6}", name)
    assert re.fullmatch(r"\[1/1\] run [0-9a-f]{32}", run)
    assert re.fullmatch(r"\[1/1\] validation/accuracy \d\.\d{4}, best so far \d\.\d{4}, \d+ s", result)
    (told,) = (line.removeprefix("train with it: ") for line in lines if line.startswith("train with it: "))
    words = shlex.split(told)
    assert main(words[words.index("train") :]) == 0
    searched, again = (run for run in store.runs() if "tokenlayer.kind" not in run.run.data.tags)
    for kind in ("validation/loss", "test/loss"):
        assert again.run.data.metrics[kind] == searched.run.data.metrics[kind], "the very same training"


def test_more_trials_extend_a_search(store: Store, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(command(store.output_dir, LR, "search.n_trials=1")) == 0
    capsys.readouterr()
    assert main(command(store.output_dir, LR, "search.n_trials=2", "search.sampler=random")) == 0
    printed = capsys.readouterr().out
    assert "2 trials: 1 complete, 1 to run" in printed
    assert set(re.findall(r"^\[\d/2\]", printed, re.MULTILINE)) == {"[2/2]"}
    assert [run.run.data.tags["tokenlayer.search.trial"] for run in trials(store)] == ["0", "1"]


def test_a_failed_trial_is_recorded_and_the_search_goes_on(store: Store, capsys: pytest.CaptureFixture[str]) -> None:
    failing = command(
        store.output_dir, "optimizer.lr=choice(1e30,1e-3)", "search.n_trials=4", length="trainer.max_steps=4"
    )
    assert main(failing) == 1
    told = capsys.readouterr()
    statuses = [(run.run.data.tags["optimizer.lr"], run.run.info.status) for run in trials(store)]
    assert set(statuses) == {("1e+30", "FAILED"), ("0.001", "FINISHED")}, "seed 0 draws both"
    assert len(statuses) == 4
    (parent,) = parents(store)
    n_failed = sum(status == "FAILED" for _, status in statuses)
    assert parent.run.info.status == "FAILED"
    assert parent.run.data.metrics["trials/failed"] == n_failed
    assert "failed: optimizer.lr=1e+30" in told.err
    assert f"{4 - n_failed} complete, {n_failed} failed, {n_failed} to run" in told.out
    failed = next(run for run in trials(store) if run.run.info.status == "FAILED")
    assert "loss" in failed.run.data.tags["tokenlayer.error"]


def test_a_hopeless_trial_is_pruned(store: Store, capsys: pytest.CaptureFixture[str]) -> None:
    line = command(store.output_dir, LR, "search.name=mine", length="trainer.max_epochs=3")
    assert main([*line, "search.n_trials=1"]) == 0
    (parent,) = parents(store)
    space = {"optimizer.lr": Dimension(type="float", low=1e-3, high=1e-1, log=True)}
    study = SearchStudy(store.output_dir, f"mine {parent.run_id}", SearchConfig(), space, 0)
    for _ in range(5):  # better than any training can be
        trial = study.ask()
        trial.note([2.0, 2.0, 2.0], 2.0)
        study.tell(trial, Outcome.COMPLETE)
    capsys.readouterr()
    assert main([*line, "search.n_trials=7"]) == 0
    assert "[7/7] pruned at validation/accuracy" in capsys.readouterr().out
    whole, pruned = trials(store)
    assert pruned.run.info.status == "FINISHED"
    assert pruned.run.data.tags["tokenlayer.search.pruned"] == "true"
    assert "\n\nPruned after validation: validation/accuracy 0." in pruned.run.data.tags["mlflow.note.content"]
    assert len(store.history(pruned.run_id, "validation/accuracy")) == 1
    assert len(store.history(whole.run_id, "validation/accuracy")) == 3
    assert "test/accuracy" in pruned.run.data.metrics
    assert parents(store)[0].run.data.metrics["trials/pruned"] == 1


def test_a_trial_is_worth_what_its_tested_weights_are(store: Store) -> None:
    """Those of the best checkpoint, by the validation loss."""
    line = command(
        store.output_dir, LR, "search.n_trials=1", "search.metric=validation/f1", length="trainer.max_epochs=3"
    )
    assert main([*line, "optimizer.weight_decay=0.3"]) == 0
    (run,) = trials(store)
    losses = [value for _, value in store.history(run.run_id, "validation/loss")]
    scores = [value for _, value in store.history(run.run_id, "validation/f1")]
    (parent,) = parents(store)
    assert parent.run.data.metrics["best/validation/f1"] == pytest.approx(scores[losses.index(min(losses))])


def test_trials_of_another_folder_are_not_begun_again(
    done: Store, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    line = command(tmp_path, LR, RULE, "search.name=mine", f"tracking.uri=sqlite:///{done.output_dir}/mlflow.db")
    assert main([*line, "search.n_trials=4"]) == 2
    assert f"search.name=mine: {tmp_path / FILE} does not hold its trials" in capsys.readouterr().err
    assert len(trials(done)) == 3
    assert list(tmp_path.iterdir()) == []


def test_changed_texts_are_refused(store: Store, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = tmp_path / "texts.csv"
    text = "text,label\n" + "".join(f"a {word} text, the {i},{word}\n" for i in range(30) for word in ("good", "bad"))
    texts = ["dataset=table", f"dataset.source={source}", "dataset.text_column=text", "dataset.label_column=label"]
    tiny = [*texts, *(setting for setting in SETTINGS if not setting.startswith("dataset")), "dataset.batch_size=8"]
    line = ["search", *tiny, f"output_dir={store.output_dir}", SHORT, LR, "search.name=mine"]
    assert main([*line, "search.n_trials=1"]) == 2, "no texts"
    assert store.runs() == []
    source.write_text(text.replace("text, the", "text of"))
    assert main([*line, "search.n_trials=1"]) == 0
    source.write_text(text.replace("text, the", "text with"))
    capsys.readouterr()
    assert main([*line, "search.n_trials=2"]) == 2
    assert "dataset: the texts have changed since" in capsys.readouterr().err
    assert len(trials(store)) == 1
    assert parents(store)[0].run.info.status == "FINISHED"


def test_a_damaged_study_is_told(store: Store, capsys: pytest.CaptureFixture[str]) -> None:
    (store.output_dir / FILE).write_bytes(b"no database" * 999)
    assert main(command(store.output_dir, LR)) == 2
    error = capsys.readouterr().err
    assert f"{store.output_dir / FILE}: the trials of searches are kept in this file" in error
    assert "Traceback" not in error
    assert store.runs() == []

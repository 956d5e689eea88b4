"""What MLflow shows of a run before anything is opened: its note, and the load of the machine if that is wanted."""

import shlex
from collections.abc import Callable
from pathlib import Path

import mlflow
import pytest
from tiny_runs import TINY, Recorded, Store

from tokenlayer.cli.main import main
from tokenlayer.tracking.uri import default_uri

NOTE = "mlflow.note.content"
SHORT = ["trainer.max_epochs=1", "dataset.text_length=null"]


def command_after(note: str, heading: str) -> list[str]:
    lines = note.splitlines()
    return shlex.split(lines[lines.index(f"{heading}:") + 2])


def test_the_note_of_a_run_and_the_load_of_the_machine(
    train: Callable[..., Recorded], store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_SYSTEM_METRICS_SAMPLING_INTERVAL", "0.001")
    run = train(*SHORT, "tracking.system_metrics=true", "tracking.tags.password=hunter")
    note = run.run.data.tags[NOTE]
    first = note.splitlines()[0]
    assert first.startswith(
        "30 tokens of up to 4 characters, learned by `graft`, first tokens by `random_ngrams`, seed 0"
    )
    assert first.endswith("on `planted`: 140 train, 30 validation, 30 test texts of 2 classes (done)")
    accuracy = run.run.data.metrics["test/accuracy"]
    assert f"| test/accuracy | {accuracy:.4f} |" in note
    assert "Tested: the best checkpoint, validation/loss " in note
    assert "at step 17 (epoch 1)" in note
    assert "- dataset.text\\_length=" in note
    assert "hunter" not in note
    started = command_after(note, "started by")
    assert set(TINY) <= set(started)
    assert "tracking.tags.password=***" in started
    resume = command_after(note, "go on, should it break off")
    assert resume[-2:] == [f"resume={run.run_id}", f"output_dir={store.output_dir}"]
    assert command_after(note, "explain a text")[-5:-2] == ["explain", run.run_id, "…"]

    served = command_after(note, "serve it")
    assert served[0].partition("=")[::2] == ("MLFLOW_TRACKING_URI", default_uri(store.output_dir))
    mlflow.set_tracking_uri(default_uri(store.output_dir))
    (answer,) = mlflow.pyfunc.load_model(served[served.index("-m") + 1]).predict(["zulogo"]).to_dict("records")
    mlflow.set_tracking_uri(None)
    assert answer["prediction"] in ("class_0", "class_1")

    steps = [step for step, _ in store.history(run.run_id, "system/cpu_utilization_percentage")]
    assert steps == [*range(17), 16]
    assert run.run.data.metrics["system/system_memory_usage_megabytes"] > 0

    assert main(resume[resume.index("train") :]) == 0
    again = store.client.get_run(run.run_id)
    assert command_after(again.data.tags[NOTE], "started by") == started
    assert again.data.tags[NOTE] == note


def test_the_note_of_a_run_that_breaks_off(store: Store, output_dir: Path) -> None:
    assert main(["train", *TINY, *SHORT, "optimizer.lr=1e30", f"output_dir={output_dir}"]) == 2
    (run,) = store.runs()
    assert run.run.info.status == "FAILED"
    assert run.run.data.tags[NOTE].splitlines()[0].endswith("(broken off)")
    assert "serve it" not in run.run.data.tags[NOTE]
    assert not [key for key in run.run.data.metrics if key.startswith("system/")]
    assert len(run.run.inputs.dataset_inputs) == 1

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from mlflow.tracking import MlflowClient

from tokenlayer.errors import InputError
from tokenlayer.tracking.config import TrackingConfig
from tokenlayer.tracking.recorder import Recorder
from tokenlayer.tracking.tables import read_parts

LAST, BEST = "checkpoints/last.ckpt", "checkpoints/best.ckpt"


def train(recorder: Recorder, start: int, stop: int, commit: bool = True, best: bool = False) -> None:
    for step in range(start, stop):
        recorder.append("logs/grads_log", {"step": step, "x": 0.5 * step})
        recorder.log_metrics({"train/loss": 1 / (step + 1)}, step)
    if commit:
        path = recorder.checkpoints / f"step_{stop:08d}.ckpt"
        path.write_bytes(b"weights of step %d" % stop)
        recorder.commit(stop, path, [LAST, BEST] if best else [LAST])


def abandon(recorder: Recorder) -> None:
    """What a SIGKILL leaves: nothing is flushed, the lock is free, the lease that of a process that is no more."""
    recorder._lease.release()
    recorder._folder.close()


def check_steps(recorder: Recorder, client: MlflowClient, artifacts: Callable[[str], Path], stop: int) -> None:
    """Every step is there once: in the tables as MLflow has them, and in the metric history."""
    folder = artifacts(recorder.run_id) / "logs" / "grads_log"
    assert read_parts(folder.iterdir())["step"].to_pylist() == list(range(stop))
    history = client.get_metric_history(recorder.run_id, "train/loss")
    assert sorted(m.step for m in history) == list(range(stop))
    assert recorder.load_metrics()["step"].tolist() == list(range(stop))


def test_a_killed_run_goes_on_from_its_last_commit(
    recorder: Recorder, output_dir: Path, client: MlflowClient, artifacts: Callable[[str], Path]
) -> None:
    recorder.log_params({"epochs": 1, "seed": 0})
    train(recorder, 0, 5)
    train(recorder, 5, 9, commit=False)
    recorder.load_log("logs/grads_log")  # leaves a part that no commit names
    recorder.artifact("half.txt").write_text("half")
    (recorder.checkpoints / "step_00000009.ckpt").write_bytes(b"torn")
    with (recorder.root / "commits.jsonl").open("a") as journal:
        journal.write('{"number": 1, "step": 9, "fi')
    abandon(recorder)
    with Recorder.resume(TrackingConfig(), output_dir, recorder.run_id) as again:
        assert client.get_run(again.run_id).info.status == "RUNNING"
        assert (again.run_id, again.resume_step) == (recorder.run_id, 5)
        assert again.resume_from is not None
        assert again.resume_from.read_bytes() == b"weights of step 5"
        assert [p.name for p in again.checkpoints.iterdir()] == ["step_00000005.ckpt"]
        again.log_params({"epochs": 2, "seed": 0})
        train(again, 5, 12)
    check_steps(again, client, artifacts, 12)
    run = client.get_run(recorder.run_id)
    assert run.info.status == "FINISHED"
    assert run.data.params == {"epochs": "1", "seed": "0"}
    assert run.data.tags["resumed.epochs"] == "2"
    assert not client.list_artifacts(recorder.run_id, "half.txt")


@pytest.mark.parametrize(
    ("left", "told"), [('{"number": 1, "st', False), ("no commit\n", True)], ids=["torn", "damaged"]
)
def test_a_damaged_end_of_the_journal_is_told_and_a_torn_one_is_none(
    left: str, told: bool, recorder: Recorder, output_dir: Path, caplog: pytest.LogCaptureFixture
) -> None:
    train(recorder, 0, 5)
    with (recorder.root / "commits.jsonl").open("a") as journal:
        journal.write(left)
    abandon(recorder)
    with Recorder.resume(TrackingConfig(), output_dir, recorder.run_id) as again:
        assert again.resume_step == 5
    assert ("line 2 of" in caplog.text) == ("recorded again" in caplog.text) == told


def test_a_failed_run_records_its_last_steps_again_once(
    recorder: Recorder, output_dir: Path, client: MlflowClient, artifacts: Callable[[str], Path]
) -> None:
    with pytest.raises(RuntimeError), recorder:  # noqa: PT012
        train(recorder, 0, 5)
        train(recorder, 5, 8, commit=False)
        raise RuntimeError
    assert len(client.list_artifacts(recorder.run_id, "logs/grads_log")) == 2
    with Recorder.resume(TrackingConfig(), output_dir, recorder.run_id) as again:
        train(again, 5, 10)
    check_steps(again, client, artifacts, 10)


def test_a_finished_run_can_be_trained_further(
    recorder: Recorder, output_dir: Path, client: MlflowClient, artifacts: Callable[[str], Path]
) -> None:
    with recorder:
        train(recorder, 0, 5)
        recorder.log_metrics({"test/accuracy": 0.8}, 5)
    with Recorder.resume(TrackingConfig(), output_dir, recorder.run_id) as again:
        again.log_metrics({"test/accuracy": 0.9}, 5)  # the same test once more is not recorded again
    with Recorder.resume(TrackingConfig(), output_dir, recorder.run_id) as again:
        train(again, 5, 7)
        again.log_metrics({"test/accuracy": 0.95}, 7)
    history = client.get_metric_history(recorder.run_id, "test/accuracy")
    assert [(m.step, m.value) for m in history] == [(5, 0.8), (7, 0.95)]


def test_without_the_local_folder_the_run_comes_back_from_mlflow(
    recorder: Recorder, output_dir: Path, client: MlflowClient, artifacts: Callable[[str], Path]
) -> None:
    train(recorder, 0, 3, best=True)
    train(recorder, 3, 5)
    abandon(recorder)
    shutil.rmtree(output_dir / "runs")
    with Recorder.resume(TrackingConfig(), output_dir, recorder.run_id) as again:
        assert again.resume_from is not None
        assert again.resume_from.read_bytes() == b"weights of step 5"
        assert again.load_log("logs/grads_log")["step"].tolist() == list(range(5))
        assert (again.checkpoints / "step_00000003.ckpt").read_bytes() == b"weights of step 3"
        train(again, 5, 8)
    check_steps(again, client, artifacts, 8)


def test_a_local_folder_older_than_mlflow_is_brought_up_to_date(
    recorder: Recorder,
    output_dir: Path,
    tmp_path: Path,
    client: MlflowClient,
    artifacts: Callable[[str], Path],
) -> None:
    train(recorder, 0, 3)
    shutil.copytree(recorder.root, tmp_path / "old")
    train(recorder, 3, 5)
    abandon(recorder)
    shutil.rmtree(recorder.root)
    shutil.copytree(tmp_path / "old", recorder.root)
    with Recorder.resume(TrackingConfig(), output_dir, recorder.run_id) as again:
        assert again.resume_step == 5
        train(again, 5, 6)
    check_steps(again, client, artifacts, 6)


def test_a_checkpoint_lost_on_both_sides_is_told_and_the_run_begins_again(
    recorder: Recorder,
    output_dir: Path,
    client: MlflowClient,
    artifacts: Callable[[str], Path],
    caplog: pytest.LogCaptureFixture,
) -> None:
    train(recorder, 0, 3)
    abandon(recorder)
    shutil.rmtree(output_dir / "runs")
    (artifacts(recorder.run_id) / LAST).write_bytes(b"something else")
    with Recorder.resume(TrackingConfig(), output_dir, recorder.run_id) as again:
        assert (again.resume_from, again.resume_step) == (None, 0)
        train(again, 0, 4)
    assert "the checkpoint of step 3 is damaged or gone here and in MLflow; the run goes on from its beg" in caplog.text
    check_steps(again, client, artifacts, 4)


def test_rows_after_the_last_checkpoint_are_there_once(
    recorder: Recorder, output_dir: Path, client: MlflowClient, artifacts: Callable[[str], Path]
) -> None:
    train(recorder, 0, 3)
    train(recorder, 3, 6, commit=False)
    recorder.finish("FINISHED")
    with Recorder.resume(TrackingConfig(), output_dir, recorder.run_id) as again:
        assert again.resume_step == 3
        train(again, 3, 9)
    check_steps(again, client, artifacts, 9)


def test_a_run_without_any_commit_starts_at_the_beginning(
    recorder: Recorder, output_dir: Path, client: MlflowClient, artifacts: Callable[[str], Path]
) -> None:
    train(recorder, 0, 3, commit=False)
    abandon(recorder)
    with Recorder.resume(TrackingConfig(), output_dir, recorder.run_id) as again:
        assert (again.resume_from, again.resume_step) == (None, 0)
        train(again, 0, 4)
    check_steps(again, client, artifacts, 4)


def test_a_run_in_use_cannot_be_resumed(recorder: Recorder, output_dir: Path) -> None:
    train(recorder, 0, 3)
    with pytest.raises(InputError, match="another process is recording this run"):
        Recorder.resume(TrackingConfig(), output_dir, recorder.run_id)
    train(recorder, 3, 4)


def test_unknown_runs_are_told_with_near_ones(
    recorder: Recorder, output_dir: Path, client: MlflowClient, tmp_path: Path
) -> None:
    train(recorder, 0, 3)
    recorder.finish("FINISHED")
    run_id = recorder.run_id
    swapped = run_id[:10] + ("0" if run_id[10] != "0" else "1") + run_id[11:]
    with pytest.raises(InputError, match=f"there is no run '{swapped}' .* did you mean {run_id}"):
        Recorder.resume(TrackingConfig(), output_dir, swapped)
    name = client.get_run(run_id).info.run_name
    with pytest.raises(InputError, match=rf"did you mean {run_id} \({name}\)"):
        Recorder.resume(TrackingConfig(), output_dir, name)
    with pytest.raises(InputError, match=f"the latest are {run_id}"):
        Recorder.resume(TrackingConfig(), output_dir, "?")
    assert {p.name for p in (output_dir / "runs").iterdir()} == {run_id}
    client.delete_run(run_id)
    with pytest.raises(InputError, match=f"mlflow runs restore --run-id {run_id}"):
        Recorder.resume(TrackingConfig(), output_dir, run_id)


def test_the_wrong_store_is_told(recorder: Recorder, output_dir: Path, empty_database: Path) -> None:
    recorder.finish("FINISHED")
    config = TrackingConfig(uri=f"sqlite:///{empty_database}")
    with pytest.raises(InputError, match=f"give tracking.uri=sqlite:///{output_dir}/mlflow.db"):
        Recorder.resume(config, output_dir, recorder.run_id)


def test_a_run_of_something_else_is_not_resumed(recorder: Recorder, output_dir: Path, client: MlflowClient) -> None:
    other = client.create_run(recorder.experiment_id).info.run_id
    with pytest.raises(InputError, match="was not recorded by tokenlayer"):
        Recorder.resume(TrackingConfig(), output_dir, other)
    assert not (output_dir / "runs" / other).exists()

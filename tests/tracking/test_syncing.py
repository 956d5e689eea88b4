import os
import shlex
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from mlflow.tracking import MlflowClient

from tokenlayer.cli.main import main
from tokenlayer.errors import InputError, RunStoppedError
from tokenlayer.tracking import lease, mirror
from tokenlayer.tracking.config import TrackingConfig
from tokenlayer.tracking.recorder import Recorder, Status
from tokenlayer.tracking.syncing import sync

LAST = "checkpoints/last.ckpt"


@pytest.fixture
def left_unsent(output_dir: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Recorder]:
    """A run whose store goes away after its first commit, and stays away beyond its end."""

    def leave(status: Status | None) -> Recorder:
        recorder = Recorder.start(TrackingConfig(), output_dir, texts={"config/resolved.yaml": "{}\n"})
        with monkeypatch.context() as outage:
            for module in (mirror, lease):
                outage.setattr(module, "why_away", lambda uri: "pulled the plug")
            recorder.log_metrics({"m": 1.0}, 0)
            path = recorder.checkpoints / "step_00000001.ckpt"
            path.write_bytes(b"weights")
            recorder.commit(1, path, [LAST])
            recorder.log_metrics({"m": 2.0}, 1)
            if status is not None:
                recorder.finish(status)
        return recorder

    return leave


def killed(recorder: Recorder) -> None:
    recorder._lease.release()
    recorder._folder.close()


@pytest.mark.promise(
    "MLflow is gone from the first commit to the end", "tokenlayer sync sends the rest, and the status"
)
@pytest.mark.parametrize("status", ["FINISHED", "FAILED", "KILLED"])
def test_what_is_left_is_sent_with_the_status(
    left_unsent: Callable[..., Recorder], output_dir: Path, client: MlflowClient, status: Status
) -> None:
    run_id = left_unsent(status).run_id
    assert client.get_run(run_id).data.metrics == {}
    done = sync(run_id, None, output_dir)
    assert str(done) == f"run {run_id}: 2 commits sent, {status}"
    run = client.get_run(run_id)
    assert (run.info.status, run.data.metrics) == (status, {"m": 2.0})
    assert [m.step for m in client.get_metric_history(run_id, "m")] == [0, 1]
    assert [f.path for f in client.list_artifacts(run_id, "checkpoints")] == [LAST]
    assert str(sync(run_id, None, output_dir)) == f"run {run_id}: nothing to send, {status}"
    with Recorder.resume(TrackingConfig(), output_dir, run_id) as again:
        assert again.resume_step == 1


def test_a_run_that_noted_no_end_was_killed(
    left_unsent: Callable[..., Recorder], output_dir: Path, client: MlflowClient
) -> None:
    recorder = left_unsent(None)
    with pytest.raises(InputError, match="another process is recording this run"):
        sync(recorder.run_id, None, output_dir)
    killed(recorder)
    assert sync(recorder.run_id, None, output_dir).status == "KILLED"
    assert client.get_run(recorder.run_id).data.metrics == {"m": 1.0}  # what was not committed is recorded again


def test_what_is_damaged_is_not_sent(left_unsent: Callable[..., Recorder], output_dir: Path) -> None:
    recorder = left_unsent("FINISHED")
    (recorder.checkpoints / "step_00000001.ckpt").write_bytes(b"weigh")
    with pytest.raises(RunStoppedError, match=r"checkpoints/step_00000001.ckpt is damaged or gone; record it again"):
        sync(recorder.run_id, None, output_dir)


def test_a_run_of_another_folder_is_told(recorder: Recorder, output_dir: Path, tmp_path: Path) -> None:
    recorder.finish("FINISHED")
    with pytest.raises(InputError, match=r"nothing of run .* lies in .*; name its output folder with --output-dir"):
        sync(recorder.run_id, f"sqlite:///{output_dir}/mlflow.db", tmp_path / "other")


@pytest.fixture
def at_home(output_dir: Path) -> Iterator[None]:
    before = Path.cwd()
    os.chdir(output_dir.parent)
    yield
    os.chdir(before)


@pytest.mark.usefixtures("at_home")
def test_the_command_sends_all_runs_and_tells_those_that_fail(
    left_unsent: Callable[..., Recorder], capsys: pytest.CaptureFixture[str]
) -> None:
    first, second = left_unsent("FINISHED"), left_unsent("FAILED")
    (second.checkpoints / "step_00000001.ckpt").unlink()
    assert main(["sync", "--all"]) == 1
    printed = capsys.readouterr()
    assert f"run {first.run_id}: 2 commits sent, FINISHED\n" in printed.out
    assert f"error: run {second.run_id}: checkpoints/step_00000001.ckpt is damaged or gone" in printed.err


@pytest.mark.parametrize("arguments", [[], ["--all", "0" * 32]])
def test_a_run_or_all(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["sync", *arguments]) == 2
    assert "name a run, or give --all" in capsys.readouterr().err


def test_the_hint_can_be_pasted(
    left_unsent: Callable[..., Recorder], client: MlflowClient, caplog: pytest.LogCaptureFixture
) -> None:
    run_id = left_unsent("FINISHED").run_id
    hint = caplog.text.split("send the rest of the run later with: ")[1].splitlines()[0]
    words = shlex.split(hint)
    assert main(words[words.index("sync") :]) == 0
    assert client.get_run(run_id).info.status == "FINISHED"

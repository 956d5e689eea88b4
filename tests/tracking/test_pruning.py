"""Local copies go only where MLflow verifiably holds the whole run."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from mlflow.tracking import MlflowClient

from tokenlayer.cli.main import main
from tokenlayer.tracking import lease, mirror
from tokenlayer.tracking.config import TrackingConfig
from tokenlayer.tracking.folder import RunFolder
from tokenlayer.tracking.pruning import Pruned, prune
from tokenlayer.tracking.recorder import Recorder, Status

LAST, KEPT = "checkpoints/last.ckpt", "checkpoints/step_00000002.ckpt"


def commits(recorder: Recorder) -> None:
    for step in (1, 2):
        recorder.append("logs/grads_log", {"step": step, "x": step / 2})
        recorder.log_metrics({"m": float(step)}, step)
        path = recorder.checkpoints / f"step_{step:08d}.ckpt"
        path.write_bytes(b"weights %d" % step)
        recorder.commit(step, path, [LAST], keep=step == 2)


@pytest.fixture
def record(output_dir: Path) -> Callable[..., str]:
    """A run with logs and checkpoints that ended with a status; gives its id."""

    def made(status: Status = "FINISHED") -> str:
        recorder = Recorder.start(TrackingConfig(), output_dir, texts={"config/resolved.yaml": "{}\n"})
        commits(recorder)
        recorder.finish(status)
        return recorder.run_id

    return made


def pruned(output_dir: Path) -> dict[str, Pruned]:
    return {copy.run_id: copy for copy in prune(None, output_dir)}


def test_what_mlflow_holds_whole_is_removed_and_can_be_resumed(
    record: Callable[..., str], output_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run_id = record()
    assert main(["runs", "--prune", f"output_dir={output_dir}"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith(f"removed  {run_id} ")
    assert lines[1].startswith("1 local copies removed (")
    assert list((output_dir / "runs").iterdir()) == []
    with Recorder.resume(TrackingConfig(), output_dir, run_id) as again:
        assert again.resume_step == 2
        assert (again.checkpoints / "step_00000002.ckpt").read_bytes() == b"weights 2"
    assert pruned(output_dir)[run_id].kept is None


@pytest.mark.parametrize("status", ["FAILED", "KILLED"])
def test_what_may_be_resumed_is_kept(record: Callable[..., str], output_dir: Path, status: Status) -> None:
    run_id = record(status)
    assert pruned(output_dir)[run_id].kept == f"the run is not finished, but {status}"
    assert RunFolder(output_dir, run_id).read_commits().commits


def test_what_is_being_recorded_is_kept(output_dir: Path) -> None:
    recorder = Recorder.start(TrackingConfig(), output_dir)
    commits(recorder)
    assert pruned(output_dir)[recorder.run_id].kept == "it is being recorded"
    recorder.finish("FINISHED")
    assert pruned(output_dir)[recorder.run_id].kept is None


def test_what_is_recorded_from_another_folder_is_kept(
    record: Callable[..., str], output_dir: Path, tmp_path: Path
) -> None:
    run_id = record()
    uri = f"sqlite:///{output_dir}/mlflow.db"
    with Recorder.resume(TrackingConfig(uri=uri), tmp_path / "elsewhere", run_id):
        kept = pruned(output_dir)[run_id].kept
    assert kept in ("the run is not finished, but RUNNING", "it is being recorded elsewhere")


@pytest.fixture
def outage(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with monkeypatch.context() as context:
        for module in (mirror, lease):
            context.setattr(module, "why_away", lambda uri: "pulled the plug")
        yield


@pytest.mark.promise("a run that MLflow has only a part of", "its local copy is not pruned")
@pytest.mark.usefixtures("outage")
def test_what_is_unsent_is_kept(output_dir: Path, client: MlflowClient) -> None:
    recorder = Recorder.start(TrackingConfig(), output_dir)
    commits(recorder)
    recorder.finish("FINISHED")
    client.set_terminated(recorder.run_id)  # by hand, as if all was there
    kept = pruned(output_dir)[recorder.run_id].kept
    assert kept == "the store lacks some of it, or has another history; tokenlayer sync sends what is missing"


DAMAGES = {
    "logs/grads_log/part-000001.parquet": "logs/grads_log/part-000001.parquet",
    "config/resolved.yaml": "config/resolved.yaml",
    "journal/metrics/part-000001.parquet": "journal/metrics/part-000001.parquet",
    "journal/commits/000001.json": "journal",
    LAST: LAST,
    KEPT: KEPT,
}


@pytest.mark.promise("an artifact of a finished run is damaged or gone in MLflow", "its local copy is not pruned")
@pytest.mark.parametrize("harm", ["damaged", "gone"])
@pytest.mark.parametrize("name", DAMAGES)
def test_what_is_not_whole_in_the_store_is_kept(
    record: Callable[..., str], output_dir: Path, artifacts: Callable[[str], Path], name: str, harm: str
) -> None:
    run_id = record()
    path = artifacts(run_id) / name
    if harm == "gone":
        path.unlink()
    else:
        content = path.read_bytes()
        path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    before = files(output_dir / "runs" / run_id)
    assert pruned(output_dir)[run_id].kept == f"the store's {DAMAGES[name]} is gone, or not what was recorded"
    assert files(output_dir / "runs" / run_id) == before


def files(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in folder.rglob("*") if path.is_file() and path.name != "lock"}


def test_what_no_commit_names_is_kept(record: Callable[..., str], output_dir: Path) -> None:
    run_id = record()
    own = output_dir / "runs" / run_id / "incoming" / "mine.txt"
    own.write_text("not recorded")
    assert pruned(output_dir)[run_id].kept == f"{own} belongs to no commit"


def test_a_run_that_the_store_does_not_have_is_kept(
    record: Callable[..., str], output_dir: Path, client: MlflowClient
) -> None:
    deleted, strange = record(), record()
    client.delete_run(deleted)
    folder = output_dir / "runs"
    shutil.copytree(folder / strange, folder / ("f" * 32))
    found = pruned(output_dir)
    assert found[deleted].kept == "the run is deleted in the store"
    assert found[strange].kept is None
    assert found["f" * 32].kept == f"sqlite:///{output_dir}/mlflow.db does not hold this run"
    assert sorted(path.name for path in folder.iterdir()) == sorted([deleted, "f" * 32])


def test_what_a_killed_process_left_half_removed_goes(record: Callable[..., str], output_dir: Path) -> None:
    left = output_dir / "runs" / ".pruned-abc"
    (left / "artifacts").mkdir(parents=True)
    assert pruned(output_dir) == {}
    assert not left.exists()

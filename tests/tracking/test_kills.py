import shutil
import signal
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
from mlflow.tracking import MlflowClient

from tokenlayer.tracking.config import TrackingConfig
from tokenlayer.tracking.recorder import Recorder
from tokenlayer.tracking.tables import read_parts

Crash = Callable[[str, int], str]
Forked = Callable[..., list[int]]
STEPS, METRICS = 10, 12  # as in forked_runs.py
SLOW = pytest.mark.slow
# Before what the second commit is killed, and the step from which the run goes on. The commit's files are the
# part of the metrics, that of the table and the journal, then the checkpoint under two names; three requests
# of metrics follow.
POINTS = [
    ("append_commit", 1, STEPS),
    ("accept", 1, 2 * STEPS),
    pytest.param("log_artifact", 1, 2 * STEPS, marks=SLOW),
    pytest.param("_send_journal", 1, 2 * STEPS, marks=SLOW),
    ("log_artifact", 4, 2 * STEPS),
    pytest.param("log_artifact", 5, 2 * STEPS, marks=SLOW),
    pytest.param("log_batch", 1, 2 * STEPS, marks=SLOW),
    ("log_batch", 2, 2 * STEPS),
    pytest.param("set_tag", 1, 2 * STEPS, marks=SLOW),
    pytest.param("prune_checkpoints", 1, 2 * STEPS, marks=SLOW),
]
# The same where the local files are gone with the process: what MLflow has must be enough.
POINTS_OF_LOSS = [
    pytest.param("log_artifact", 1, STEPS, marks=SLOW),
    pytest.param("_send_journal", 1, STEPS, marks=SLOW),
    ("log_artifact", 4, STEPS),
    pytest.param("log_artifact", 5, 2 * STEPS, marks=SLOW),
    ("log_batch", 2, 2 * STEPS),
    pytest.param("set_tag", 1, 2 * STEPS, marks=SLOW),
]


@pytest.fixture
def crash(forked: Forked, output_dir: Path, client: MlflowClient) -> Crash:
    """Kills a run before the given call of its second commit, and again as it is resumed; returns its id."""

    def crash_twice(point: str, count: int) -> str:
        assert forked("killed", output_dir, point=point, count=count) == [-signal.SIGKILL]
        experiment = client.get_experiment_by_name("tokenlayer")
        assert experiment is not None
        [run] = client.search_runs([experiment.experiment_id])
        assert run.info.status == "RUNNING"
        again = forked("killed_resuming", output_dir, run_id=run.info.run_id)
        assert again == [-signal.SIGKILL]
        return str(run.info.run_id)

    return crash_twice


def finish(run_id: str, output_dir: Path, resumed_at: int) -> None:
    """Resume, train for a third commit, and find every step once, everywhere, with its value."""
    folder = output_dir / "artifacts" / "tokenlayer" / run_id / "artifacts"
    with Recorder.resume(TrackingConfig(), output_dir, run_id) as recorder:
        assert recorder.resume_step == resumed_at
        assert recorder.resume_from is not None
        assert recorder.resume_from.read_bytes() == b"weights of step %d" % resumed_at
        for start in range(resumed_at, 3 * STEPS, STEPS):
            for step in range(start, start + STEPS):
                recorder.append("logs/grads_log", {"step": step, "x": 0.5 * step})
                recorder.log_metrics({f"grads/c{i}": step + i / 64 for i in range(METRICS)}, step)
            path = recorder.checkpoints / f"step_{start + STEPS:08d}.ckpt"
            path.write_bytes(b"weights of step %d" % (start + STEPS))
            recorder.commit(start + STEPS, path, ["checkpoints/last.ckpt"])
    client = MlflowClient(tracking_uri=recorder.uri)
    rows = read_parts((folder / "logs" / "grads_log").iterdir())
    assert rows["step"].to_pylist() == list(range(3 * STEPS))
    for i in range(METRICS):
        history = client.get_metric_history(run_id, f"grads/c{i}")
        assert Counter((m.step, m.value) for m in history) == Counter((s, s + i / 64) for s in range(3 * STEPS))
    assert (folder / "checkpoints" / "last.ckpt").read_bytes() == b"weights of step %d" % (3 * STEPS)
    assert client.get_run(run_id).info.status == "FINISHED"


@pytest.mark.parametrize(("point", "count", "resumed_at"), POINTS)
def test_a_kill_loses_and_doubles_nothing(
    crash: Crash, output_dir: Path, point: str, count: int, resumed_at: int
) -> None:
    finish(crash(point, count), output_dir, resumed_at)


@pytest.mark.parametrize(("point", "count", "resumed_at"), POINTS_OF_LOSS)
def test_a_kill_that_takes_the_local_files_doubles_nothing(
    crash: Crash, output_dir: Path, point: str, count: int, resumed_at: int
) -> None:
    run_id = crash(point, count)
    shutil.rmtree(output_dir / "runs")
    finish(run_id, output_dir, resumed_at)

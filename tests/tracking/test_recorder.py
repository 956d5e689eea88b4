import errno
import json
import logging
import math
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

import numpy as np
import pandas as pd
import pytest
from mlflow.tracking import MlflowClient

from tokenlayer.errors import InputError, RunStoppedError
from tokenlayer.tracking import mirror
from tokenlayer.tracking.config import TrackingConfig
from tokenlayer.tracking.lease import LEASE_TAG, Holder
from tokenlayer.tracking.recorder import Recorder


def save(recorder: Recorder, step: int) -> Path:
    path = recorder.checkpoints / f"step_{step:08d}.ckpt"
    path.write_bytes(b"weights of step %d" % step)
    return path


def test_a_run_from_start_to_end(recorder: Recorder, client: MlflowClient, artifacts: Callable[[str], Path]) -> None:
    with recorder:
        recorder.log_params({"seed": 0, "model.vocab_size": 500})
        for step in range(4):
            recorder.append("logs/grads_log", {"step": step, "epoch": 0, "batch": step, "out_mean": 0.1 * step})
            recorder.log_metrics({"train/loss": 1.0 / (step + 1)}, step)
            if step == 1:
                recorder.commit(2, save(recorder, 2), ["checkpoints/last.ckpt"])
        recorder.artifact("figures/loss.svg").write_text("<svg/>")
    run = client.get_run(recorder.run_id)
    assert run.info.status == "FINISHED"
    assert run.data.params == {"seed": "0", "model.vocab_size": "500"}
    history = client.get_metric_history(recorder.run_id, "train/loss")
    assert [(m.step, m.value) for m in history] == [(0, 1.0), (1, 1 / 2), (2, 1 / 3), (3, 1 / 4)]
    folder = artifacts(recorder.run_id)
    parts = sorted((folder / "logs" / "grads_log").iterdir())
    assert [part.name for part in parts] == ["part-000000.parquet", "part-000001.parquet"]
    assert pd.concat(map(pd.read_parquet, parts))["step"].tolist() == [0, 1, 2, 3]
    assert (folder / "figures" / "loss.svg").read_text() == "<svg/>"
    assert (folder / "checkpoints" / "last.ckpt").read_bytes() == b"weights of step 2"
    assert recorder.load_metrics()["step"].tolist() == [0, 1, 2, 3]
    assert recorder.load_log("logs/grads_log")["step"].tolist() == [0, 1, 2, 3]


def test_rows_can_be_read_before_they_are_committed(recorder: Recorder) -> None:
    for step in range(3):
        recorder.append("logs/a", {"step": step})
        recorder.log_metrics({"m": step}, step)
        assert recorder.load_log("logs/a")["step"].tolist() == list(range(step + 1))
        assert recorder.load_metrics()["value"].tolist() == list(range(step + 1))
        if step == 1:
            recorder.commit(2)
    assert recorder.load_log("logs/never").empty


@pytest.mark.parametrize(
    ("error", "status"),
    [(KeyboardInterrupt(), "KILLED"), (RuntimeError("NaN"), "FAILED"), (SystemExit(1), "FAILED")],
)
def test_status_of_a_run_that_breaks_off(
    recorder: Recorder, client: MlflowClient, error: BaseException, status: str
) -> None:
    with pytest.raises(type(error)), recorder:  # noqa: PT012
        recorder.append("logs/a", {"step": 0})
        recorder.log_metrics({"m": 1.0}, 0)
        raise error
    run = client.get_run(recorder.run_id)
    assert run.info.status == status
    assert [f.path for f in client.list_artifacts(recorder.run_id, "logs/a")] == ["logs/a/part-000000.parquet"]
    assert run.data.metrics == {"m": 1.0}


def test_an_exit_that_lightning_makes_of_an_interrupt_is_a_kill(recorder: Recorder, client: MlflowClient) -> None:
    with pytest.raises(SystemExit), recorder:  # noqa: PT012
        try:
            raise KeyboardInterrupt
        except KeyboardInterrupt:
            sys.exit(1)
    assert client.get_run(recorder.run_id).info.status == "KILLED"


def test_sigterm_ends_the_run_as_killed(
    output_dir: Path, client: MlflowClient, forked: Callable[..., list[int]]
) -> None:
    assert forked("terminated", output_dir) == [1]
    experiment = client.get_experiment_by_name("tokenlayer")
    assert experiment is not None
    [run] = client.search_runs([experiment.experiment_id])
    assert run.info.status == "KILLED"
    assert client.list_artifacts(run.info.run_id, "logs/a")


def test_values_that_json_does_not_know(recorder: Recorder, client: MlflowClient) -> None:
    with recorder:
        recorder.log_metrics({"nan": math.nan, "inf": math.inf, "array": np.float32(0.5)}, 3)
    metrics = client.get_run(recorder.run_id).data.metrics
    assert math.isnan(metrics["nan"])
    assert metrics["inf"] == sys.float_info.max  # MLflow's way to keep an infinity
    assert metrics["array"] == 0.5


def test_many_metrics_params_and_long_values(recorder: Recorder, client: MlflowClient) -> None:
    with recorder:
        recorder.log_params({f"p{i}": i for i in range(250)})
        recorder.log_params({"long": "x" * 7000, "url": "http://me:pw@host/", "source.password": "pw"})
        for step in range(30):
            recorder.log_metrics({f"grads/c{i}": step + i for i in range(40)}, step)
    run = client.get_run(recorder.run_id)
    assert len(run.data.params) == 253
    assert run.data.params["long"].endswith("(7000 characters in all)")
    assert run.data.params["url"] == "http://***@host/"
    assert run.data.params["source.password"] == "***"
    history = client.get_metric_history(recorder.run_id, "grads/c39")
    assert [m.value for m in history] == [step + 39 for step in range(30)]


def test_a_table_is_what_mlflow_logs_as_one(recorder: Recorder, client: MlflowClient, output_dir: Path) -> None:
    columns = {"pattern": ["a█b", 'q"<UNK>'], "gradient": [0.5, math.nan], "seen": pd.Timestamp("2026-05-04")}
    frame = pd.DataFrame(columns, index=[7, 9])
    recorder.table("patterns/step_0.json", frame)
    recorder.commit(0)
    recorder.table("patterns/step_5.json", frame)
    recorder.finish("FINISHED")
    run = client.create_run(recorder.experiment_id)
    for path in ("patterns/step_0.json", "patterns/step_5.json"):
        client.log_table(run.info.run_id, frame, path)
    theirs = client.get_run(run.info.run_id).data.tags["mlflow.loggedArtifacts"]
    ours = client.get_run(recorder.run_id).data.tags["mlflow.loggedArtifacts"]
    assert json.loads(ours) == json.loads(theirs)
    texts = [
        Path(client.download_artifacts(id_, "patterns/step_5.json")).read_text()
        for id_ in (recorder.run_id, run.info.run_id)
    ]
    assert texts[0] == texts[1]
    day = "2026-05-04T00:00:00.000"
    assert json.loads(texts[0])["data"] == [["a█b", 0.5, day], ['q"<UNK>', None, day]]


def test_the_tag_of_tables_stays_within_its_limit(recorder: Recorder, client: MlflowClient) -> None:
    with recorder:
        for step in range(400):
            recorder.table(f"patterns/step_{step}.json", pd.DataFrame({"a": [1]}))
    logged = json.loads(client.get_run(recorder.run_id).data.tags["mlflow.loggedArtifacts"])
    assert logged[-1]["path"] == "patterns/step_399.json"
    assert 100 < len(logged) < 200
    assert len(client.list_artifacts(recorder.run_id, "patterns")) == 400


def test_checkpoints_live_locally_as_long_as_they_are_needed(
    recorder: Recorder, artifacts: Callable[[str], Path]
) -> None:
    last, best = "checkpoints/last.ckpt", "checkpoints/best.ckpt"
    for step, aliases, keep in [(1, (last, best), True), (2, (last,), False), (3, (last,), True)]:
        recorder.commit(step, save(recorder, step), aliases, keep=keep)
    recorder.commit(4, save(recorder, 4), [last])
    # The best, the last, and the one before in case that is damaged.
    assert sorted(p.name[-6:-5] for p in recorder.checkpoints.iterdir()) == ["1", "3", "4"]
    sent = {p.name: p.read_bytes()[-1:] for p in (artifacts(recorder.run_id) / "checkpoints").iterdir()}
    assert sent == {
        "last.ckpt": b"4",
        "best.ckpt": b"1",
        "step_00000001.ckpt": b"1",
        "step_00000003.ckpt": b"3",
    }
    with pytest.raises(ValueError, match="does not lie in"):
        recorder.commit(5, artifacts(recorder.run_id) / "checkpoints" / "last.ckpt")


def test_an_artifact_cannot_leave_the_run(recorder: Recorder) -> None:
    with pytest.raises(ValueError, match="leaves the run"):
        recorder.artifact("../../other")


def test_a_big_table_does_not_wait_in_memory(recorder: Recorder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tokenlayer.tracking.recorder.BUFFERED_ROWS", 10)
    for step in range(5):
        recorder.append("logs/a", {"step": step, "x": np.arange(6)})
    recorder.commit(5)
    assert len(list((recorder.directory / "logs" / "a").iterdir())) == 3
    assert recorder.load_log("logs/a")["step"].tolist() == sorted([*range(5)] * 6)


def test_an_outage_delays_the_mirror(
    recorder: Recorder,
    client: MlflowClient,
    artifacts: Callable[[str], Path],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    aliases = ["checkpoints/last.ckpt"]
    with monkeypatch.context() as outage, caplog.at_level(logging.WARNING):
        outage.setattr(mirror, "why_away", lambda uri: "pulled the plug")
        for step in range(1, 4):
            recorder.log_metrics({"m": step}, step)
            recorder.artifact(f"files/{step}.txt").write_text(str(step))
            recorder.commit(step, save(recorder, step), aliases, keep=step == 2)
    assert caplog.text.count("pulled the plug") == 1
    assert client.get_run(recorder.run_id).data.metrics == {}
    assert sorted(p.name[-6:-5] for p in recorder.checkpoints.iterdir()) == ["2", "3"]
    recorder.log_metrics({"m": 4}, 4)
    recorder.finish("FINISHED")
    assert [m.value for m in client.get_metric_history(recorder.run_id, "m")] == [1, 2, 3, 4]
    assert len(client.list_artifacts(recorder.run_id, "files")) == 3
    sent = {p.name: p.read_bytes()[-1:] for p in (artifacts(recorder.run_id) / "checkpoints").iterdir()}
    assert sent == {"last.ckpt": b"3", "step_00000002.ckpt": b"2"}


def test_an_outage_until_the_end_says_how_to_send_later(
    recorder: Recorder,
    output_dir: Path,
    client: MlflowClient,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    with monkeypatch.context() as outage:
        outage.setattr(mirror, "why_away", lambda uri: "pulled the plug")
        with recorder:
            recorder.log_metrics({"m": 1.0}, 0)
            recorder.commit(1, save(recorder, 1), ["checkpoints/last.ckpt"])
    assert f"sync {recorder.run_id} --output-dir {output_dir}" in caplog.text
    assert client.get_run(recorder.run_id).info.status == "RUNNING"
    with Recorder.resume(TrackingConfig(), output_dir, recorder.run_id):
        assert client.get_run(recorder.run_id).data.metrics == {"m": 1.0}
    assert client.get_run(recorder.run_id).info.status == "FINISHED"


def test_a_run_whose_lease_was_lost_says_so_at_its_end(
    recorder: Recorder, client: MlflowClient, caplog: pytest.LogCaptureFixture
) -> None:
    client.set_tag(recorder.run_id, LEASE_TAG, Holder.this_process().to_tag())
    recorder.log_metrics({"m": 1.0}, 0)
    recorder.finish("FINISHED")
    assert f"run {recorder.run_id} is recorded by another process now" in caplog.text
    assert client.get_metric_history(recorder.run_id, "m") == []


def test_a_parent_run_is_honoured(output_dir: Path, client: MlflowClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_RUN_CONTEXT", json.dumps({"mlflow.parentRunId": "abc"}))
    config = TrackingConfig(run_name="mine", tags={"purpose": "test"})
    with Recorder.start(config, output_dir, run_name="made", tags={"purpose": "x", "more": "y"}) as recorder:
        pass
    run = client.get_run(recorder.run_id)
    assert run.info.run_name == "mine"
    assert run.data.tags["mlflow.parentRunId"] == "abc"
    assert (run.data.tags["purpose"], run.data.tags["more"]) == ("test", "y")
    monkeypatch.setenv("MLFLOW_RUN_CONTEXT", "{nonsense")
    with pytest.raises(InputError, match=r"MLFLOW_RUN_CONTEXT='\{nonsense' is no JSON"):
        Recorder.start(config, output_dir)


def test_sending_that_may_wait_takes_a_small_share_of_the_time(
    recorder: Recorder, client: MlflowClient, artifacts: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [1000.0]
    real = MlflowClient.set_tag

    def takes_two_seconds(*args: object) -> None:
        real(*args)
        now[0] += 2.0 if mirror.COMMIT_TAG in args else 0.0

    monkeypatch.setattr(mirror.time, "monotonic", lambda: now[0])
    monkeypatch.setattr(MlflowClient, "set_tag", takes_two_seconds)
    sent = []
    for step in range(1, 13):
        recorder.log_metrics({"m": step}, step)
        recorder.commit(step, save(recorder, step), ["checkpoints/last.ckpt"], keep=step == 2, may_wait=True)
        sent.append(len(client.get_metric_history(recorder.run_id, "m")))
        now[0] += 10.0
    # 100 seconds after a sending of two the next is due, which takes two for each of ten commits.
    assert sent == [1] * 10 + [11] * 2
    recorder.finish("FINISHED")
    assert [m.value for m in client.get_metric_history(recorder.run_id, "m")] == list(range(1, 13))
    kept = {path.name: path.read_bytes()[-2:] for path in (artifacts(recorder.run_id) / "checkpoints").iterdir()}
    assert kept == {"last.ckpt": b"12", "step_00000002.ckpt": b" 2"}


@pytest.mark.parametrize(
    "write",
    [
        lambda recorder: recorder.write_texts({"note.txt": "a note"}),
        lambda recorder: recorder.load_log("logs/train_log"),
        lambda recorder: recorder.table("tokens/effects.json", pd.DataFrame({"token": ["a"]})),
    ],
    ids=["texts", "log", "table"],
)
def test_what_an_interruption_left_half_written_is_not_committed(
    recorder: Recorder, write: Callable[[Recorder], object], monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object, **__: object) -> NoReturn:
        raise KeyboardInterrupt

    def half(path: Path, text: str, **_: object) -> NoReturn:
        path.write_bytes(text.encode()[:1])
        interrupted()

    recorder.append("logs/train_log", {"step": 0, "loss": 1.0})
    monkeypatch.setattr("pathlib.Path.write_text", half)
    monkeypatch.setattr("tokenlayer.tracking.tables.pq.write_table", lambda _, path, **__: half(path, "PAR1"))
    with pytest.raises(KeyboardInterrupt):
        write(recorder)
    monkeypatch.undo()
    recorder.finish("KILLED")
    whole = [path.relative_to(recorder.directory).as_posix() for path in recorder.directory.rglob("*.*")]
    assert whole == ["logs/train_log/part-000000.parquet"]


@pytest.mark.parametrize(("sent", "told"), [(True, True), (True, False), (False, True), (False, False)])
def test_what_mlflow_lacks_at_the_end_is_told(
    sent: bool, told: bool, recorder: Recorder, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(mirror.Mirror, "send", lambda self, commits: sent)
    monkeypatch.setattr(mirror.Mirror, "set_status", lambda self, status: told)
    recorder.finish("FINISHED")
    assert ("send the rest of the run later with" in caplog.text) == (not (sent and told))


def test_a_disk_that_is_full_at_the_end_is_named(recorder: Recorder, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*arguments: object, **settings: object) -> None:
        raise OSError(errno.ENOSPC, "no space left on device")

    monkeypatch.setattr(recorder, "_commit", full)
    told = f"no space is left to write to /.*, then resume run {recorder.run_id}"
    with pytest.raises(RunStoppedError, match=told), recorder:
        pass

"""A store that answers nonsense, or not at all, for a while or for ever."""

import shutil
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import proxy as proxies
import pytest
from commands import TINY, Record, Server, Store, assert_same
from proxy import Handler, MlflowServer, Mode, Proxy
from pyarrow import ArrowInvalid

faults = pytest.mark.faults


@pytest.fixture(scope="session")
def mlflow_server(tmp_path_factory: pytest.TempPathFactory, empty_database: Path) -> Iterator[MlflowServer]:
    folder = tmp_path_factory.mktemp("server")
    shutil.copyfile(empty_database, folder / "mlflow.db")
    server = MlflowServer(folder)
    yield server
    server.stop()


@pytest.fixture
def proxy(mlflow_server: MlflowServer) -> Iterator[Proxy]:
    proxy = Proxy(mlflow_server.port)
    yield proxy
    proxy.stop()


@pytest.fixture
def remote(proxy: Proxy, tmp_path: Path) -> Store:
    return Store(tmp_path / "outputs", proxy.uri)


@pytest.mark.promise(
    "A proxy answers uploads with 200 and a page", "delayed only: nothing that is missing counts as sent"
)
def test_an_upload_that_a_proxy_swallows_is_not_sent(remote: Store, proxy: Proxy) -> None:
    from tokenlayer.tracking.config import TrackingConfig  # noqa: PLC0415  # MLflow takes seconds
    from tokenlayer.tracking.recorder import Recorder  # noqa: PLC0415  # likewise

    with Recorder.start(TrackingConfig(uri=proxy.uri), remote.output_dir) as recorder:
        for step in range(3):
            proxy.mode = proxies.html_for_uploads if step == 1 else None
            path = recorder.checkpoints / f"step_{step:08d}.ckpt"
            path.write_bytes(b"weights of step %d" % step)
            recorder.artifact(f"notes/{step}.txt").write_text("a note")
            recorder.log_metrics({"m": step}, step)
            recorder.commit(step, path, ["checkpoints/last.ckpt"])
            sent = [file.path for file in remote.client.list_artifacts(recorder.run_id, "notes")]
            assert len(sent) == {0: 1, 1: 1, 2: 3}[step]
    last = remote.client.download_artifacts(recorder.run_id, "checkpoints/last.ckpt")
    assert Path(last).read_bytes() == b"weights of step 2"
    assert [m.value for m in remote.client.get_metric_history(recorder.run_id, "m")] == [0, 1, 2]


def test_files_of_one_name_are_sent_at_once(remote: Store, proxy: Proxy, caplog: pytest.LogCaptureFixture) -> None:
    from tokenlayer.tracking.config import TrackingConfig  # noqa: PLC0415  # MLflow takes seconds
    from tokenlayer.tracking.recorder import Recorder  # noqa: PLC0415  # likewise

    names = [f"notes/{n}/part.txt" for n in range(12)]
    with Recorder.start(TrackingConfig(uri=proxy.uri), remote.output_dir) as recorder:
        for step in (1, 2):
            for name in names:
                recorder.artifact(name).write_text(f"{name} at {step}")
            recorder.commit(step)
            got = Path(remote.client.download_artifacts(recorder.run_id, "notes")).parent
            assert [(got / name).read_text() for name in names] == [f"{name} at {step}" for name in names]
    assert not caplog.records


def test_what_may_wait_is_sent_beside_the_training(remote: Store, proxy: Proxy) -> None:
    from tokenlayer.tracking.config import TrackingConfig  # noqa: PLC0415  # MLflow takes seconds
    from tokenlayer.tracking.recorder import Recorder  # noqa: PLC0415  # likewise

    let_go, is_asked = threading.Event(), threading.Event()

    def stuck(handler: Handler) -> bool:
        if handler.command == "PUT":
            is_asked.set()
            let_go.wait(60)
        return False

    def commit(step: int) -> None:
        path = recorder.checkpoints / f"step_{step:08d}.ckpt"
        path.write_bytes(b"weights of step %d" % step)
        recorder.artifact(f"notes/{step}.txt").write_text(f"note {step}")
        recorder.log_metrics({"m": step}, step)
        recorder.commit(step, path, ["checkpoints/last.ckpt"], may_wait=True)

    def kept() -> list[int]:
        return sorted(int(path.stem.removeprefix("step_")) for path in recorder.checkpoints.iterdir())

    with Recorder.start(TrackingConfig(uri=proxy.uri), remote.output_dir) as recorder:
        proxy.mode = stuck
        for step in (1, 2, 3, 4):
            commit(step)  # would wait for ever
            assert is_asked.wait(60)
        # The checkpoint that is being sent stays, however old it is by now.
        assert kept() == [1, 3, 4]
        threading.Timer(0.3, let_go.set).start()
        recorder.artifact("notes/1.txt").write_text("another note")  # of which the first is on its way
        recorder.commit(5)
        assert kept() == [3, 4]
    got = Path(remote.client.download_artifacts(recorder.run_id, "notes"))
    notes = {path.name: path.read_text() for path in got.iterdir()}
    assert notes == {"1.txt": "another note", "2.txt": "note 2", "3.txt": "note 3", "4.txt": "note 4"}
    last = remote.client.download_artifacts(recorder.run_id, "checkpoints/last.ckpt")
    assert Path(last).read_bytes() == b"weights of step 4"
    assert [m.value for m in remote.client.get_metric_history(recorder.run_id, "m")] == [1, 2, 3, 4]
    assert remote.client.get_run(recorder.run_id).info.status == "FINISHED"


def test_a_lease_that_is_lost_beside_the_training_ends_it(remote: Store, proxy: Proxy) -> None:
    from tokenlayer.tracking.config import TrackingConfig  # noqa: PLC0415  # MLflow takes seconds
    from tokenlayer.tracking.lease import LEASE_TAG, Holder, LeaseLostError  # noqa: PLC0415  # likewise
    from tokenlayer.tracking.recorder import Recorder  # noqa: PLC0415  # likewise

    def record() -> None:
        with Recorder.start(TrackingConfig(uri=proxy.uri), remote.output_dir) as recorder:
            remote.client.set_tag(recorder.run_id, LEASE_TAG, Holder.this_process().to_tag())
            for step in (1, 2):
                recorder.commit(step, may_wait=True)
                while recorder._mirror.is_sending:
                    time.sleep(0.01)

    with pytest.raises(LeaseLostError, match="another process"):
        record()


def test_a_run_that_breaks_off_waits_for_what_is_being_sent(remote: Store, proxy: Proxy) -> None:
    from tokenlayer.tracking.config import TrackingConfig  # noqa: PLC0415  # MLflow takes seconds
    from tokenlayer.tracking.recorder import Recorder  # noqa: PLC0415  # likewise

    def slow(handler: Handler) -> bool:
        if handler.command == "PUT":
            time.sleep(0.2)
        return False

    def record() -> None:
        with Recorder.start(TrackingConfig(uri=proxy.uri), remote.output_dir) as recorder:
            recorders.append(recorder)
            proxy.mode = slow
            recorder.artifact("note.txt").write_text("first")
            recorder.commit(1, may_wait=True)
            assert recorder._mirror.is_sending
            recorder.append("logs/train_log", {"step": 1, "loss": 1.0})
            recorder.append("logs/train_log", {"step": 2, "loss": "much"})  # no part can be made of these

    recorders: list[Recorder] = []
    with pytest.raises(ArrowInvalid):
        record()
    (recorder,) = recorders
    assert not recorder._mirror.is_sending
    assert recorder._mirror.sent == 1
    note = remote.client.download_artifacts(recorder.run_id, "note.txt")
    assert Path(note).read_text() == "first"


@faults
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
@pytest.mark.parametrize("commits", [3, 5, 9])
def test_ended_while_a_commit_is_being_sent(
    server: Server, remote: Store, proxy: Proxy, whole: Record, number: signal.Signals, commits: int
) -> None:
    asked = threading.Semaphore(0)

    def slow(handler: Handler) -> bool:
        if handler.command == "PUT" and "journal/commits" in handler.path:
            asked.release()
            time.sleep(0.5)
        return False

    proxy.mode = slow
    command = server.start("train", *TINY, *remote.place)
    run_id = command.wait_for_run()
    for _ in range(commits):
        assert asked.acquire(timeout=60), command.printed
    command.kill(number)
    assert command.wait() == {signal.SIGKILL: -9, signal.SIGTERM: 130}[number], command.printed
    proxy.pass_on()
    resumed = server.run("train", f"resume={run_id}", *remote.place)
    assert resumed.code == 0, resumed.printed
    assert_same(remote.record(run_id), whole)


@faults
@pytest.mark.promise(
    "MLflow answers 200 with a page for 12 s, 500 for 15 s, not at all for 40 s, or what it took gets lost",
    "delayed only",
)
@pytest.mark.parametrize(
    ("mode", "seconds"),
    [
        (proxies.html, 12),
        (proxies.html_for_uploads, 12),
        (proxies.broken, 15),
        (proxies.silent, 40),
        (proxies.answers_lost, 12),
    ],
)
def test_for_a_while(server: Server, remote: Store, proxy: Proxy, whole: Record, mode: Mode, seconds: float) -> None:
    command = server.start("train", *TINY, *remote.place)
    run_id = command.wait_for_run()
    time.sleep(0.5)
    proxy.for_seconds(mode, seconds)
    code = command.wait()
    proxy.pass_on()
    assert code == 0, command.printed
    if "send the rest of the run later with" in command.printed:  # it ended before MLflow was back
        assert server.run("sync", run_id, "--tracking-uri", proxy.uri, "--output-dir", str(remote.output_dir)).code == 0
    assert_same(remote.record(run_id), whole)


class AwayAfter:
    """Nobody, from the first answer to a request of this kind on."""

    def __init__(self, part: str) -> None:
        self.part = part
        self.is_away = False

    def __call__(self, handler: Handler) -> bool:
        if self.is_away:
            return proxies.away(handler)
        if self.part in handler.path:
            handler.pass_on()
            self.is_away = True
            return True
        return False


@faults
@pytest.mark.promise(
    "MLflow is gone before or after the first commit, for ever", "resume or sync sends the rest: the same run"
)
@pytest.mark.parametrize("then", ["resume", "sync"])
@pytest.mark.parametrize("part", ["runs/create", "runs/log-batch"])
def test_for_ever(server: Server, remote: Store, proxy: Proxy, whole: Record, part: str, then: str) -> None:
    proxy.mode = AwayAfter(part)
    command = server.run("train", *TINY, *remote.place)
    proxy.pass_on()
    assert command.code == 0, command.printed
    assert f"sync {command.run_id} --tracking-uri {proxy.uri} --output-dir {remote.output_dir}" in command.printed
    assert command.run_id is not None
    place = ["--tracking-uri", proxy.uri, "--output-dir", str(remote.output_dir)]
    arguments = (
        ["sync", command.run_id, *place] if then == "sync" else ["train", f"resume={command.run_id}", *remote.place]
    )
    sent = server.run(*arguments)
    assert sent.code == 0, sent.printed
    assert_same(remote.record(command.run_id), whole)


@pytest.mark.promise("MLflow does not answer at the start", "exit 2, nothing begun")
def test_nobody_there_at_the_start(server: Server, proxy: Proxy, remote: Store) -> None:
    for mode in (proxies.away, proxies.html):
        proxy.mode = mode
        command = server.run("train", *TINY, *remote.place)
        assert command.code == 2, command.printed
        assert "Traceback" not in command.printed
        assert not remote.output_dir.exists()

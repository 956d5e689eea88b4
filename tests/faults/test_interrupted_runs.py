"""SIGINT and SIGTERM where they hurt: once, twice, five times, in a commit and in the mirror."""

import pytest
from commands import DRAWN, TINY, Record, Server, Store, assert_same

RECORDER, MIRROR = "tokenlayer.tracking.recorder", "tokenlayer.tracking.mirror:Mirror"
CHECKPOINTS = "tokenlayer.training.callbacks.checkpoints_callback:Checkpoints"
PREDICTIONS = "tokenlayer.training.callbacks.predictions_callback:Predictions"
faults = pytest.mark.faults
PLACES = [
    pytest.param(f"{RECORDER}:append_commit", 5, ["SIGINT", "SIGINT"], id="in a commit, twice"),
    pytest.param(f"{RECORDER}:append_commit", 7, ["SIGTERM"], id="in a validation's commit", marks=faults),
    pytest.param(f"{MIRROR}._send_values", 5, ["SIGINT"] * 5, id="in the mirror, five times", marks=faults),
    pytest.param(f"{MIRROR}._send_journal", 7, ["SIGTERM"] * 2, id="in the mirror, SIGTERM twice", marks=faults),
    pytest.param(f"{CHECKPOINTS}._commit", 7, ["SIGINT"], id="before the validation's commit", marks=faults),
    pytest.param(f"{CHECKPOINTS}._commit", 12, ["SIGINT"] * 2, id="before the last commit, twice", marks=faults),
    pytest.param("torch:save", 4, ["SIGINT", "SIGTERM"], id="while a checkpoint is written", marks=faults),
    pytest.param(f"{RECORDER}:append_commit", 14, ["SIGTERM"], id="between training and test", marks=faults),
    pytest.param("tokenlayer.training.train:load_best", 1, ["SIGINT"], id="before the test", marks=faults),
    pytest.param(f"{PREDICTIONS}.on_test_end", 1, ["SIGINT"] * 2, id="in the test", marks=faults),
]


@pytest.mark.promise("SIGINT and SIGTERM at given calls, up to five at once, then resume", "130, KILLED, the same run")
@pytest.mark.parametrize(("place", "count", "signals"), PLACES)
def test_interrupted(server: Server, store: Store, whole: Record, place: str, count: int, signals: list[str]) -> None:
    command = server.run("train", *TINY, *store.place, faults=[(place, count, signals)])
    assert command.code == 130, command.printed
    assert "Traceback" not in command.printed
    assert command.run_id is not None
    assert store.status(command.run_id) == "KILLED"
    assert f"train resume={command.run_id}" in command.printed
    resumed = server.run("train", f"resume={command.run_id}", *store.place)
    assert resumed.code == 0, resumed.printed
    assert_same(store.record(command.run_id), whole)


@pytest.mark.promise("SIGTERM while the run ends", "130; it is FINISHED, whole")
@faults
def test_interrupted_at_the_end(server: Server, store: Store, whole: Record) -> None:
    fault = (f"{MIRROR}.set_status", 1, ["SIGTERM"] * 2)
    command = server.run("train", *TINY, *store.place, faults=[fault])
    assert command.code == 130, command.printed
    assert command.run_id is not None
    assert_same(store.record(command.run_id), whole)


@pytest.mark.promise("SIGINT, twice, while figures are drawn, then resume", "130, KILLED, the same run")
@faults
def test_interrupted_while_it_draws(server: Server, store: Store) -> None:
    drawn = server.run("train", *DRAWN, *store.place)
    fault = (f"{RECORDER}:Recorder.load_metrics", 1, ["SIGINT"] * 2)
    command = server.run("train", *DRAWN, *store.place, faults=[fault])
    assert command.code == 130, command.printed
    assert command.run_id is not None
    assert server.run("train", f"resume={command.run_id}", *store.place).code == 0
    assert_same(store.record(command.run_id), store.record(drawn.run_id))

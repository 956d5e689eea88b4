"""A loss that is not finite: the run stops, and what it recorded reaches MLflow."""

import pytest
from commands import TINY, Server, Store


@pytest.mark.promise(
    "The loss becomes NaN before the first checkpoint", "exit 2, the step named, FAILED, rows in MLflow"
)
def test_the_rows_up_to_it_are_recorded(server: Server, store: Store) -> None:
    command = server.run("train", *TINY, *store.place, "optimizer.lr=1e30", "callbacks.checkpoints.per_epoch=1")
    assert command.code == 2, command.printed
    assert "the loss is" in command.printed
    assert "at step" in command.printed
    assert command.run_id is not None
    run = store.client.get_run(command.run_id)
    assert run.info.status == "FAILED"
    assert store.client.get_metric_history(command.run_id, "train/loss")
    assert [f.path for f in store.client.list_artifacts(command.run_id, "logs/train_log")]

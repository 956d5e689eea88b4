from pathlib import Path

import pytorch_lightning as pl
import torch
from mlflow.tracking import MlflowClient
from torch.utils.data import DataLoader, TensorDataset

from tokenlayer.tracking.lightning_logger import RecorderLogger
from tokenlayer.tracking.recorder import Recorder


class Line(pl.LightningModule):
    def __init__(self) -> None:
        super().__init__()
        self.layer = torch.nn.Linear(1, 1)
        self.save_hyperparameters({"ignored": 1})

    def training_step(self, batch: list[torch.Tensor]) -> torch.Tensor:
        loss = self.layer(batch[0]).square().mean()
        self.log("train/loss", loss)
        return loss

    def test_step(self, batch: list[torch.Tensor]) -> None:
        self.log("test/loss", self.layer(batch[0]).square().mean())

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.parameters(), lr=0.1)


def test_a_real_fit_logs_through_the_recorder(recorder: Recorder, client: MlflowClient, tmp_path: Path) -> None:
    data = DataLoader(TensorDataset(torch.arange(8.0)[:, None]), batch_size=2)
    trainer = pl.Trainer(
        max_epochs=2,
        accelerator="cpu",
        logger=RecorderLogger(recorder),
        log_every_n_steps=1,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        default_root_dir=tmp_path,
    )
    with recorder:
        trainer.fit(Line(), data)
        assert client.get_run(recorder.run_id).info.status == "RUNNING"
        trainer.test(Line(), data, verbose=False)
    run = client.get_run(recorder.run_id)
    assert set(run.data.metrics) == {"train/loss", "test/loss"}
    assert run.data.params == {}
    assert [m.step for m in client.get_metric_history(recorder.run_id, "train/loss")] == list(range(8))
    assert trainer.logger is not None
    assert (trainer.logger.version, trainer.logger.name) == (recorder.run_id, "tokenlayer")

"""Runs of the real command on texts that take no time, and what MLflow holds of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import pandas as pd
import pyarrow.parquet as pq
from mlflow.entities import Run
from mlflow.tracking import MlflowClient

from tokenlayer.tracking.uri import default_uri

TEXTS = (
    "dataset=planted",
    "dataset.n_texts=200",
    "dataset.text_length=60",
    "dataset.n_words=12",
    "dataset.batch_size=8",
)
EPOCHS = 2
CPU = ("trainer.accelerator=cpu", "trainer.threads=1")
# Drawing figures takes three quarters of a tiny run's time: `without("callbacks")` has them drawn.
QUIET = ("callbacks.figures=null", "callbacks.token_history=null")
TINY = (
    # The recommended setting, named so that an option of a test's own can stand in its place.
    *TEXTS,
    "initializer=random_ngrams",
    "initializer.ngram_lengths=[2,3,4]",
    "learning_rule=graft",
    "learning_rule.ngram_lengths=[2,3,4]",
    "model=tokens",
    "model.vocab_size=30",
    "optimizer=adam",
    "lr_scheduler=cosine",
    f"trainer.max_epochs={EPOCHS}",
    *CPU,
    *QUIET,
)
ORIGINAL = (
    # The original's settings.
    *TEXTS,
    "initializer=original",
    "initializer.ngram_lengths=[2,3,4]",
    "initializer.padding=blank",
    "learning_rule=original",
    "model=original",
    "model.vocab_size=30",
    "model.head.hidden=4",
    "optimizer=original",
    "lr_scheduler=none",
    f"trainer.max_epochs={EPOCHS}",
    *CPU,
    *QUIET,
)
STEPS_PER_EPOCH = 17  # 140 training texts in batches of 8


def without(*groups: str, settings: Sequence[str] = TINY) -> list[str]:
    """The settings, but for those of some configuration groups (`dataset`, `learning_rule`, …)."""
    return [setting for setting in settings if setting.replace("=", ".").split(".")[0] not in groups]


@dataclass(frozen=True)
class Recorded:
    """What MLflow holds of a run."""

    run: Run
    artifacts: Path

    @property
    def run_id(self) -> str:
        return str(self.run.info.run_id)

    def log(self, name: str) -> pd.DataFrame:
        """A table of `logs/`, read from the artifacts alone."""
        parts = sorted((self.artifacts / "logs" / name).glob("part-*.parquet"))
        return pd.concat([pq.read_table(part).to_pandas() for part in parts], ignore_index=True)


@dataclass(frozen=True)
class Store:
    """An output folder with its MLflow store."""

    output_dir: Path

    @property
    def client(self) -> MlflowClient:
        return MlflowClient(tracking_uri=default_uri(self.output_dir))

    def runs(self) -> list[Recorded]:
        """All runs, the oldest first."""
        ids = [experiment.experiment_id for experiment in self.client.search_experiments()]
        found = self.client.search_runs(ids, order_by=["attributes.start_time ASC"])
        return [Recorded(run, Path(urlsplit(run.info.artifact_uri).path)) for run in found]

    def history(self, run_id: str, key: str) -> list[tuple[int, float]]:
        """Steps and values of a metric."""
        return sorted((metric.step, metric.value) for metric in self.client.get_metric_history(run_id, key))

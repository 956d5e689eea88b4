"""Sweeps recorded through MLflow's client as `tokenlayer train -m` would: cheap, and of any outcome."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pandas as pd
from mlflow.entities import Metric, Param, RunTag
from mlflow.tracking import MlflowClient

from tokenlayer.tracking.store import open_store
from tokenlayer.tracking.sweep_tags import KEYS_TAG, KIND_TAG, NAME_TAG, SWEEP, job_tags, keys_tag

TEXTS = 40


@dataclass
class Job:
    """A job to be recorded: what it was set to, and what came out."""

    settings: Mapping[str, str]
    accuracy: float | None = 0.8
    """The metric on the test texts, and of the predictions."""
    validation: float | None = None
    """The metric on the validation texts at the end; None: as on test texts."""
    status: str = "FINISHED"
    texts: int = 0
    """The first of the test texts: another number stands for other texts."""
    tokens: Sequence[str] = ()
    params: Mapping[str, str] = field(default_factory=dict)


class Recording:
    """A store in which sweeps are recorded."""

    def __init__(self, output_dir: Path) -> None:
        store = open_store(None, output_dir)
        self.client: MlflowClient = store.client
        self.experiment = store.experiment_id("sweeps")
        self._began = 1_700_000_000_000

    def sweep(self, name: str, keys: Sequence[str], jobs: Iterable[Job], status: str = "FINISHED") -> list[str]:
        """Record a parent and its jobs; gives their ids, the parent's first."""
        tags = {KIND_TAG: SWEEP, NAME_TAG: name, KEYS_TAG: keys_tag(keys)}
        parent = self.client.create_run(self.experiment, self._time(), tags, run_name=name).info.run_id
        made = [self.run(job, job_tags(parent, job.settings)) for job in jobs]
        if status != "RUNNING":
            self.client.set_terminated(parent, status)
        return [parent, *made]

    def run(self, job: Job, tags: Mapping[str, str] | None = None, name: str | None = None) -> str:
        """Record one run."""
        called = name or "-".join(job.settings.values()) or "run"
        began = self._time()
        run_id: str = self.client.create_run(self.experiment, began, dict(tags or {}), run_name=called).info.run_id
        params = {"dataset._target_": "tokenlayer.data.sources.planted.PlantedConfig", "group.dataset": "planted"}
        params |= {"model.embedding_dim": "8", "tracking.run_name": called, "output_dir": f"/somewhere/{called}"}
        options = {"group." * ("." not in key and key != "seed") + key: value for key, value in job.settings.items()}
        validation = job.accuracy if job.validation is None else job.validation
        metrics = []
        if validation is not None:
            early = np.linspace(0.5, validation, 6)
            metrics += [Metric("validation/accuracy", float(v), began + i, 20 * i) for i, v in enumerate(early)]
            metrics += [Metric("validation/loss", 1.0 - validation, began, 100)]
        if job.accuracy is not None:
            metrics += [Metric("test/accuracy", job.accuracy, began, 100), Metric("test/loss", 0.5, began, 100)]
        stored = [Param(key, value) for key, value in {**params, **options, **job.params}.items()]
        self.client.log_batch(run_id, metrics, stored, [RunTag("project", "unit")])
        self._artifacts(run_id, job)
        if job.status != "RUNNING":
            self.client.set_terminated(run_id, job.status, began + 60_000)
        return run_id

    def _artifacts(self, run_id: str, job: Job) -> None:
        with TemporaryDirectory() as folder:
            if job.accuracy is not None:
                path = Path(folder) / "test.parquet"
                predictions(job.accuracy, job.texts).to_parquet(path, index=False)
                self.client.log_artifact(run_id, str(path), "predictions")
            if job.tokens:
                path = Path(folder) / "effects.json"
                rows = [[t, 0.5 - 0.1 * i, "pos" if i < 5 else "neg", 9, 9] for i, t in enumerate(job.tokens)]
                columns = ["pattern", "effect", "towards", "texts", "matches"]
                path.write_text(json.dumps({"columns": columns, "data": rows}))
                self.client.log_artifact(run_id, str(path), "tokens")

    def _time(self) -> int:
        self._began += 1000
        return self._began


def predictions(accuracy: float, first: int = 0) -> pd.DataFrame:
    """As a run records them: the first texts are right, in an order of their own."""
    labels = np.array(["neg", "pos"] * (TEXTS // 2))
    right = np.arange(TEXTS) < round(accuracy * TEXTS)
    predicted = np.where(right, labels, np.where(labels == "neg", "pos", "neg"))
    ids = [f"{first + i:032x}" for i in range(TEXTS)]
    frame = pd.DataFrame({"text_id": ids, "label": labels, "prediction": predicted})
    return frame.assign(probability_neg=0.5, probability_pos=0.5).sample(frac=1, random_state=round(100 * accuracy))


def sizes(accuracies: Mapping[str, Sequence[float]], **more: object) -> list[Job]:
    """Jobs of several seeds for each number of tokens."""
    return [
        Job({"model.vocab_size": size, "seed": str(seed)}, accuracy, **more)  # type: ignore[arg-type]
        for size, of_size in accuracies.items()
        for seed, accuracy in enumerate(of_size)
    ]

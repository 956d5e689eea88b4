"""Sweeps in a store without their trainings: runs are put under a parent, or copied from a run that was trained."""

from collections.abc import Mapping, Sequence

from mlflow.entities import Metric, Param, Run, RunTag
from mlflow.tracking import MlflowClient

from tokenlayer.tracking.sweep_tags import KEYS_TAG, KIND_TAG, NAME_TAG, SWEEP, job_tags, keys_tag


def make_parent(client: MlflowClient, experiment_id: str, name: str, keys: Sequence[str], start: int) -> str:
    """The parent of a sweep, as the command makes it."""
    tags = {KIND_TAG: SWEEP, NAME_TAG: name, KEYS_TAG: keys_tag(keys)}
    parent = str(client.create_run(experiment_id, start, tags, name).info.run_id)
    client.set_terminated(parent)
    return parent


def copy_sweep(
    client: MlflowClient, run: Run, name: str, settings: Sequence[Mapping[str, str]], experiment_id: str | None = None
) -> list[Run]:
    """A sweep of copies of a run: parameters of their own, and accuracies of 1/2, 1/3, … of the run's."""
    experiment_id, start = experiment_id or run.info.experiment_id, run.info.start_time + 60_000
    parent = make_parent(client, experiment_id, name, list(settings[0]), start)
    histories = {key: client.get_metric_history(run.info.run_id, key) for key in run.data.metrics}
    for job, setting in enumerate(settings):
        copy = client.create_run(experiment_id, start + job, job_tags(parent, setting), f"job {job} of {name}")
        metrics = [
            Metric(m.key, m.value / (job + 2) if "accuracy" in key else m.value, m.timestamp, m.step)
            for key, history in histories.items()
            for m in history
        ]
        own = {key if key in run.data.params else f"group.{key}": value for key, value in setting.items()}
        params = [Param(key, value) for key, value in {**run.data.params, **own}.items()]
        for begin in range(0, len(metrics), 1000):
            client.log_batch(copy.info.run_id, metrics[begin : begin + 1000])
        client.log_batch(copy.info.run_id, params=params[:100])
        client.log_batch(copy.info.run_id, params=params[100:], tags=[RunTag("mlflow.source.type", "LOCAL")])
        client.set_terminated(copy.info.run_id)
    return [client.get_run(parent), *client.search_runs([experiment_id], f"tags.`mlflow.parentRunId` = '{parent}'")]

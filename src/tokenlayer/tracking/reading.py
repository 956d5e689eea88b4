"""Reading runs back from MLflow, as pandas frames.

Every function takes the tracking URI as training does: None is the default store of `output_dir`. A run is given by
its id, a unique beginning of it, or its name; what is not unique raises an `InputError` that lists the candidates.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
from mlflow.entities import Run
from mlflow.exceptions import MlflowException

from tokenlayer.errors import InputError
from tokenlayer.hints import hint
from tokenlayer.tracking.runs import find_run, search_runs, told_of_filter
from tokenlayer.tracking.store import Store, open_store
from tokenlayer.tracking.tables import PART, read_parts
from tokenlayer.yaml_files import load_yaml

OUTPUTS = Path("outputs")


def find_runs(
    uri: str | None = None, *, experiment: str | None = None, where: str = "", output_dir: Path | str = OUTPUTS
) -> pd.DataFrame:
    """Runs, the latest first.

    Args:
        uri: tracking URI.
        experiment: name of the experiment; None: all.
        where: MLflow's filter, e.g. `params.seed = '0' and metrics.test/accuracy > 0.8` (names that hold a
            `/` in backquotes).
        output_dir: holds the default store.

    Returns:
        Columns `run_id`, `name`, `experiment`, `status`, `start`, `end` (UTC), `params.*`, `metrics.*` (last
        values), `tags.*`.

    Raises:
        InputError: no such store or experiment, or a wrong filter.

    """
    store = open_store(uri, Path(output_dir), create=False)
    names = {e.experiment_id: e.name for e in store.client.search_experiments()}
    wanted = [key for key, name in names.items() if experiment in (None, name)]
    if not wanted:
        raise InputError(
            f"there is no experiment {experiment!r} in {store.shown}{hint(experiment or '', names.values())}"
        )
    with told_of_filter(store, where):
        runs = search_runs(store, wanted, where)
    return pd.DataFrame([run_row(run, names[run.info.experiment_id]) for run in runs])


def load_log(
    run: str, table: str = "grads_log", *, uri: str | None = None, output_dir: Path | str = OUTPUTS
) -> pd.DataFrame:
    """All rows of a table of a run, in the order of recording.

    Args:
        run: id, a unique beginning of it, or name.
        table: `grads_log`, `vals_log`, `patterns_log`, or the path of another folder of parts.
        uri: tracking URI.
        output_dir: holds the default store.

    Raises:
        InputError: no such store, run or table.

    """
    store = open_store(uri, Path(output_dir), create=False)
    run_id = find_run(store, run).info.run_id
    folder = table if "/" in table else f"logs/{table}"
    parts = [f.path for f in store.client.list_artifacts(run_id, folder) if PART.search(f.path)]
    if not parts:
        tables = [Path(file.path).name for file in store.client.list_artifacts(run_id, "logs")]
        raise InputError(f"run {run_id} has no table {table!r}{hint(table, tables)}")
    local = [_fetched(store, run_id, part) for part in parts]
    try:
        frame: pd.DataFrame = read_parts(local).to_pandas()
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        raise InputError(f"the table {table!r} of run {run_id} is damaged: {error}") from error
    return frame


def load_patterns(run: str, *, uri: str | None = None, output_dir: Path | str = OUTPUTS) -> pd.DataFrame:
    """The `patterns_log` of a run: one row per logged step and neuron.

    Raises:
        InputError: no such store or run, or it logged no patterns.

    """
    return load_log(run, "patterns_log", uri=uri, output_dir=output_dir)


def metric_history(run: str, key: str, *, uri: str | None = None, output_dir: Path | str = OUTPUTS) -> pd.DataFrame:
    """The values of a metric over time: columns `step`, `value`, `timestamp` (ms since 1970), by step.

    Raises:
        InputError: no such store, run or metric.

    """
    store = open_store(uri, Path(output_dir), create=False)
    found = find_run(store, run)
    run_id = found.info.run_id
    if key not in found.data.metrics:
        raise InputError(f"run {run_id} has no metric {key!r}{hint(key, found.data.metrics)}")
    history = store.client.get_metric_history(run_id, key)
    rows = sorted((metric.step, metric.timestamp, metric.value) for metric in history)
    return pd.DataFrame(rows, columns=["step", "timestamp", "value"])[["step", "value", "timestamp"]]


def load_resolved_config(run: str, *, uri: str | None = None, output_dir: Path | str = OUTPUTS) -> dict[str, Any]:
    """The configuration of a run, as recorded in `config/resolved.yaml`.

    Raises:
        InputError: no such store or run, or it recorded no configuration, or what it recorded is none any more.

    """
    path = download_artifact(run, "config/resolved.yaml", uri=uri, output_dir=output_dir)
    config = load_yaml(path, f"config/resolved.yaml of run {run}")
    if not isinstance(config, dict):
        raise InputError(f"config/resolved.yaml of run {run} is no configuration: it has been damaged, or edited")
    return config


def download_artifact(
    run: str,
    path: str,
    *,
    target: Path | None = None,
    uri: str | None = None,
    output_dir: Path | str = OUTPUTS,
) -> Path:
    """A local copy of an artifact, a file or a folder.

    Args:
        run: id, a unique beginning of it, or name.
        path: artifact path, e.g. `checkpoints/best.ckpt`.
        target: folder to copy it into. None: a temporary one, and none for a file that is local already.
        uri: tracking URI.
        output_dir: holds the default store.

    Raises:
        InputError: no such store, run or artifact.

    """
    store = open_store(uri, Path(output_dir), create=False)
    run_id = find_run(store, run).info.run_id
    if target is not None:
        target.mkdir(parents=True, exist_ok=True)
    return _fetched(store, run_id, path, target)


def find_run_params(
    run: str, uri: str | None = None, *, output_dir: Path | str = OUTPUTS
) -> tuple[str, Mapping[str, str]]:
    """The whole id of a run, and its parameters as MLflow has them.

    Raises:
        InputError: no such store or run.

    """
    found = find_run(open_store(uri, Path(output_dir), create=False), run)
    return str(found.info.run_id), found.data.params


def _fetched(store: Store, run_id: str, path: str, target: Path | None = None) -> Path:
    try:
        return Path(store.client.download_artifacts(run_id, path, None if target is None else str(target)))
    except (MlflowException, OSError) as error:
        folder = Path(path).parent.as_posix()
        siblings = store.client.list_artifacts(run_id, None if folder == "." else folder)
        raise InputError(
            f"run {run_id} has no artifact {path!r}{hint(path, [file.path for file in siblings])}"
        ) from error


def run_row(run: Run, experiment: str) -> dict[str, Any]:
    """A row of what `find_runs` returns."""
    info = run.info
    row: dict[str, Any] = {
        "run_id": info.run_id,
        "name": info.run_name,
        "experiment": experiment,
        "status": info.status,
        "start": utc(info.start_time),
        "end": utc(info.end_time) if info.end_time else None,
    }
    row |= {f"params.{key}": value for key, value in run.data.params.items()}
    row |= {f"metrics.{key}": value for key, value in run.data.metrics.items()}
    return row | {f"tags.{key}": value for key, value in run.data.tags.items()}


def utc(milliseconds: int) -> datetime:
    """A time of MLflow's."""
    return datetime.fromtimestamp(milliseconds / 1000, UTC)

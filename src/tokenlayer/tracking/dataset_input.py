"""The dataset of a run as MLflow's dataset input, which its UI lists and filters by.

It is an artifact, `dataset/input.json`, and so part of a commit; with that commit the mirror makes the input of it.
MLflow keeps one of equal name and digest, and the first description of a run stays: a resumed run has one input.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from mlflow.entities import Dataset, DatasetInput, InputTag
from mlflow.tracking import MlflowClient
from mlflow.utils.mlflow_tags import MLFLOW_DATASET_CONTEXT

from tokenlayer.redaction import redacted_uri
from tokenlayer.tracking.names import cut

if TYPE_CHECKING:
    from tokenlayer.tracking.recorder import Recorder

INPUT = "dataset/input.json"
"""Artifact path of the description."""
NAME_LENGTH, DIGEST_LENGTH, PLACE_LENGTH = 500, 36, 8000
_MOST_CLASSES = 1000


@dataclass(frozen=True)
class DatasetDescription:
    """A dataset as MLflow names it."""

    name: str
    digest: str
    context: Literal["training", "evaluation"]
    source_type: str
    source: str
    """JSON, as MLflow's own sources have it."""
    schema: str
    """JSON: the columns."""
    profile: str
    """JSON: numbers of texts, and the classes."""


def described(
    name: str,
    fingerprint: str,
    context: Literal["training", "evaluation"],
    place: str | None,
    texts: Mapping[str, int],
    class_names: tuple[str, ...],
) -> DatasetDescription:
    """The description of a dataset, within the lengths that MLflow takes.

    Args:
        name: the file's name, or that of the option.
        fingerprint: hash of what a model sees; its beginning is the digest.
        context: what the run does with it.
        place: file, folder or address of the texts; None: they are generated, or a program has them in memory.
        texts: number of texts by split.
        class_names: all classes.

    """
    source_type, source = _source(name, place)
    columns = [{"type": "string", "name": "text", "required": True}, {"type": "string", "name": "label"}]
    n_texts = sum(texts.values())
    profile: dict[str, Any] = {"num_rows": n_texts, "num_elements": n_texts * len(columns), "texts": dict(texts)}
    profile |= {"num_classes": len(class_names), "classes": list(class_names[:_MOST_CLASSES])}
    return DatasetDescription(
        name=cut(name, NAME_LENGTH),
        digest=fingerprint[:DIGEST_LENGTH],
        context=context,
        source_type=source_type,
        source=json.dumps(source, ensure_ascii=False),
        schema=json.dumps({"mlflow_colspec": columns}),
        profile=json.dumps(profile, ensure_ascii=False),
    )


def _source(name: str, place: str | None) -> tuple[str, dict[str, str]]:
    """Type and content of the source, as MLflow's own sources have them."""
    if place is None:
        return "code", {"name": name}
    shown = cut(redacted_uri(place), PLACE_LENGTH)
    return ("http", {"url": shown}) if shown.startswith(("http://", "https://")) else ("local", {"uri": shown})


def record_dataset(recorder: Recorder, description: DatasetDescription) -> DatasetDescription:
    """Record the dataset of a run, unless it has one; returns that which the run has."""
    kept = recorder.directory / INPUT
    if kept.is_file():
        return _read(kept)
    recorder.write_texts({INPUT: json.dumps(asdict(description), indent=2, ensure_ascii=False) + "\n"})
    return description


def send_dataset(client: MlflowClient, run_id: str, path: Path) -> None:
    """Make the described dataset an input of the run; doing it twice changes nothing."""
    found = _read(path)
    dataset = Dataset(found.name, found.digest, found.source_type, found.source, found.schema, found.profile)
    client.log_inputs(run_id, [DatasetInput(dataset, [InputTag(MLFLOW_DATASET_CONTEXT, found.context)])])


def _read(path: Path) -> DatasetDescription:
    return DatasetDescription(**json.loads(path.read_text(encoding="utf-8")))

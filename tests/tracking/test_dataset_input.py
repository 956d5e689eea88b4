import json
from collections.abc import Callable
from pathlib import Path

import pytest
from mlflow.tracking import MlflowClient

from tokenlayer.tracking import mirror
from tokenlayer.tracking.config import TrackingConfig
from tokenlayer.tracking.dataset_input import INPUT, DatasetDescription, described, record_dataset
from tokenlayer.tracking.recorder import Recorder

TEXTS = {"train": 70, "validation": 15, "test": 15}


def reviews(fingerprint: str = "f" * 64, place: str | None = "/data/reviews.csv") -> DatasetDescription:
    return described("reviews.csv", fingerprint, "training", place, TEXTS, ("bad", "good"))


def test_the_dataset_is_an_input_of_the_run(recorder: Recorder, client: MlflowClient) -> None:
    with recorder:
        record_dataset(recorder, reviews())
    (found,) = client.get_run(recorder.run_id).inputs.dataset_inputs
    dataset = found.dataset
    assert (dataset.name, dataset.digest, dataset.source_type) == ("reviews.csv", "f" * 36, "local")
    assert json.loads(dataset.source) == {"uri": "/data/reviews.csv"}
    assert [column["name"] for column in json.loads(dataset.schema)["mlflow_colspec"]] == ["text", "label"]
    profile = json.loads(dataset.profile)
    assert (profile["num_rows"], profile["texts"], profile["classes"]) == (100, TEXTS, ["bad", "good"])
    assert [(tag.key, tag.value) for tag in found.tags] == [("mlflow.data.context", "training")]


@pytest.mark.parametrize(
    ("place", "source_type", "source"),
    [
        (None, "code", {"name": "reviews.csv"}),
        ("https://me:hunter@host/x.tar.gz", "http", {"url": "https://***@host/x.tar.gz"}),
    ],
)
def test_places_of_other_kinds(place: str | None, source_type: str, source: dict[str, str]) -> None:
    found = reviews(place=place)
    assert (found.source_type, json.loads(found.source)) == (source_type, source)


def test_lengths_that_mlflow_takes(recorder: Recorder, client: MlflowClient) -> None:
    classes = tuple(f"class {i}" for i in range(5000))
    with recorder:
        record_dataset(recorder, described("n" * 900, "f" * 64, "evaluation", "/p" * 40_000, TEXTS, classes))
    (found,) = client.get_run(recorder.run_id).inputs.dataset_inputs
    assert len(found.dataset.name) == 500
    assert json.loads(found.dataset.profile)["num_classes"] == 5000


def test_a_run_that_goes_on_keeps_its_one_dataset(
    recorder: Recorder,
    output_dir: Path,
    client: MlflowClient,
    monkeypatch: pytest.MonkeyPatch,
    artifacts: Callable[[str], Path],
) -> None:
    with monkeypatch.context() as outage:
        outage.setattr(mirror, "why_away", lambda uri: "pulled the plug")
        record_dataset(recorder, reviews())
        recorder.finish("KILLED")
    assert client.get_run(recorder.run_id).inputs.dataset_inputs == []
    with Recorder.resume(TrackingConfig(), output_dir, recorder.run_id) as again:
        kept = record_dataset(again, reviews("0" * 64, "/elsewhere/reviews.csv"))
    assert kept == reviews()
    # The mirror may be stopped after the sending and before its mark.
    client.delete_tag(recorder.run_id, mirror.COMMIT_TAG)
    with Recorder.resume(TrackingConfig(), output_dir, recorder.run_id):
        pass
    (found,) = client.get_run(recorder.run_id).inputs.dataset_inputs
    assert found.dataset.digest == "f" * 36
    assert json.loads((artifacts(recorder.run_id) / INPUT).read_text())["name"] == "reviews.csv"


def test_runs_on_the_same_texts_share_the_dataset(output_dir: Path, client: MlflowClient) -> None:
    ids = []
    for _ in range(2):
        with Recorder.start(TrackingConfig(), output_dir) as recorder:
            record_dataset(recorder, reviews())
        ids.append(recorder.run_id)
    experiment = client.get_run(ids[0]).info.experiment_id
    found = client.search_runs([experiment], "datasets.name = 'reviews.csv'")
    assert sorted(run.info.run_id for run in found) == sorted(ids)

"""What the end of a training says of its model."""

from dataclasses import replace
from pathlib import Path

import pytest
from test_logged_model import BEST
from test_sent_models import FIRST, record

from tokenlayer.tracking.config import TrackingConfig
from tokenlayer.tracking.logged_model import record_model
from tokenlayer.tracking.recorder import Recorder
from tokenlayer.tracking.registry import Registration
from tokenlayer.tracking.remote import MODEL_TAG
from tokenlayer.tracking.serving import serving_lines


def test_a_model_that_is_served(recorder: Recorder, output_dir: Path, client) -> None:
    with recorder:
        record(recorder, FIRST)
    model_id = client.get_run(recorder.run_id).data.tags[MODEL_TAG]
    (line,) = serving_lines(recorder.run_id, None, output_dir)
    assert line.startswith("serve it with: MLFLOW_TRACKING_URI=")
    assert line.endswith(f" mlflow models serve -m models:/{model_id} --env-manager local")


@pytest.mark.parametrize(("alias", "said"), [("champion", "version 1 (@champion)"), (None, "version 1")])
def test_a_model_that_is_registered(output_dir: Path, alias: str | None, said: str) -> None:
    with Recorder.start(TrackingConfig(), output_dir) as recorder:
        made = recorder.scratch / "made"
        made.mkdir()
        (made / "MLmodel").write_text("x")
        record_model(recorder, replace(BEST, registration=Registration("films", alias)), made)
    assert serving_lines(recorder.run_id, None, output_dir)[0] == f"registered as films {said}"


def test_nothing_is_said_where_there_is_nothing_to_serve(output_dir: Path, tmp_path: Path) -> None:
    with Recorder.start(TrackingConfig(), output_dir) as without:
        pass
    with Recorder.start(TrackingConfig(), output_dir) as empty:
        record_model(empty, BEST)
    assert serving_lines(without.run_id, None, output_dir) == []
    assert serving_lines(empty.run_id, None, output_dir) == []
    assert serving_lines(empty.run_id, None, tmp_path / "nowhere") == []
    assert serving_lines(empty.run_id, "http://localhost:9", output_dir) == []

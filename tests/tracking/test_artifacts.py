from pathlib import Path

import pytest

from tokenlayer.errors import InputError
from tokenlayer.tracking.artifacts import add_artifact
from tokenlayer.tracking.config import TrackingConfig
from tokenlayer.tracking.reading import download_artifact
from tokenlayer.tracking.recorder import Recorder


@pytest.fixture
def run_id(output_dir: Path) -> str:
    with Recorder.start(TrackingConfig(experiment="a b"), output_dir) as recorder:
        return recorder.run_id


def test_a_file_is_added_to_a_run_that_has_ended(output_dir: Path, run_id: str, tmp_path: Path) -> None:
    page = tmp_path / "a page.html"
    for content in ("first", "second"):
        page.write_text(content)
        place = add_artifact(run_id, page, "pages", uri=None, output_dir=output_dir)
        assert Path(place).read_text() == content
        assert download_artifact(run_id, "pages/a page.html", output_dir=output_dir).read_text() == content


def test_no_such_run(output_dir: Path, run_id: str, tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    page.touch()
    with pytest.raises(InputError, match=r"there is no run 'other'.*the latest are"):
        add_artifact("other", page, "pages", uri=None, output_dir=output_dir)


def test_a_folder_that_cannot_be_written(output_dir: Path, run_id: str, tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    page.touch()
    (tmp_path / "outputs" / "artifacts" / "a_b" / run_id / "artifacts" / "pages").write_text("in the way")
    with pytest.raises(InputError, match=f"run {run_id} takes no artifact"):
        add_artifact(run_id, page, "pages", uri=None, output_dir=output_dir)

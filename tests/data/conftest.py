import io
import os
import tarfile
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

# Invented reviews in the layout of the official archive: number, split, sentiment, text.
REVIEWS = {
    f"aclImdb/{split}/{sentiment}/{number}_{score}.txt": f"{word} film {number},<br />{split} &{number % 3}!"
    for split in ("train", "test")
    for sentiment, score, word in (("pos", 9, "Lovely"), ("neg", 2, "Dreary"))
    for number in range(10)
}

WriteArchive = Callable[..., Path]


@pytest.fixture
def write_archive(tmp_path: Path) -> WriteArchive:
    """Writes members (name → content) into a .tar.gz."""

    def write(members: Mapping[str, str] = REVIEWS, name: str = "reviews.tar.gz") -> Path:
        path = tmp_path / name
        with tarfile.open(path, "w:gz" if name.endswith("gz") else "w") as archive:
            for member, content in members.items():
                info = tarfile.TarInfo(member)
                info.size = len(content.encode())
                archive.addfile(info, io.BytesIO(content.encode()))
        return path

    return write


@pytest.fixture
def reviews() -> dict[str, str]:
    return dict(REVIEWS)


@pytest.fixture
def shared_data() -> Path:
    """Real data beside the repository, or where $TOKENLAYER_SHARED says."""
    shared = Path(os.environ.get("TOKENLAYER_SHARED", Path(__file__).parents[3] / "shared"))
    if not shared.is_dir():
        pytest.skip(f"the IMDB reviews are not at hand: there is no {shared}")
    return shared


@pytest.fixture
def cache_dir(tmp_path: Path) -> str:
    return str(tmp_path / "cache")

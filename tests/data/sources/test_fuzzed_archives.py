"""Archives and folders of reviews: damaged, nested, with links and hostile names, and bombs."""

import gzip
import io
import os
import tarfile
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from fuzzed import bounded_memory, damaged, declared, few, many, odd_text
from hypothesis import given
from hypothesis import strategies as st

from tokenlayer.data import files
from tokenlayer.data.prepare import prepare
from tokenlayer.data.sources.imdb import ImdbConfig
from tokenlayer.errors import InputError

Make = Callable[[Path], Path]
FORMATS = [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT]
TYPES = [
    tarfile.REGTYPE,
    tarfile.SYMTYPE,
    tarfile.LNKTYPE,
    tarfile.DIRTYPE,
    tarfile.FIFOTYPE,
    tarfile.CHRTYPE,
    b"S",
    b"x",
    b"L",
]


def member(archive: tarfile.TarFile, name: str, content: bytes, kind: bytes = tarfile.REGTYPE, **more: object) -> None:
    info = tarfile.TarInfo(name)
    info.size, info.type = len(content), kind
    for key, value in more.items():
        setattr(info, key, value)
    archive.addfile(info, io.BytesIO(content))


def reviews(archive: tarfile.TarFile) -> None:
    for split in ("train", "test"):
        for sentiment in ("pos", "neg"):
            for i in range(4):
                member(archive, f"aclImdb/{split}/{sentiment}/{i}_7.txt", f"{sentiment} text {i} of {split}".encode())


@st.composite
def odd_member(draw: st.DrawFn) -> tuple[str, bytes, bytes, dict[str, object]]:
    name = draw(
        st.one_of(
            st.sampled_from(
                ["aclImdb/train/pos/odd.txt", "/etc/passwd", "../../x/train/pos/a.txt", "a/" * 200 + "b.txt"]
            ),
            odd_text().map(lambda text: f"aclImdb/train/pos/{text}.txt"),
        )
    )
    more: dict[str, object] = {
        "linkname": draw(st.sampled_from(["", "../../../etc/passwd", "aclImdb/train/pos/0_7.txt"]))
    }
    if draw(st.booleans()):
        key = draw(
            st.sampled_from(["size", "GNU.sparse.size", "GNU.sparse.map", "GNU.sparse.realsize", "path", "mtime"])
        )
        more["pax_headers"] = {key: draw(st.sampled_from(["99999999999", "-1", "x", "1,2,3", "0,1", "\0"]))}
    return name, draw(st.binary(max_size=600)), draw(st.sampled_from(TYPES)), more


@st.composite
def archives(draw: st.DrawFn) -> Make:
    stream = io.BytesIO()
    with tarfile.open(
        fileobj=stream, mode="w", format=draw(st.sampled_from(FORMATS)), errors="surrogatepass"
    ) as archive:
        reviews(archive)
        for name, content, kind, more in draw(st.lists(odd_member(), max_size=3)):
            try:
                member(archive, name, content, kind, **more)
            except (ValueError, UnicodeError):  # this format cannot even say it
                member(archive, "aclImdb/train/pos/other.txt", content)
    content = draw(damaged(stream.getvalue()))
    for _ in range(draw(st.sampled_from([0, 0, 1, 1, 2]))):
        content = draw(damaged(gzip.compress(content, mtime=0)))
    file = f"a{draw(st.sampled_from(['.tar', '.tar.gz', '.tgz', '.csv', '.zip']))}"

    def write(folder: Path) -> Path:
        (folder / file).write_bytes(content)
        return folder / file

    return write


def zipped(folder: Path) -> Path:
    with zipfile.ZipFile(folder / "a.tar.gz", "w") as archive:
        archive.writestr("aclImdb/train/pos/0_7.txt", "text")
    return folder / "a.tar.gz"


def headers_without_end(folder: Path) -> Path:
    info = tarfile.TarInfo("././@LongLink")
    info.size, info.type = 4, tarfile.GNUTYPE_LONGNAME
    (folder / "a.tar").write_bytes((info.tobuf() + b"abc\0".ljust(512, b"\0")) * 3000)
    return folder / "a.tar"


def odd_folder(folder: Path) -> Path:
    place = folder / "aclImdb" / "train" / "pos"
    place.mkdir(parents=True)
    (place / "folder.txt").mkdir()
    os.mkfifo(place / "pipe.txt")
    (place / "link.txt").symlink_to(place / "link.txt")
    (place / "latin.txt").write_bytes(b"\xe5")
    return folder / "aclImdb"


def sparse_folder(folder: Path) -> Path:
    place = folder / "train" / "pos"
    place.mkdir(parents=True)
    with (place / "large.txt").open("wb") as file:
        file.truncate(8 << 30)
    return folder


OTHERS = [zipped, headers_without_end, odd_folder]


def sources() -> st.SearchStrategy[Make]:
    return st.integers(0, 19).flatmap(lambda n: st.sampled_from(OTHERS) if n == 0 else archives())


def is_refused_or_read(make: Make, split: str) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "input"
        folder.mkdir()
        source = make(folder)
        n_texts = len(list(Path(name).rglob("*.txt")))
        config = ImdbConfig(source=str(source), split=split, text_length=30, cache_dir=name)
        declared(lambda: prepare(config), source.name, "dataset.split")
        assert len(list(Path(name).rglob("*.txt"))) == n_texts, "nothing is unpacked to disk"


SPLITS = st.sampled_from(["random", "official"])


@few
@given(sources(), SPLITS)
def test_archives(make: Make, split: str) -> None:
    is_refused_or_read(make, split)


@many(4000)
@given(sources(), SPLITS)
def test_many_archives(make: Make, split: str) -> None:
    is_refused_or_read(make, split)


def test_a_large_text_is_not_read(tmp_path: Path) -> None:
    with bounded_memory(), pytest.raises(InputError, match="has 8,589,934,592 bytes, and a text has at most"):
        ImdbConfig(source=str(sparse_folder(tmp_path)), cache_dir=str(tmp_path)).load()
    with tarfile.open(tmp_path / "a.tar.gz", "w:gz") as archive:
        reviews(archive)
        member(archive, "aclImdb/train/pos/bomb.txt", bytes(40 << 20))
    assert (tmp_path / "a.tar.gz").stat().st_size < 1 << 20
    with bounded_memory(256 << 20), pytest.raises(InputError, match=r"bomb.txt has 41,943,040 bytes"):
        ImdbConfig(source=str(tmp_path / "a.tar.gz"), cache_dir=str(tmp_path)).load()


def test_an_archive_of_many_texts_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "_UNPACKED", 8 << 20)
    with tarfile.open(tmp_path / "a.tar.gz", "w:gz") as archive:
        for i in range(40):
            member(archive, f"aclImdb/train/pos/{i}.txt", b"x" * (1 << 20))
    with bounded_memory(256 << 20), pytest.raises(InputError, match=r"a.tar.gz unpacks to more than 8,"):
        ImdbConfig(source=str(tmp_path / "a.tar.gz"), cache_dir=str(tmp_path)).load()


def test_sparse_members_are_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "_UNPACKED", 8 << 20)
    large = {"GNU.sparse.major": "0", "GNU.sparse.minor": "1", "GNU.sparse.map": "0,1", "GNU.sparse.size": str(6 << 20)}
    with tarfile.open(tmp_path / "a.tar", "w", format=tarfile.PAX_FORMAT) as archive:
        for i in range(40):
            member(archive, f"aclImdb/train/pos/{i}.txt", b"x", pax_headers=large)
    with bounded_memory(256 << 20), pytest.raises(InputError, match=r"pos/\d+\.txt: so far the archive unpacks to far"):
        ImdbConfig(source=str(tmp_path / "a.tar"), cache_dir=str(tmp_path)).load()

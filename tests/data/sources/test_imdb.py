import csv
import functools
import gzip
import hashlib
import http.server
import tarfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tokenlayer.data.prepare import prepare
from tokenlayer.data.sources.imdb import ImdbConfig, fetch
from tokenlayer.data.types import PreparedDataset
from tokenlayer.errors import InputError


@pytest.fixture
def read(cache_dir: str) -> Callable[..., PreparedDataset]:
    """Prepares a source of reviews."""

    def prepared(source: Path, **settings: object) -> PreparedDataset:
        return prepare(ImdbConfig(source=str(source), text_length=20, cache_dir=cache_dir, **settings))

    return prepared


def write_csv(path: Path, reviews: dict[str, str]) -> Path:
    open_for = gzip.open if path.suffix == ".gz" else open
    with open_for(path, "wt", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["review", "sentiment"])
        # In another order than the archive's.
        for name, text in sorted(reviews.items(), key=lambda item: item[1]):
            writer.writerow([text, "positive" if "/pos/" in name else "negative"])
    return path


def write_folder(path: Path, reviews: dict[str, str]) -> Path:
    for name, text in reviews.items():
        file = path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(text.encode())
    return path


def test_archive_folder_and_csv_give_the_same_data(read, write_archive, reviews, tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "folder", reviews)
    sources = [
        write_archive(),
        write_archive(name="plain.tar"),
        folder,
        folder / "aclImdb",
        write_csv(tmp_path / "reviews.csv", reviews),
        write_csv(tmp_path / "reviews.csv.gz", reviews),
    ]
    prepared = [read(source) for source in sources]
    assert len({data.fingerprint for data in prepared}) == 1
    assert prepared[0].class_names == ("negative", "positive")
    assert {name: len(split) for name, split in prepared[0].splits.items()} == {
        "train": 28,
        "validation": 6,
        "test": 6,
    }
    assert all((data.splits["test"].ids == prepared[0].splits["test"].ids).all() for data in prepared)


def test_labels_follow_the_folders(read, write_archive) -> None:
    data = read(write_archive())
    for split in data.splits.values():
        for codes, label in zip(split.codes, split.labels, strict=True):
            word = data.alphabet.decode(codes).split()[0]
            assert word == ("lovely" if label else "dreary")


def test_the_official_split_keeps_the_test_folder_and_carves_validation(read, write_archive) -> None:
    data = read(write_archive(), split="official")
    assert {name: len(split) for name, split in data.splits.items()} == {
        "train": 17,
        "validation": 3,
        "test": 20,
    }
    texts = {name: " ".join(map(data.alphabet.decode, split.codes)) for name, split in data.splits.items()}
    # The alphabet is counted on the training texts, so that there is no s.
    assert texts["test"].count(" tet ") == 20
    assert (texts["train"] + texts["validation"]).count(" train ") == 20
    assert any("15% of its training texts" in note for note in data.report.notes)


def test_unlabelled_reviews_are_left_out(read, write_archive, reviews) -> None:
    more = {"aclImdb/train/unsup/0_0.txt": "no label", "aclImdb/train/urls_pos.txt": "nowhere"}
    assert read(write_archive(reviews | more)).fingerprint == read(write_archive(reviews)).fingerprint


def test_moving_a_review_to_another_folder_is_noticed(read, reviews, tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "folder", reviews)
    before = read(folder)
    (folder / "aclImdb/train/neg/9_2.txt").rename(folder / "aclImdb/train/pos/9_2.txt")
    after = read(folder)
    assert sum(after.report.class_balance[name]["positive"] for name in after.splits) == 21
    assert before.fingerprint != after.fingerprint


def test_the_official_split_needs_more_than_a_csv(read, reviews, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"dataset\.split: a CSV does not say"):
        read(write_csv(tmp_path / "reviews.csv", reviews), split="official")


def test_a_missing_file_is_named(read, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"dataset\.source=.*nowhere\.tar\.gz: there is no such file"):
        read(tmp_path / "nowhere.tar.gz")


# The last hundredth of an uncompressed archive is padding that nothing needs.
@pytest.mark.parametrize(
    ("name", "kept"),
    [("plain.tar", 0.2), ("plain.tar", 0.6), ("plain.tar", 0.61)]
    + [("reviews.tar.gz", kept) for kept in (0.01, 0.2, 0.6, 0.9, 0.99)],
)
def test_a_truncated_archive_is_refused_and_leaves_nothing(
    read, write_archive, cache_dir, kept: float, name: str
) -> None:
    path = write_archive(name=name)
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * kept)])
    with pytest.raises(InputError, match=f"{name} is truncated"):
        read(path)
    assert not [found for found in Path(cache_dir, "prepared").iterdir() if found.is_dir()]


@pytest.mark.parametrize("name", ["plain.tar", "reviews.tar.gz"])
def test_what_is_no_archive_is_refused(read, tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"<html>not found</html>" * 100)
    with pytest.raises(InputError, match=f"{name} is truncated or damaged, or no archive"):
        read(tmp_path / name)


def test_an_empty_archive_is_told_from_the_official_layout(read, write_archive) -> None:
    with pytest.raises(InputError, match=r"holds no negative test, .* reviews: expected the layout"):
        read(write_archive({"readme.txt": "hello"}))


@pytest.mark.parametrize("name", ["../../etc/passwd", "/etc/passwd", "aclImdb/../../train/pos/1_9.txt"])
def test_a_member_that_leaves_the_folder_is_refused(read, write_archive, reviews, name: str) -> None:
    with pytest.raises(InputError, match="leaves the folder of the archive"):
        read(write_archive({**reviews, name: "boo"}))


def test_a_link_that_leaves_the_folder_is_refused(read, tmp_path: Path) -> None:
    path = tmp_path / "links.tar"
    with tarfile.open(path, "w") as archive:
        info = tarfile.TarInfo("aclImdb/train/pos/0_9.txt")
        info.type, info.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(info)
    with pytest.raises(InputError, match="/etc/passwd"):
        read(path)


def test_a_csv_of_one_sentiment_can_be_scored_but_not_trained_on(read, reviews, tmp_path: Path, cache_dir: str) -> None:
    positive = {name: text for name, text in reviews.items() if "/pos/" in name}
    source = write_csv(tmp_path / "reviews.csv", positive)
    config = ImdbConfig(source=str(source), text_length=20, cache_dir=cache_dir)
    scored = prepare(config, known_classes=["negative", "positive"])
    assert scored.class_names == ("negative", "positive")
    names = [scored.class_names[label] for split in scored.splits.values() for label in split.labels]
    assert names == ["positive"] * len(positive)
    # What was cached for scoring does not pass for data to train on.
    with pytest.raises(InputError, match="two or more"):
        read(source)


def test_other_sentiments_are_refused_with_their_line(read, tmp_path: Path) -> None:
    path = tmp_path / "reviews.csv"
    path.write_text('review,sentiment\n"two\nlines",positive\nfine,mixed\n')
    with pytest.raises(InputError, match=r"reviews\.csv, line 4: sentiment='mixed'"):
        read(path)


class _Silent(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture
def served(tmp_path: Path) -> Iterator[tuple[Path, str]]:
    """A folder, and the address that serves its files."""
    folder = tmp_path / "served"
    folder.mkdir()
    handler = functools.partial(_Silent, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield folder, f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_the_archive_is_fetched_once(served, tmp_path: Path) -> None:
    folder, address = served
    (folder / "a.tar.gz").write_bytes(b"content")
    md5 = hashlib.md5(b"content").hexdigest()
    path = fetch(f"{address}/a.tar.gz", md5, tmp_path / "downloads")
    assert path.read_bytes() == b"content"
    (folder / "a.tar.gz").unlink()
    assert fetch(f"{address}/a.tar.gz", md5, tmp_path / "downloads") == path


def test_a_wrong_checksum_is_refused_and_nothing_kept(served, tmp_path: Path) -> None:
    folder, address = served
    (folder / "a.tar.gz").write_bytes(b"something else")
    with pytest.raises(InputError, match=r"a\.tar\.gz: wrong checksum, expected MD5 0{32}"):
        fetch(f"{address}/a.tar.gz", "0" * 32, tmp_path / "downloads")
    assert [path.name for path in (tmp_path / "downloads").iterdir() if path.name != ".lock"] == []


def test_without_network_the_way_out_is_named(served, tmp_path: Path) -> None:
    _, address = served
    with pytest.raises(InputError, match=r"cannot be fetched.*dataset\.source"):
        fetch(f"{address}/missing.tar.gz", "0" * 32, tmp_path / "downloads")


@pytest.mark.slow
def test_the_real_reviews_give_the_same_data_from_archive_and_csv(shared_data: Path, cache_dir: str) -> None:
    sources = [shared_data / "data" / name for name in ("aclImdb_labelled.tar.gz", "imdb_dataset.csv.gz")]
    archive, table = (prepare(ImdbConfig(source=str(source), cache_dir=cache_dir)) for source in sources)
    assert archive.fingerprint == table.fingerprint
    assert archive.alphabet.chars == " etaiosnrhldcmufgywpbvkjxzq019"
    assert archive.report.texts == {"train": 35_000, "validation": 7_500, "test": 7_500}
    assert archive.report.repeated_texts == 418
    assert len(archive.corpus()) > 40_000_000

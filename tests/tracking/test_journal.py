import dataclasses
import json
import resource
from pathlib import Path

import pytest

from tokenlayer.tracking.journal import Commit, SavedCheckpoint, append_commit, read_journal


def history(length: int) -> list[Commit]:
    commits: list[Commit] = []
    for number in range(length):
        saved = SavedCheckpoint(f"step_{number}.ckpt", "ab" * 32, ("checkpoints/last.ckpt",), number == 1)
        previous = commits[-1].digest if commits else ""
        commit = Commit(
            number, number, None, {"notes/ü.txt": "cd" * 32}, {"p": "1"}, {}, saved, ("a.json",), None, previous
        )
        commits.append(commit)
    return commits


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    path = tmp_path / "commits.jsonl"
    for commit in history(4):
        append_commit(path, commit)
    return path


def test_it_is_read_as_it_was_written(journal: Path) -> None:
    assert read_journal(journal).commits == history(4)
    assert read_journal(journal).damage is None
    assert read_journal(journal.with_name("none")).commits == []


@pytest.mark.parametrize("torn", ["{", '{"digest": "', history(5)[4].to_line()[:-2]])
def test_a_torn_last_line_never_happened(journal: Path, torn: str) -> None:
    with journal.open("a") as file:
        file.write(torn)
    assert read_journal(journal).commits == history(4)
    assert read_journal(journal).damage is None


FIRST = json.loads(history(1)[0].to_line())


@pytest.mark.parametrize(
    "line",
    [
        "",
        "7",
        "[]",
        "null",
        "{}",
        "[" * 100_000,
        "\udcff",
        json.dumps(FIRST | {"step": 3}),
        json.dumps(FIRST | {"more": 1}),
        json.dumps(FIRST | {"files": ["a"]}),
        json.dumps(FIRST | {"checkpoint": "none"}),
        json.dumps(FIRST | {"checkpoint": {"file": "a"}}),
        json.dumps({key: value for key, value in FIRST.items() if key != "number"}),
        history(1)[0].to_line().strip(),  # whole, but not the one that follows
        dataclasses.replace(history(3)[2], previous="").to_line().strip(),
    ],
)
def test_nothing_is_believed_from_a_damaged_line_on(journal: Path, line: str) -> None:
    lines = journal.read_bytes().splitlines()
    lines[2] = line.encode("utf-8", "surrogateescape")
    journal.write_bytes(b"\n".join(lines) + b"\n")
    assert read_journal(journal).commits == history(2)
    assert read_journal(journal).damage == f"line 3 of {journal} is damaged"


def test_any_byte_that_is_not_what_was_written_is_found(journal: Path) -> None:
    content = journal.read_bytes()
    ends = [i for i, byte in enumerate(content) if byte == ord("\n")]
    for place in range(0, len(content), 3):
        journal.write_bytes(content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :])
        whole = sum(end < place for end in ends)
        assert read_journal(journal).commits == history(4)[:whole]


@pytest.mark.promise("A line of the journal does not fit on the disk", "the journal is as it was")
def test_a_line_that_does_not_fit_is_not_begun(journal: Path) -> None:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    size = journal.stat().st_size
    resource.setrlimit(resource.RLIMIT_FSIZE, (size + 50, before[1]))
    try:
        with pytest.raises(OSError, match="File too large"):
            append_commit(journal, history(5)[4])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert read_journal(journal).commits == history(4)
    assert journal.stat().st_size == size

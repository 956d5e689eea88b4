"""Small data sets on disk, of invented texts, in the forms that users have."""

import csv
import io
import random
import tarfile
from collections.abc import Mapping, Sequence
from pathlib import Path

WORDS = {
    "neg": ["dreary", "boring", "a waste", "awful", "clumsy"],
    "pos": ["lovely", "moving", "a delight", "superb", "charming"],
    "mixed": ["uneven", "so so", "watchable", "patchy", "harmless"],
}
FILLER = ["the film", "its story", "of two friends", "in the city", "was long", "with songs", "and rain", "at night"]


def invented_text(sentiment: str, rng: random.Random) -> str:
    """A few words, one of which tells the sentiment."""
    words = [*rng.sample(FILLER, 4), rng.choice(WORDS[sentiment])]
    rng.shuffle(words)
    return " ".join(words)


def write_csv(path: Path, n: int = 60, sentiments: Sequence[str] = ("neg", "pos"), split_column: bool = False) -> Path:
    """Columns `text`, `label` and, where wanted, `split` (half for training, a quarter for each of the others)."""
    rng = random.Random(0)
    rows = []
    for i in range(n):
        sentiment = sentiments[i % len(sentiments)]
        split = ("train", "train", "validation", "test")[(i // len(sentiments)) % 4]
        rows.append({"text": invented_text(sentiment, rng), "label": sentiment, "split": split})
    return write_rows(path, rows if split_column else [{k: row[k] for k in ("text", "label")} for row in rows])


def write_rows(path: Path, rows: Sequence[Mapping[str, str]]) -> Path:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return path


def write_archive(path: Path, per_folder: int = 12, more: Mapping[str, str] | None = None) -> Path:
    """Reviews in the layout of the official IMDB archive; `more`: further members with their content."""
    rng = random.Random(1)
    members = {
        f"aclImdb/{split}/{sentiment}/{i}_{score}.txt": f"{invented_text(sentiment, rng)}.<br />No. {i}, {split}!"
        for split in ("train", "test")
        for sentiment, score in (("pos", 9), ("neg", 2))
        for i in range(per_folder)
    }
    with tarfile.open(path, "w:gz") as archive:
        for name, text in (members | dict(more or {})).items():
            content = text.encode()
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return path

import json
from pathlib import Path

from tokenlayer.comparison.vocabularies import read_effects


def test_tokens_of_older_versions_are_those_of_newer_ones(tmp_path: Path) -> None:
    """They were written with the blanks that fill them up."""
    frames = []
    for number, blanks in enumerate(["██", ""]):
        file = tmp_path / f"{number}.json"
        rows = [[f"good{blanks}", 0.5, "pos", 3], [f"␣b█d{blanks}", -0.5, "neg", 2]]
        file.write_text(json.dumps({"columns": ["pattern", "effect", "towards", "texts"], "data": rows}))
        frames.append(read_effects(file))
    assert frames[0]["pattern"].tolist() == ["good", "␣b█d"]
    assert frames[0].equals(frames[1])

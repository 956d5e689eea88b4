"""What is read of a YAML file, and what of none."""

from pathlib import Path

import pytest

from tokenlayer.errors import InputError
from tokenlayer.yaml_files import load_yaml


def written(path: Path, text: str) -> Path:
    (path / "a.yaml").write_text(text, encoding="utf-8")
    return path / "a.yaml"


def test_aliases_and_merges_are_read(tmp_path: Path) -> None:
    path = written(tmp_path, "a: &a {x: [1, 2.5, null]}\nb: *a\nc: {<<: *a, y: yes}\n")
    assert load_yaml(path) == {
        "a": {"x": [1, 2.5, None]},
        "b": {"x": [1, 2.5, None]},
        "c": {"x": [1, 2.5, None], "y": True},
    }


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("a: 1\nb: " + "[" * 50 + "]" * 50, "line 2: more than 40 levels deep"),
        (
            "x: &x [1, 1, 1, 1, 1, 1, 1, 1, 1, 1]\n"
            + "".join(f"{c}: &{c} [{','.join(['*' + p] * 10)}]\n" for p, c in zip("xabcd", "abcde", strict=True)),
            "more than 10,000 values, aliases written out",
        ),
        ("a: 1\nb: &b\n  - *b\n", "line 3: *b stands for something that holds it"),
        (f"a: 1\n? {'k' * 600}\n: 1\n", "line 2: a key of 600 characters"),
        ("a: [1\n", "no valid YAML"),
        ("a: !!python/name:os.system\n", "no valid YAML"),
        ("a: 2024-13-45\n", "no valid YAML"),
        ("a: \0", "no valid YAML"),
    ],
)
def test_what_is_no_configuration_names_its_line(tmp_path: Path, text: str, says: str) -> None:
    path = written(tmp_path, text)
    with pytest.raises(InputError) as caught:
        load_yaml(path)
    assert str(caught.value).startswith(str(path))
    assert says in str(caught.value)


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read"):
        load_yaml(tmp_path / "gone.yaml")
    (tmp_path / "b.yaml").write_bytes(b"a: \xe5")
    with pytest.raises(InputError, match="is not UTF-8"):
        load_yaml(tmp_path / "b.yaml")

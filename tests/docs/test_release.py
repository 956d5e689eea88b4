"""What docs/release.md promises of versions, locks and archives."""

import email
import re
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from pathlib import Path

import pytest
import yaml
from packaging.utils import canonicalize_name
from pages import DOCS, ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
LOCKS = sorted((ROOT / "requirements").glob("*.txt"))


def pins(path: Path) -> dict[str, str]:
    """Version by name, local parts (+cpu) left out."""
    found = re.findall(r"^([\w.-]+)(?:\[[\w,]+\])?==([\w.]+)", path.read_text(encoding="utf-8"), re.MULTILINE)
    return {canonicalize_name(name): version for name, version in found}


def test_the_version_is_the_same_everywhere() -> None:
    assert yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))["version"] == PROJECT["version"]
    assert re.search(rf"^## {re.escape(PROJECT['version'])} ", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)


def test_the_table_of_extras_is_complete() -> None:
    table = (DOCS / "release.md").read_text(encoding="utf-8").split("## What is installed by which name")[1]
    assert set(re.findall(r"tokenlayer\[(\w+)\]", table)) == set(PROJECT["optional-dependencies"])


@pytest.mark.parametrize("lock", LOCKS, ids=lambda path: path.stem)
def test_a_lock_has_the_pinned_versions_and_their_hashes(lock: Path) -> None:
    locked, pinned = pins(lock), pins(ROOT / "constraints.txt")
    assert {name: locked[name] for name in locked.keys() & pinned.keys()} == {
        name: pinned[name] for name in locked.keys() & pinned.keys()
    }
    needed = {canonicalize_name(re.match(r"[\w-]+", wanted)[0]) for wanted in PROJECT["dependencies"]}
    assert needed <= locked.keys()
    entries = re.split(r"\n(?=\w)", lock.read_text(encoding="utf-8"))[1:]
    assert [entry.splitlines()[0] for entry in entries if "--hash=sha256:" not in entry] == []


def test_there_is_a_lock() -> None:
    assert LOCKS


@pytest.mark.slow
def test_the_archives_are_fit_for_an_index(tmp_path: Path) -> None:
    line = [sys.executable, "-m", "build", "--outdir", str(tmp_path), str(ROOT)]
    subprocess.run(line, check=True, capture_output=True)
    (wheel,), (source,) = tmp_path.glob("*.whl"), tmp_path.glob("*.tar.gz")
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        (about,) = [name for name in names if name.endswith(".dist-info/METADATA")]
        check_metadata(archive.read(about).decode())
    assert "tokenlayer/conf/train.yaml" in names
    assert any(name.endswith("licenses/LICENSE") for name in names)
    assert not [name for name in names if name.startswith(("tests", "docs"))]
    with tarfile.open(source) as archive:
        inside = [name.partition("/")[2] for name in archive.getnames()]
        described = archive.extractfile(f"tokenlayer-{PROJECT['version']}/PKG-INFO")
        assert described is not None
        check_metadata(described.read().decode())
    assert {"pyproject.toml", "conf/train.yaml", "LICENSE", "docs/conf.py", "Makefile", "constraints.txt"} <= set(
        inside
    )
    folders = {name.partition("/")[0] for name in inside}
    assert {"src", "tests", "examples", "experiments", "benchmarks", "docker", "requirements"} <= folders
    assert not [name for name in [*names, *inside] if re.search(r"mlflow\.db|outputs/|_build/|\.pyc$", name)]


def check_metadata(text: str) -> None:
    """What an index asks for: name, version, and a description whose kind is said."""
    about = email.message_from_string(text)
    assert (about["Name"], about["Version"]) == ("tokenlayer", PROJECT["version"])
    assert about["Description-Content-Type"] == "text/markdown"
    assert about["License-Expression"] == "MIT"
    assert about["Requires-Python"] == PROJECT["requires-python"]
    assert str(about.get_payload()).lstrip().startswith("# tokenlayer")

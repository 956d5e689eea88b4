"""The running package as a wheel: one file that can be unpacked onto Python's path, or installed by pip."""

import hashlib
import io
from base64 import urlsafe_b64encode
from collections.abc import Iterator
from functools import cache
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

PACKAGE = "tokenlayer"
_ROOT = Path(__file__).resolve().parents[1]
_CONF = "conf"


def wheel_name() -> str:
    """The file name of the wheel: `tokenlayer-<version>-py3-none-any.whl`."""
    return f"{PACKAGE}-{_version()}-py3-none-any.whl"


def write_wheel(path: Path) -> None:
    """Write the package that runs here, with its configuration files; the same files make the same bytes.

    Raises:
        OSError: it cannot be written.

    """
    path.write_bytes(_wheel())


@cache  # for all jobs of a sweep
def _wheel() -> bytes:
    info = f"{PACKAGE}-{_version()}.dist-info"
    record, made = [], io.BytesIO()
    with ZipFile(made, "w", ZIP_DEFLATED) as archive:
        for name, content in (*_sources(), *((f"{info}/{name}", text.encode()) for name, text in _metadata())):
            archive.writestr(_entry(name), content)
            digest = urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
            record.append(f"{name},sha256={digest},{len(content)}\n")
        archive.writestr(_entry(f"{info}/RECORD"), "".join([*record, f"{info}/RECORD,,\n"]))
    return made.getvalue()


def _entry(name: str) -> ZipInfo:
    """A file of the archive without a time of its own."""
    entry = ZipInfo(name)
    entry.compress_type = ZIP_DEFLATED
    entry.external_attr = 0o644 << 16
    return entry


def _sources() -> Iterator[tuple[str, bytes]]:
    for path in sorted(_ROOT.rglob("*")):
        if path.is_file() and "__pycache__" not in path.parts:
            yield f"{PACKAGE}/{path.relative_to(_ROOT).as_posix()}", path.read_bytes()
    conf = _ROOT.parents[1] / _CONF  # of a checkout; an installed package has it inside
    if not (_ROOT / _CONF).is_dir() and (conf / "train.yaml").is_file():
        for path in sorted(conf.rglob("*.yaml")):
            yield f"{PACKAGE}/{_CONF}/{path.relative_to(conf).as_posix()}", path.read_bytes()


def _metadata() -> Iterator[tuple[str, str]]:
    installed = _distribution()
    yield "WHEEL", f"Wheel-Version: 1.0\nGenerator: {PACKAGE}\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    known = None if installed is None else installed.read_text("METADATA")
    yield "METADATA", known or f"Metadata-Version: 2.1\nName: {PACKAGE}\nVersion: {_version()}\n"
    commands = None if installed is None else installed.read_text("entry_points.txt")
    if commands:
        yield "entry_points.txt", commands


def _version() -> str:
    installed = _distribution()
    return "0+unknown" if installed is None else installed.version


def _distribution() -> Distribution | None:
    """The package as it was installed; None where its folder was put on the path."""
    try:
        return distribution(PACKAGE)
    except PackageNotFoundError:
        return None

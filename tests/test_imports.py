"""Who may import what, read from the source: a test of the layout, not of behaviour."""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

import pytest

PACKAGE = Path(__file__).parents[1] / "src" / "tokenlayer"

# A package → where, relative to tokenlayer, it may be imported.
HOMES = {
    "pytorch_lightning": ("training", "data", "tracking/lightning_logger.py"),
    "lightning_fabric": ("training", "data", "tracking/lightning_logger.py"),
    "lightning": (),
    "mlflow": ("tracking",),
    "hydra": ("cli", "config"),
    "omegaconf": ("cli", "config"),
    "sklearn": ("data", "tokenization/initializers", "references"),
}
# A folder → the only packages besides the standard library that it may import; the innermost folder decides.
TEXT = {"torch", "numpy", "tokenlayer.errors", "tokenlayer.text"}
TOKENIZATION = TEXT | {"tokenlayer.tokenization"}
ALLOWED = {
    "text": TEXT,
    "tokenization": TOKENIZATION,
    # Subword vocabularies are trained by the library for it, patterns of a run are read from its Parquet files, and
    # tokens are chosen by a regression.
    "tokenization/initializers": TOKENIZATION | {"tokenizers", "pyarrow", "sklearn", "scipy"},
    "tokenization/rules": TOKENIZATION | {"scipy", "numba", "filelock"},
}


def imported(source: str) -> Iterator[tuple[int, str]]:
    """Line and dotted name of every import, those inside functions too."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            if node.level:
                yield node.lineno, "(relative)"
            else:
                # `from tokenlayer import data` imports tokenlayer.data.
                yield from ((node.lineno, f"{node.module}.{alias.name}") for alias in node.names)


def is_below(name: str, package: str) -> bool:
    return name == package or name.startswith(f"{package}.")


def breaches(path: str, source: str) -> list[str]:
    """What the file at `path`, relative to tokenlayer, imports and may not."""
    found = []
    for line, name in imported(source):
        if name == "(relative)":
            found.append(f"{path}:{line}: relative import")
            continue
        for package, homes in HOMES.items():
            if is_below(name, package) and not any(path == home or path.startswith(f"{home}/") for home in homes):
                found.append(f"{path}:{line}: {name}")
        allowed = next((ALLOWED[str(folder)] for folder in PurePosixPath(path).parents if str(folder) in ALLOWED), None)
        is_standard = name.split(".", maxsplit=1)[0] in sys.stdlib_module_names
        if allowed is not None and not is_standard and not any(is_below(name, package) for package in allowed):
            found.append(f"{path}:{line}: {name}")
    return found


@pytest.mark.parametrize("path", sorted(path.relative_to(PACKAGE).as_posix() for path in PACKAGE.rglob("*.py")))
def test_imports_go_in_one_direction(path):
    assert breaches(path, (PACKAGE / path).read_text(encoding="utf-8")) == []


def test_every_folder_that_the_rules_name_exists():
    homes = {home for homes in HOMES.values() for home in homes} | set(ALLOWED)
    assert [home for home in homes if not (PACKAGE / home).exists()] == []


@pytest.mark.parametrize(
    ("path", "source", "breach"),
    [
        ("models/classifier.py", "import pytorch_lightning as pl", "pytorch_lightning"),
        (
            "tracking/store.py",
            "from pytorch_lightning.loggers import Logger",
            "pytorch_lightning.loggers.Logger",
        ),
        ("training/run.py", "def f():\n    import mlflow.entities", "mlflow.entities"),
        ("training/run.py", "from omegaconf import OmegaConf", "omegaconf.OmegaConf"),
        ("data/table.py", "from hydra import compose", "hydra.compose"),
        ("text/alphabet.py", "import pandas", "pandas"),
        ("tokenization/layer.py", "import pyarrow", "pyarrow"),
        ("text/alphabet.py", "from tokenlayer.tokenization import layer", "tokenlayer.layer.layer"),
        ("tokenization/layer.py", "from tokenlayer import data", "tokenlayer.data"),
        (
            "tokenization/initializers/max_cover.py",
            "from tokenlayer.data.config import X",
            "tokenlayer.data.config.X",
        ),
        ("text/alphabet.py", "from . import cleaning", "relative import"),
    ],
)
def test_the_rules_catch(path, source, breach):
    (found,) = breaches(path, source)
    assert found.endswith(f": {breach}")


@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("tracking/lightning_logger.py", "from pytorch_lightning.loggers import Logger"),
        ("training/callbacks/base.py", "import pytorch_lightning"),
        (
            "tokenization/layer.py",
            "import math\nimport torch.nn.functional as F\nfrom tokenlayer.text import alphabet",
        ),
        ("config/compose.py", "import hydra"),
        ("data/table.py", "import hydration"),
    ],
)
def test_the_rules_let_pass(path, source):
    assert breaches(path, source) == []

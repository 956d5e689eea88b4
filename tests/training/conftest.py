from pathlib import Path

import pytest
import tiny_training
from tiny_training import Training


@pytest.fixture
def training(output_dir: Path) -> Training:
    """The recommended setting."""
    return Training(output_dir)


@pytest.fixture
def original(output_dir: Path) -> Training:
    """The original's setting."""
    return tiny_training.original(output_dir)

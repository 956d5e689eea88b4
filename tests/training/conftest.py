from pathlib import Path

import pytest
from tiny_training import Training


@pytest.fixture
def training(output_dir: Path) -> Training:
    return Training(output_dir)

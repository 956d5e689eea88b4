"""Optuna is no dependency of the package but of its extra `search`."""

import sys
from importlib.util import find_spec

from tokenlayer.errors import InputError


def check_available() -> None:
    """Raise InputError where Optuna is not installed; imports nothing."""
    if sys.modules.get("optuna") is None and ("optuna" in sys.modules or find_spec("optuna") is None):
        raise InputError("search needs Optuna, which is not installed: pip install 'tokenlayer[search]'")

"""Runs compared: settings against metrics, paired tests, learning curves, tokens, and where the runs differ."""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tokenlayer.comparison.comparison import Comparison as Comparison
    from tokenlayer.comparison.comparison import compare_runs as compare_runs
    from tokenlayer.comparison.table import condition_keys as condition_keys
    from tokenlayer.comparison.table import settings_table as settings_table

# Imported when asked for: `comparison` reads from MLflow, which takes seconds to import; `table` does not.
_HOME = {
    "Comparison": "comparison",
    "compare_runs": "comparison",
    "condition_keys": "table",
    "settings_table": "table",
}

__all__ = list(_HOME)  # the names stand once, above


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOME[name]}"), name)

"""Optuna is no dependency of the package but of its extra `search`."""

from tokenlayer.outside import check_installed


def check_available() -> None:
    """Raise InputError where Optuna is not installed; imports nothing."""
    check_installed("optuna", "search needs Optuna", extra="search")

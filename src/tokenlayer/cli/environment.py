"""The store that a command records to: MLflow's variables where nothing else names one, and whether it answers."""

from functools import cache
from pathlib import Path
from typing import Any

from tokenlayer.redaction import redacted_uri
from tokenlayer.terminal import complain
from tokenlayer.tracking.config import TrackingConfig
from tokenlayer.tracking.uri import (
    ENVIRONMENT,
    EXPERIMENT_ENVIRONMENT,
    check_answers,
    check_environment_uri,
    from_environment,
    named_experiment,
    resolve_uri,
)
from tokenlayer.training.job import Member


def take_experiment(composed: dict[str, Any]) -> dict[str, Any]:
    """Put the name of the experiment into a composed configuration that leaves it open; returns the same."""
    tracking = composed.get("tracking")
    if isinstance(tracking, dict):
        given, named = tracking.get("experiment"), from_environment(EXPERIMENT_ENVIRONMENT)
        if given is None:
            tracking["experiment"] = named_experiment(None)
            if named is not None:
                _say(f"{EXPERIMENT_ENVIRONMENT}: the experiment is {named}")
        elif named not in (None, given):
            _say(f"{EXPERIMENT_ENVIRONMENT}={named} is not used: the experiment is {given}")
    return composed


def take_store(composed: dict[str, Any]) -> dict[str, Any]:
    """Tell the store that the environment names, for a configuration that leaves it open; returns the same.

    The address is not put there: it may hold a password. Raises `InputError` where it can be none.
    """
    tracking = composed.get("tracking")
    if isinstance(tracking, dict) and tracking.get("uri") is None:
        say_store()
    return composed


def check_store(tracking: TrackingConfig, output_dir: str, member: Member | None) -> None:
    """Look whether a run's store answers, before its texts are read: that may take minutes.

    Args:
        tracking: names the store.
        output_dir: the folder of the default one.
        member: the run's place in a sweep, which has looked.

    Raises:
        InputError: nobody answers.

    """
    if member is None:
        check_answers(resolve_uri(tracking.uri, Path(output_dir)))


def say_store() -> None:
    """Tell the store that the environment names. Raises `InputError` where it can be none."""
    uri = from_environment(ENVIRONMENT)
    if uri is not None:
        check_environment_uri(uri)
        _say(f"{ENVIRONMENT}: the store is {redacted_uri(uri)}")


@cache  # once in a process, though each job of a sweep has its configuration completed twice
def _say(text: str) -> None:
    complain(text)

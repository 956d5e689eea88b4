"""The jobs of a sweep, by what tells them apart, and the name of the whole."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tokenlayer.errors import InputError
from tokenlayer.redaction import redacted_setting
from tokenlayer.tracking.sweep_tags import as_tag
from tokenlayer.training.job import Job

# Settings that change no result: where runs are recorded, and how a sweep goes.
_IRRELEVANT = ("output_dir", "tracking", "sweep", "hydra")
# One sweep is in one place, and goes on by its own rules.
NOT_SWEPT = ("output_dir", "tracking", "sweep", "resume")
_LONGEST_NAME = 60
_DIGITS = 8


@dataclass(frozen=True)
class PlannedJob:
    """One job of a sweep."""

    number: int
    """Its place among all jobs, from 1."""
    overrides: tuple[str, ...]
    """The settings of the command line that make it."""
    swept: Mapping[str, str]
    """Swept key → value, as on the command line."""
    name: str
    """What tells it from its siblings: `initializer=bpe seed=2`."""

    @property
    def key(self) -> str:
        """The same for the same job of any later command line (`sweep_tags.JOB_TAG`)."""
        return as_tag(self.swept)


@dataclass(frozen=True)
class Plan:
    """A sweep before it runs."""

    name: str
    command: str
    """The command of `tokenlayer`: `train`."""
    fixed: tuple[str, ...]
    """The settings that all jobs share, sorted, as far as they may change a result."""
    keys: tuple[str, ...]
    """The swept keys, in the order of the command line."""
    jobs: tuple[PlannedJob, ...]


def plan(command: str, jobs: Sequence[Job[Any]], name: str | None) -> Plan:
    """The plan of a command line.

    Args:
        command: the command of `tokenlayer`.
        jobs: all its jobs, checked.
        name: the sweep's name; None: made of its fixed settings and its swept keys, whatever their values.

    Raises:
        InputError: it sweeps over what a sweep cannot vary; two jobs are the same.

    """
    keys = tuple(jobs[0].swept)
    _check_keys(keys)
    _check_resumes_nothing(jobs[0])
    _check_secrets(jobs)
    swept = {text for job in jobs for text in _as_texts(job)}
    fixed = tuple(sorted(text for text in jobs[0].overrides if text not in swept and is_relevant(text)))
    shown = [redacted_setting(text) for text in fixed]
    names = _names([job.swept for job in jobs])
    planned = tuple(
        PlannedJob(number, tuple(job.overrides), job.swept, name)
        for number, (job, name) in enumerate(zip(jobs, names, strict=True), 1)
    )
    _check_distinct(planned)
    return Plan(name or default_name(command, shown, keys), command, tuple(shown), keys, planned)


def _check_keys(keys: Sequence[str]) -> None:
    for key in keys:
        if key.split(".", maxsplit=1)[0] in NOT_SWEPT:
            raise InputError(
                f"{key}: a sweep has one place in one store, and no values of this to try; give one value, or several "
                "command lines (an interrupted sweep goes on when its own command line is given again)"
            )


def _check_resumes_nothing(job: Job[Any]) -> None:
    if any(text.lstrip("+").startswith("resume=") for text in job.overrides):
        raise InputError(
            "resume: a sweep goes on by itself when its own command line is given again; leave this out, or continue "
            "the one run without --multirun"
        )


def _check_secrets(jobs: Sequence[Job[Any]]) -> None:
    for text in (text for job in jobs for text in _as_texts(job)):
        if redacted_setting(text) != text:
            raise InputError(
                f"{text.partition('=')[0]}: holds secrets, and what a sweep varies is recorded: give "
                "them by environment variables, ${oc.env:NAME}"
            )


def _check_distinct(jobs: Sequence[PlannedJob]) -> None:
    twice = [key for key, count in Counter(job.key for job in jobs).items() if count > 1]
    if twice:
        shown = next(job.name for job in jobs if job.key == twice[0])
        raise InputError(f"the sweep has the job {shown} more than once: give each value once")


def _as_texts(job: Job[Any]) -> list[str]:
    return [f"{key}={value}" for key, value in job.swept.items()]


def is_relevant(text: str) -> bool:
    """True for a setting `key=value` that may change a result."""
    key = text.lstrip("+~").partition("=")[0]
    return key.partition("/")[0].partition(".")[0] not in _IRRELEVANT


def default_name(command: str, fixed: Sequence[str], keys: Sequence[str]) -> str:
    """`initializer-vocab_size-seed-3f2a91c0`: what is varied, and a hash of all but its values and the order."""
    content = json.dumps([command, list(fixed), sorted(keys)])
    digest = hashlib.sha256(content.encode()).hexdigest()[:_DIGITS]
    varied = "-".join(key.replace("/", ".").rsplit(".", 1)[-1] for key in sorted(keys)) or command
    return f"{varied[:_LONGEST_NAME]}-{digest}"


def _names(swept: Sequence[Mapping[str, str]]) -> list[str]:
    """A name for each job, keys in the order of the alphabet, files by their names alone if these tell jobs apart."""
    swept = [dict(sorted(settings.items())) for settings in swept]
    short = [" ".join(f"{key}={_short(value)}" for key, value in settings.items()) for settings in swept]
    if len(set(short)) == len({as_tag(settings) for settings in swept}):
        return [name or "the only job" for name in short]
    return [" ".join(f"{key}={value}" for key, value in settings.items()) for settings in swept]


def _short(value: str) -> str:
    return Path(value.strip("'\"")).name if "/" in value else value

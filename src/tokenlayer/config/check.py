"""A whole command line, looked at before anything runs: every job of a sweep, every problem at once."""

import itertools
import math
import types
import typing
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Generic, TypeVar

from hydra.core.override_parser.types import Override, RangeSweep
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from tokenlayer.config import renamed
from tokenlayer.config.compose import Composer, Line, group_choices
from tokenlayer.config.defaults import completed
from tokenlayer.config.launching import choice_problem
from tokenlayer.config.plain import resolve
from tokenlayer.config.problems import ConfigError, Problem
from tokenlayer.config.typed import load
from tokenlayer.hints import did_you_mean, hint, near
from tokenlayer.progress import tracked
from tokenlayer.training.job import Job

T = TypeVar("T")

MOST_JOBS = 10_000
"""Jobs of a sweep: each is composed and checked before the first runs, which takes some 0.2 s."""


@dataclass(frozen=True)
class Spec(Generic[T]):
    """The type that the configuration of a command is to become, and how it is completed."""

    schema: type[T]
    """The dataclass of the root."""
    complete: Callable[[dict[str, Any], Line], dict[str, Any]]
    """Completes a composed configuration by that of a saved run, if the command names one."""


def check(composer: Composer, texts: Sequence[str], spec: Spec[T], *, multirun: bool) -> list[Job[T]]:
    """All jobs of a command line. Raises `ConfigError` with all their problems."""
    overrides, problems = _parse(composer, texts, multirun)
    n_jobs = math.prod(map(_count, overrides))
    if n_jobs > MOST_JOBS:
        remedy = f"a sweep has at most {MOST_JOBS:,}: give fewer values, or several command lines"
        raise ConfigError([*problems, Problem("", f"this command line describes {n_jobs:,} jobs; {remedy}")])
    checked = []
    keys = [override.key_or_group for override in overrides if override.is_sweep_override()]
    told_of = _jobs(composer, overrides)
    for job in tracked(told_of, "checking jobs", n_jobs) if n_jobs > 1 else told_of:
        try:
            checked.append(replace(_check_job(composer, job, spec), swept=_swept(job, keys)))
        except ConfigError as error:
            told = {problem.key for problem in problems if problem.is_of_key}
            problems += [problem for problem in error.problems if not (problem.is_of_key and problem.key in told)]
    if problems:
        raise ConfigError(problems)
    return checked


def finish(
    composed: DictConfig, line: Line, spec: Spec[T], is_right: Callable[[str], bool] = lambda _key: False
) -> Job[T]:
    """Resolves, completes and types the latest composition.

    Args:
        composed: the composition.
        line: what it was made by.
        spec: what it is to become.
        is_right: says of sections that name classes of other packages whether they are known to be right.

    Raises:
        ConfigError: with all problems.

    """
    plain, problems = resolve(composed)
    if not problems:
        whole = spec.complete(plain, line)
        if whole is not plain:  # a saved run's sections stand in no file
            plain, is_right = whole, lambda _key: False
    unresolved = {problem.key for problem in problems}
    allowed = plain.get("allow_targets")
    try:
        config = load(plain, spec.schema, allow_targets=allowed if isinstance(allowed, list) else (), is_right=is_right)
    except ConfigError as error:
        problems += [problem for problem in error.problems if problem.key not in unresolved]
    if problems:
        raise ConfigError(problems)
    overrides = [str(override.input_line).lstrip("+") for override in line.own]
    return Job(config, completed(plain, config), overrides, group_choices())


def look(composer: Composer, texts: Sequence[str]) -> dict[str, Any]:
    """The composition of some overrides in plain containers, not yet looked at; `???` where there is no value.

    Raises:
        ConfigError: the overrides fit no file, or break the grammar.

    """
    overrides, problems = _parse(composer, texts, multirun=False)
    line = composer.split(overrides)
    problems += [found for choice in line.choices if (found := _choice_problem(composer, choice))]
    if problems:
        raise ConfigError(problems)
    composed = composer.compose_job(line)
    problems = list(_apply(composed, line.settings))
    if problems:
        raise ConfigError(problems)
    return resolve(composed)[0]


def _parse(composer: Composer, texts: Sequence[str], multirun: bool) -> tuple[list[Override], list[Problem]]:
    overrides: list[Override] = []
    problems: list[Problem] = []
    for text in texts:
        try:
            override = composer.parse(text)
        except ConfigError as error:
            problems += error.problems
            continue
        if override.is_sweep_override() and not override.is_discrete_sweep():
            remedy = "tokenlayer search searches it; a multirun takes range or choice"
            problems.append(Problem(text, f"an interval has no values to try one by one: {remedy}"))
        elif override.is_sweep_override() and not multirun:
            remedy = f"add --multirun to try each, or write a list as {override.key_or_group}=[…]"
            problems.append(Problem(text, f"gives several values to one run; {remedy}"))
        elif isinstance(override.value(), RangeSweep) and not override.value().step:  # type: ignore[union-attr]  # a RangeSweep
            problems.append(Problem(text, "a range in steps of 0 has no end; give range(start,stop,step)"))
        else:
            overrides.append(override)
    return overrides, problems


def _count(override: Override) -> int:
    """The number of values, without making them."""
    if not override.is_sweep_override():
        return 1
    values = override.value()
    if isinstance(values, RangeSweep):
        assert values.start is not None
        assert values.stop is not None
        return max(0, math.ceil((values.stop - values.start) / values.step))
    return sum(1 for _ in override.sweep_iterator())


def _jobs(composer: Composer, overrides: Sequence[Override]) -> Iterator[list[Override]]:
    """Every combination of the values of a sweep, as Hydra will make them."""
    values = [
        [composer.parse(f"{override.get_key_element()}={text}") for text in override.sweep_string_iterator()]
        if override.is_sweep_override()
        else [override]
        for override in overrides
    ]
    for job in itertools.product(*values):
        yield list(job)


def _swept(job: Sequence[Override], keys: Sequence[str]) -> dict[str, str]:
    return {own.key_or_group: str(own.get_value_element_as_str()) for own in job if own.key_or_group in keys}


def _check_job(composer: Composer, overrides: Sequence[Override], spec: Spec[T]) -> Job[T]:
    line = composer.split(overrides)
    problems: list[Problem] = []
    valid: list[Override] = []
    wrong: list[str] = []
    for choice in line.choices:
        problem = _choice_problem(composer, choice) or _removal_problem(choice, spec.schema)
        if problem is None:
            valid.append(choice)
            continue
        problems.append(problem)
        if composer.options(choice.key_or_group):
            wrong.append(choice.key_or_group.replace("/", "."))
    of_hydra = [(own, choice_problem(composer, own)) for own in line.hydra]
    problems += [problem for _, problem in of_hydra if problem is not None]
    hydra = tuple(own for own, problem in of_hydra if problem is None)
    existing = replace(line, choices=tuple(valid), hydra=hydra)
    try:
        composed = composer.compose_job(existing)
    except ConfigError as error:
        raise ConfigError([*problems, *error.problems]) from error
    # What a choice that does not exist would have set is unknown; of an experiment, that may be anything.
    if not all(section in composed for section in wrong):
        raise ConfigError(problems)
    problems += _apply(composed, line.settings)
    try:
        checked = finish(composed, line, spec, lambda key: composer.is_packaged(key, existing))
    except ConfigError as error:
        known = [problem for problem in error.problems if not problem.key.startswith(tuple(wrong))]
        problems += [_with_origin(problem, composer, existing) for problem in known]
    if problems:
        raise ConfigError(problems)
    return checked


def _choice_problem(composer: Composer, choice: Override) -> Problem | None:
    group, options = choice.key_or_group, composer.options(choice.key_or_group)
    if not options:
        return Problem(group, f"no such group{hint(group, composer.groups())}")
    value = choice.value()
    for option in value if isinstance(value, list) else [value]:
        # ~group, group=null: no option at all
        if option is not None and not choice.is_delete() and str(option) not in options:
            new = renamed.new_option(group, str(option))
            if new is not None:
                return Problem(f"{group}={option}", f"is now called {new}")
            return Problem(f"{group}={option}", f"no such option{hint(str(option), options)}")
    return None


def _removal_problem(choice: Override, schema: type) -> Problem | None:
    """What is wrong with `~model`: the part that the schema has by default would stand in its place, without a word."""
    group = choice.key_or_group
    if not choice.is_delete():
        return None
    if "/" not in group:
        wanted = typing.get_type_hints(schema).get(group, dict[str, Any])
        if types.NoneType in typing.get_args(wanted) or typing.get_origin(wanted) is dict:
            return None
    return Problem(f"~{group}", f"cannot be taken away: choose another option, {group}=…")


def _apply(composed: DictConfig, settings: Sequence[Override]) -> Iterator[Problem]:
    """Sets values one by one, unknown keys too: what fits where is for the schema to say, all at once."""
    for setting in settings:
        key = setting.key_or_group
        try:
            if setting.is_delete():
                _remove(composed, key)
            else:
                OmegaConf.update(composed, key, setting.value(), merge=True, force_add=True)
        except KeyError:
            yield Problem(str(setting.input_line), f"there is nothing to remove{_hint_to_remove(composed, key)}")
        except (OmegaConfBaseException, TypeError, ValueError) as error:
            yield Problem(key, f"cannot be set by {setting.input_line}: {str(error).splitlines()[0]}")


def _hint_to_remove(composed: DictConfig, key: str) -> str:
    if key in renamed.KEYS:
        return f": {key} is now called {renamed.KEYS[key]}"
    known = [str(name) for name in _parent(composed, key)]
    return did_you_mean(near(key.rsplit(".", 1)[-1], known))


def _parent(composed: DictConfig, key: str) -> Mapping[Any, Any]:
    parent = OmegaConf.select(composed, key.rpartition(".")[0]) if "." in key else composed
    return parent if isinstance(parent, DictConfig) else {}


def _remove(composed: DictConfig, key: str) -> None:
    parent, name = _parent(composed, key), key.rsplit(".", 1)[-1]
    if not isinstance(parent, DictConfig) or name not in parent:
        raise KeyError(name)
    del parent[name]


def _with_origin(problem: Problem, composer: Composer, line: Line) -> Problem:
    """The problem with who set the value: an override, or a file."""
    origin = composer.origin(problem.key, line) if problem.key else None
    if not origin:
        return problem
    first, line_break, candidates = problem.message.partition("\n")
    return replace(problem, message=f"{first} [{origin}]{line_break}{candidates}")

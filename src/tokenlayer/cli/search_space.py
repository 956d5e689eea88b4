"""What a command line says of a search: the values to search, beside all that is fixed."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from hydra.core.override_parser.types import IntervalSweep, Override, RangeSweep

from tokenlayer.cli.train import complete
from tokenlayer.config.check import Spec, check
from tokenlayer.config.compose import Composer, Line
from tokenlayer.config.problems import ConfigError, Problem
from tokenlayer.redaction import redacted_setting
from tokenlayer.search.config import SearchConfig
from tokenlayer.search.space import Dimension
from tokenlayer.sweeps.plan import NOT_SWEPT
from tokenlayer.training.config import TrainConfig
from tokenlayer.training.job import Job

_SEARCH = "search"
_NOT_SEARCHED = (*NOT_SWEPT, _SEARCH, "hydra", "allow_targets")
_TAGS = {"log", "int", "float"}


@dataclass(frozen=True)
class SearchLine:
    """The settings of a command line, by kind."""

    searching: tuple[str, ...]
    """Those of the search itself: `search=learning`, `search.n_trials=30`."""
    fixed: tuple[str, ...]
    """Those of a training, the same in all trials."""
    searched: tuple[Override, ...]
    """Those that give several values: `optimizer.lr=interval(1e-4,1e-1)`."""


def read_line(composer: Composer, texts: Sequence[str]) -> SearchLine:
    """The settings of a command line, told apart. Raises `ConfigError` where one breaks Hydra's grammar."""
    kinds: dict[str, list[str]] = {_SEARCH: [], "fixed": []}
    searched: list[Override] = []
    problems: list[Problem] = []
    for text in texts:
        try:
            override = composer.parse(text)
        except ConfigError as error:
            problems += error.problems
            continue
        if override.is_sweep_override():
            searched.append(override)
        else:
            kinds[_SEARCH if override.key_or_group.split(".")[0] == _SEARCH else "fixed"].append(text)
    if problems:
        raise ConfigError(problems)
    return SearchLine(tuple(kinds[_SEARCH]), tuple(kinds["fixed"]), tuple(searched))


def space_of(
    composer: Composer, line: SearchLine, config: SearchConfig, plain: Mapping[str, Any]
) -> dict[str, Dimension]:
    """All that is searched: what the search's file lists, and what the command line adds to it or puts in its place.

    Args:
        composer: of the command line.
        line: the command line.
        config: the search, of the files.
        plain: the configuration of the command line, without the values to search.

    Raises:
        ConfigError: with all problems of the space itself.

    """
    space, problems = dict(config.space), list[Problem]()
    for override in line.searched:
        key, text = override.key_or_group, str(override.input_line)
        try:
            made = _dimension(composer, override, isinstance(_present(plain, key), int))
        except ValueError as error:
            problems.append(Problem(text, str(error)))
            continue
        problems += [Problem(text, f"{name} {message}") for name, message in made.problems()]
        space[key] = made
    problems += _problems_of_keys(composer, line, space)
    if problems:
        raise ConfigError(problems)
    return space


def trial_job(
    composer: Composer, fixed: Sequence[str], values: Mapping[str, str], more: Sequence[str] = ()
) -> Job[TrainConfig]:
    """The training with some values. Raises `ConfigError` with all problems."""
    texts = [*fixed, *(f"{key}={value}" for key, value in values.items()), *more]
    return check(composer, texts, Spec(TrainConfig, _complete), multirun=False)[0]


def checked_job(composer: Composer, fixed: Sequence[str], space: Mapping[str, Dimension]) -> Job[TrainConfig]:
    """One training of the search, after the ends of all ranges and all choices have been checked, one by one.

    Raises:
        ConfigError: with all problems of all that was checked.

    """
    first = {key: values.probes()[0] for key, values in space.items()}
    settings = [first, *({**first, key: text} for key, values in space.items() for text in values.probes()[1:])]
    checked, problems = list[Job[TrainConfig]](), list[Problem]()
    for values in settings:
        try:
            checked.append(trial_job(composer, fixed, values))
        except ConfigError as error:
            problems += [_as_of_the_space(problem, values, space) for problem in error.problems]
    if not problems and checked[0].config.trainer.limit_val_batches == 0:
        remedy = "trials are compared by their validations; leave it out"
        problems.append(Problem("trainer.limit_val_batches", f"0 leaves a search without a measure: {remedy}"))
    if problems:
        raise ConfigError(problems)
    return checked[0]


def _complete(composed: dict[str, Any], line: Line) -> dict[str, Any]:
    composed.pop(_SEARCH, None)  # of the search, not of a training
    return complete(composed, line)


def _as_of_the_space(problem: Problem, values: Mapping[str, str], space: Mapping[str, Dimension]) -> Problem:
    message = problem.message
    for key, text in values.items():
        message = message.replace(f"{key}={text} on the command line", f"{key}={text} of the search space")
    if problem.key in space and space[problem.key].type == "float" and "expected an integer" in message:
        message = f"{message}; write type: int, or tag(int, interval(…))"
    return Problem(problem.key, message)


def _problems_of_keys(composer: Composer, line: SearchLine, space: Mapping[str, Dimension]) -> Iterator[Problem]:
    if not space:
        known = ", ".join(composer.options(_SEARCH))
        remedy = f"give search=NAME (known: {known}), or values such as optimizer.lr='tag(log, interval(1e-3, 1e-1))'"
        yield Problem(_SEARCH, f"there is nothing to search: {remedy}")
    for key, values in space.items():
        if key.replace("/", ".").split(".")[0] in _NOT_SEARCHED:
            yield Problem(key, "is the same in all trials, and cannot be searched: give one value")
        if any(redacted_setting(f"{key}={text}") != f"{key}={text}" for text in values.texts()):
            remedy = "give it by an environment variable, ${oc.env:NAME}"
            yield Problem(key, f"holds secrets, and what a search varies is recorded: {remedy}")
    for text in line.fixed:
        key = composer.parse(text).key_or_group
        if key in space:
            yield Problem(redacted_setting(text), f"is fixed here, and searched as well ({space[key]}): leave one out")
        if key == "resume":
            yield Problem(key, "is a single run's; a search goes on when its own command line is given again")


def _dimension(composer: Composer, override: Override, is_integer: bool) -> Dimension:
    """The values that an override gives. Raises `ValueError` in words."""
    values: Any = override.value()
    wrong = ", ".join(sorted(values.tags - _TAGS))
    if wrong:
        raise ValueError(f"the tag {wrong} is unknown; there are log, int and float")
    is_log, is_integer = "log" in values.tags, "int" in values.tags or (is_integer and "float" not in values.tags)
    if isinstance(values, IntervalSweep):
        assert values.start is not None
        assert values.end is not None
        low, high = float(values.start), float(values.end)  # Hydra may have made floats of integers
        if is_integer and low.is_integer() and high.is_integer():
            return Dimension(type="int", low=int(low), high=int(high), log=is_log)
        return Dimension(type="float", low=low, high=high, log=is_log)
    if isinstance(values, RangeSweep):
        return _range(values, is_log)
    texts = override.sweep_string_iterator()
    plain = [composer.parse(f"{override.get_key_element()}={text}").value() for text in texts]
    return Dimension(type="categorical", log=is_log, choices=plain)


def _range(values: RangeSweep, is_log: bool) -> Dimension:
    """As in a multirun: without its end."""
    assert values.start is not None
    assert values.stop is not None
    if not all(math.isfinite(number) for number in (values.start, values.stop, values.step)):
        raise ValueError("a range has a finite start, stop and step")
    is_integer = all(isinstance(number, int) for number in (values.start, values.stop, values.step))
    start, stop, step = (Decimal(str(number)) for number in (values.start, values.stop, values.step))
    if step <= 0 or stop <= start:
        raise ValueError("a range that is searched goes up from its start in steps above 0, its end excluded")
    last = start + ((stop - start - step / 10**6) // step) * step
    if is_integer:
        return Dimension(type="int", low=int(start), high=int(last), step=None if step == 1 else int(step), log=is_log)
    return Dimension(type="float", low=float(start), high=float(last), step=float(step), log=is_log)


def _present(plain: Mapping[str, Any], key: str) -> Any:
    """The value of a key, unless it is none or a switch."""
    node: Any = plain
    for part in key.split("."):
        node = node.get(part) if isinstance(node, Mapping) else None
    return None if isinstance(node, bool) else node

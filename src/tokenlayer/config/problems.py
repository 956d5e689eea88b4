"""The problems of a configuration: all at once, each with its key, its remedy and near names."""

from collections.abc import Iterable
from dataclasses import dataclass

from tokenlayer.errors import InputError
from tokenlayer.hints import shortened

_LONGEST_MESSAGE = 1500
_MOST_SHOWN = 50


@dataclass(frozen=True)
class Problem:
    """One wrong setting."""

    key: str
    """Dotted key (`trainer.max_epochs`), the group of a choice (`model/head`), or empty for the whole."""
    message: str
    """It says what is wrong, what was expected, and near names."""
    is_of_key: bool = False
    """The key itself is wrong, whatever its value: a sweep over it has this once."""

    def __str__(self) -> str:
        message = shortened(self.message, _LONGEST_MESSAGE)
        return f"{shortened(self.key)}: {message}" if self.key else message


class ConfigError(InputError):
    """A configuration that cannot run; its message lists all problems."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems: tuple[Problem, ...] = tuple(dict.fromkeys(problems))
        if len(self.problems) == 1:
            message = str(self.problems[0])
        else:
            lines = [f"  - {problem}" for problem in self.problems[:_MOST_SHOWN]]
            lines += [f"  - and {len(self.problems) - _MOST_SHOWN} more"] if len(self.problems) > _MOST_SHOWN else []
            message = "\n".join([f"{len(self.problems)} problems in the configuration", *lines])
        super().__init__(message)


def shown(value: object) -> str:
    """A value as a person would write it in YAML."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    return shortened(repr(value))

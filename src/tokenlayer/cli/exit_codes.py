"""The end of a command, as its exit code and as a message."""

from enum import IntEnum

from tokenlayer.errors import InputError, RunStoppedError
from tokenlayer.terminal import complain, complain_of


class ExitCode(IntEnum):
    """The exit codes of the process."""

    DONE = 0
    FAILED = 1
    BAD_INPUT = 2
    INTERRUPTED = 130


def report(error: Exception) -> ExitCode:
    """Prints an exception, without a traceback if it says all there is to know, and gives its exit code."""
    if isinstance(error, InputError):
        complain(f"error: {error}")
        return ExitCode.BAD_INPUT
    if isinstance(error, RunStoppedError):
        complain(f"error: {error}")
        return ExitCode.FAILED
    complain_of(error)
    return ExitCode.FAILED

"""The errors that end a command with a message and no traceback."""

import errno

from tokenlayer.redaction import redacted


class InputError(Exception):
    """Bad input or configuration: the message names the place (file, line, key, value) and the remedy.

    The command line prints the message without a traceback and exits with code 2. Passwords in URIs are masked in it,
    wherever the message came from.
    """

    def __init__(self, message: str) -> None:
        super().__init__(redacted(message))


class RunStoppedError(Exception):
    """A run cannot go on, through no fault of its settings: the message says why, and how to continue it.

    The command line prints the message without a traceback and exits with code 1. Passwords are masked in it, too.
    """

    def __init__(self, message: str) -> None:
        super().__init__(redacted(message))


_NO_SPACE = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


def is_out_of_space(error: BaseException) -> bool:
    """Return True for the errors of a full disk, a used-up quota, or a file at its largest size."""
    # NumPy reports a short write by its numbers alone.
    short = isinstance(error, OSError) and error.errno is None and "requested and" in str(error)
    return short or (isinstance(error, OSError) and error.errno in _NO_SPACE)

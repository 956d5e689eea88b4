"""The format of runs and checkpoints, by which those of another version are recognised before they are used."""

from tokenlayer.errors import InputError

FORMAT = 2
"""The format that this version records and uses. Version 0.1 noted none; its format counts as 1."""
FORMAT_TAG = "tokenlayer.format"
"""The tag of a run that holds its format."""


def check_format(noted: object, what: str) -> None:
    """Check that a run or checkpoint can be used by this version.

    Args:
        noted: the format that it notes; None if it notes none.
        what: names it in the message.

    Raises:
        InputError: it has another format; the message names the version that can use it.

    """
    if noted is None:
        raise InputError(
            f"{what} was recorded by tokenlayer 0.1 (format 1): use version 0.1.x for it, e.g. "
            "pip install 'tokenlayer<0.2'"
        )
    if str(noted) != str(FORMAT):
        raise InputError(
            f"{what} was recorded in format {noted}, and this version of tokenlayer uses format {FORMAT}: use the "
            "version that recorded it"
        )

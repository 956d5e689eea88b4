"""The one error that users cause and can fix."""

from tokenlayer.redaction import redacted


class InputError(Exception):
    """Bad input or configuration: the message names the place (file, line, key, value) and the remedy.

    The command line prints the message without a traceback and exits with code 2. Passwords in URIs are masked in it,
    wherever the message came from.
    """

    def __init__(self, message: str) -> None:
        super().__init__(redacted(message))

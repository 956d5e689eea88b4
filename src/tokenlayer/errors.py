"""The one error that users cause and can fix."""


class InputError(Exception):
    """Bad input or configuration: the message names the place (file, line, key, value) and the remedy.

    The command line prints the message without a traceback and exits with code 2.
    """

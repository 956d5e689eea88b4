"""The one error that users cause and can mend."""


class InputError(Exception):
    """Bad input or configuration: the message names the place (file, line, key, value) and the mend.

    The command line prints the message without a traceback and exits with code 2.
    """

"""`tokenlayer explain RUN_OR_CHECKPOINT TEXT`."""

import sys
from pathlib import Path

from tokenlayer.cli.flags import MODEL_SETTINGS, add_allow_targets, add_store_flags, with_settings_as_flags
from tokenlayer.errors import InputError
from tokenlayer.terminal import ArgumentParser, console

_SETTINGS = {**MODEL_SETTINGS, "html": "--output"}


def main(arguments: list[str]) -> int:
    """Shows what a trained model makes of a text, and why, in the terminal and as a page."""
    given = _parser().parse_args(with_settings_as_flags(arguments, _SETTINGS))
    text = _standard_input() if given.text == "-" else given.text
    from tokenlayer.explain.job import Place, explain_text  # noqa: PLC0415  # torch and MLflow take seconds

    html = None if given.html is None else Path(given.html)
    place = Place(given.uri, given.output_dir, html)
    explain_text(given.run, text, place, console(), allow_targets=given.allow_targets)
    return 0


def _parser() -> ArgumentParser:
    parser = ArgumentParser(
        "tokenlayer explain",
        usage="%(prog)s RUN_OR_CHECKPOINT TEXT [--output FILE] [--tracking-uri URI] [--output-dir FOLDER]",
        description="Show a text with the tokens that a trained model finds in it, coloured by what they do to the "
        "logit. The page with the same is kept with the run, as explanations/<hash>.html.",
        epilog="A text that looks like a setting or a flag goes behind --: tokenlayer explain RUN -- TEXT",
    )
    parser.add_argument(
        "run",
        metavar="RUN_OR_CHECKPOINT",
        help="id of a run, a unique beginning of it, or its name (its best checkpoint is taken); or a checkpoint file",
    )
    parser.add_argument("text", metavar="TEXT", help="the text; - reads it from standard input (UTF-8)")
    parser.add_argument(
        "--output",
        "--html",
        dest="html",
        metavar="FILE",
        help="write the page to this file, not to the run; also as html=…",
    )
    add_store_flags(parser)
    add_allow_targets(parser)
    return parser


def _standard_input() -> str:
    try:
        text = sys.stdin.buffer.read().decode("utf-8")
    except UnicodeDecodeError as error:
        raise InputError(f"standard input, byte {error.start}: not UTF-8: save the text as UTF-8") from error
    return text.removesuffix("\n").removesuffix("\r")  # the end of its last line is none of its characters

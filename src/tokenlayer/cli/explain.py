"""`tokenlayer explain RUN_OR_CHECKPOINT TEXT`."""

import sys
from pathlib import Path

from tokenlayer.errors import InputError
from tokenlayer.terminal import ArgumentParser, console
from tokenlayer.tracking.uri import environment_uri

_SETTINGS = {"tracking.uri": "uri", "output_dir": "output_dir", "html": "html", "allow_targets": "allow_targets"}


def main(arguments: list[str]) -> int:
    """Shows what a trained model makes of a text, and why, in the terminal and as a page."""
    given = _parser().parse_args(_settings_as_options(arguments))
    text = _standard_input() if given.text == "-" else given.text
    from tokenlayer.explain.job import Place, explain_text  # noqa: PLC0415  # torch and MLflow take seconds

    html = None if given.html is None else Path(given.html)
    place = Place(given.uri, given.output_dir, html)
    explain_text(given.run, text, place, console(), allow_targets=_names(given.allow_targets))
    return 0


def _parser() -> ArgumentParser:
    parser = ArgumentParser(
        "tokenlayer explain",
        usage="%(prog)s RUN_OR_CHECKPOINT TEXT [--output FILE] [--tracking-uri URI] [--output-dir FOLDER]",
        description="Show a text with the tokens that a trained model finds in it, coloured by what they do to the "
        "logit. The page with the same is kept with the run, as explanations/<hash>.html.",
        epilog="A text that looks like a setting or a flag goes behind --: tokenlayer explain RUN -- TEXT",
    )
    parser.add_argument("run", metavar="RUN_OR_CHECKPOINT", help="id of a run (its best checkpoint), or a checkpoint")
    parser.add_argument("text", metavar="TEXT", help="the text; - reads it from standard input (UTF-8)")
    parser.add_argument(
        "--output",
        "--html",
        dest="html",
        metavar="FILE",
        help="write the page to this file, not to the run; also html=…",
    )
    parser.add_argument(
        "--tracking-uri",
        "--uri",
        dest="uri",
        metavar="URI",
        help="the store; also as tracking.uri=… (default: mlflow.db in the output folder)",
    )
    parser.add_argument("--output-dir", default="outputs", help="also as output_dir=… (default: outputs)")
    parser.add_argument(
        "--allow-targets", default="", help="also as allow_targets=[…]: packages that the run's configuration may name"
    )
    return parser


def _settings_as_options(arguments: list[str]) -> list[str]:
    """`output_dir=…` as for the other commands, beside `--output-dir …`; what follows `--` is left alone."""
    end = arguments.index("--") if "--" in arguments else len(arguments)
    options = []
    for argument in arguments[:end]:
        if argument == "tracking=server":
            options.append(f"--tracking-uri={environment_uri()}")
            continue
        name, is_setting, value = argument.partition("=")
        known = is_setting and name in _SETTINGS
        options.append(f"--{_SETTINGS[name].replace('_', '-')}={value}" if known else argument)
    return options + arguments[end:]


def _names(listed: str) -> list[str]:
    """`[a,b]` → a, b."""
    return [name for part in listed.strip("[]").split(",") if (name := part.strip())]


def _standard_input() -> str:
    try:
        text = sys.stdin.buffer.read().decode("utf-8")
    except UnicodeDecodeError as error:
        raise InputError(f"standard input, byte {error.start}: not UTF-8: save the text as UTF-8") from error
    return text.removesuffix("\n").removesuffix("\r")  # the end of its last line is none of its characters

"""`tokenlayer explain RUN_OR_CHECKPOINT TEXT`, or of a table of texts, or of a token."""

import argparse
import sys
from contextlib import ExitStack
from pathlib import Path

from tokenlayer.cli.flags import MODEL_SETTINGS, add_allow_targets, add_store_flags, with_settings_as_flags
from tokenlayer.cli.text_tables import add_table_flags, given_table
from tokenlayer.errors import InputError
from tokenlayer.outside import loading
from tokenlayer.progress import shown_by
from tokenlayer.progress_bars import progress_bar
from tokenlayer.terminal import ArgumentParser, console

_SETTINGS = {**MODEL_SETTINGS, "html": "--output"}


def main(arguments: list[str]) -> int:
    """Shows what a trained model makes of a text, of a table of them or of a token, and why."""
    flags = with_settings_as_flags(arguments, _SETTINGS)
    given = _parser(of_table=_names_table(flags)).parse_args(flags)
    with ExitStack() as opened:
        _explain(given, opened)
    return 0


def _explain(given: argparse.Namespace, opened: ExitStack) -> None:
    table = given_table(given, opened, "explaining")
    html = None if given.html is None else Path(given.html)
    if table is None and given.token is not None:
        raise InputError("--token: the texts to look for it in are missing: add --texts FILE --text-column NAME")
    if html is not None and given.texts not in (None, "-") and html.exists() and html.samefile(given.texts):
        raise InputError(f"--output {html}: is the table of texts itself: name another file")
    text = "" if table is not None else _standard_input() if given.text == "-" else given.text
    with loading("torch", told=False):
        from tokenlayer.inference import explaining  # noqa: PLC0415  # torch and MLflow take seconds
        from tokenlayer.inference.loading import load  # noqa: PLC0415  # likewise

    model = load(given.run, tracking_uri=given.uri, output_dir=given.output_dir, allow_targets=given.allow_targets)
    keeper = explaining.PageKeeper(given.run, model.run_id, given.uri, given.output_dir, html)
    opened.enter_context(shown_by(progress_bar))
    if table is None:
        explaining.explain_text(model, text, keeper, console())
    elif given.token is None:
        explaining.explain_table(model, table, keeper, console())
    else:
        explaining.explain_token(model, given.token, table, keeper, console())


def _names_table(flags: list[str]) -> bool:
    """True if the line names a table of texts, in place of TEXT."""
    end = flags.index("--") if "--" in flags else len(flags)
    return any(flag.partition("=")[0] in ("--texts", "--token") for flag in flags[:end])


def _parser(*, of_table: bool) -> ArgumentParser:
    parser = ArgumentParser(
        "tokenlayer explain",
        usage="%(prog)s RUN_OR_CHECKPOINT TEXT [--output FILE] [--tracking-uri URI] [--output-dir FOLDER]\n"
        "       %(prog)s RUN_OR_CHECKPOINT --texts FILE --text-column NAME [--label-column NAME] [--token TOKEN] …",
        description="Show a text with the tokens that a trained model finds in it, coloured by what they do to the "
        "logit. Of a table: the texts that the model is most and least sure of, and those that it is wrong about where "
        "there are labels. With --token: where the token occurs in the table, and with what effect. The page is kept "
        "with the run, as explanations/<hash>.html.",
        epilog="A text that looks like a setting or a flag goes behind --: tokenlayer explain RUN -- TEXT",
    )
    parser.add_argument(
        "run",
        metavar="RUN_OR_CHECKPOINT",
        help="id of a run, a unique beginning of it, or its name; a checkpoint file, or a folder of save_pretrained",
    )
    if not of_table:
        parser.add_argument("text", metavar="TEXT", help="the text; - reads it from standard input (UTF-8)")
    add_table_flags(parser, "explain these")
    parser.add_argument("--token", metavar="TOKEN", help="one of the model's tokens, █ for a blank: --token=' bad'")
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

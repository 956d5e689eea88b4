"""`tokenlayer tokens RUN_OR_CHECKPOINT`."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from tokenlayer.atomic import write_output
from tokenlayer.cli.flags import MODEL_SETTINGS, add_allow_targets, add_store_flags, with_settings_as_flags
from tokenlayer.cli.text_tables import add_table_flags, given_table
from tokenlayer.errors import InputError
from tokenlayer.outside import loading
from tokenlayer.progress import shown_by
from tokenlayer.progress_bars import progress_bar
from tokenlayer.terminal import ArgumentParser, complain, console

if TYPE_CHECKING:
    import pandas as pd

_FORMATS = {".csv": "csv", ".json": "json", ".txt": "table"}
_ENDLESS = 1_000_000  # characters: a file has no edge at which a table would have to be cut, nor has a pipe


def main(arguments: list[str]) -> int:
    """Lists the tokens of a trained model. Raises `InputError` for what cannot be read or written."""
    given = _parser().parse_args(with_settings_as_flags(arguments, MODEL_SETTINGS))
    output = None if given.output is None else Path(given.output)
    from tokenlayer.inference.table_writing import check_new  # noqa: PLC0415  # pandas takes a second

    if output is not None:
        check_new(output, list(_FORMATS))
    if output is not None and given.format not in (None, _FORMATS[output.suffix.lower()]):
        raise InputError(
            f"--output {output}: --format {given.format} is not what the ending says: leave one of them out"
        )
    with ExitStack() as opened:
        table = given_table(given, opened, "counting tokens")
        with loading("torch", told=False):
            from tokenlayer.inference.loading import load  # noqa: PLC0415  # torch and MLflow take seconds
            from tokenlayer.inference.token_listing import listed_tokens, token_table_shown  # noqa: PLC0415  # likewise

        place = {"tracking_uri": given.uri, "output_dir": given.output_dir}
        model = load(given.run, **place, allow_targets=given.allow_targets)
        opened.enter_context(shown_by(progress_bar))
        tokens = listed_tokens(model, table, **place)
    wanted = given.format or ("table" if output is None else _FORMATS[output.suffix.lower()])
    terminal = console()
    if output is None and wanted == "table" and terminal.is_terminal:
        terminal.print(token_table_shown(tokens))
    elif output is None:
        print(_text(tokens, wanted), end="")
    else:
        write_output(output, _text(tokens, wanted))
        complain(f"{len(tokens)} tokens written to {output}")
    return 0


def _text(tokens: pd.DataFrame, wanted: str) -> str:
    """The tokens in the wanted format."""
    from tokenlayer.inference import token_listing  # noqa: PLC0415  # torch takes seconds

    if wanted == "csv":
        return token_listing.tokens_as_csv(tokens)
    if wanted == "json":
        return token_listing.tokens_as_json(tokens)
    made = console()
    made.width = _ENDLESS
    with made.capture() as captured:
        made.print(token_listing.token_table_shown(tokens))
    return captured.get()


def _parser() -> ArgumentParser:
    parser = ArgumentParser(
        "tokenlayer tokens",
        usage="%(prog)s RUN_OR_CHECKPOINT [--texts FILE --text-column NAME [--label-column NAME]] [--format F] "
        "[--output FILE] [--tracking-uri URI] [--output-dir FOLDER]",
        description="List the tokens of a trained model, those that matter most first (by effect, without one by "
        "weight): the weight of each and the class that it speaks for; of a run, the effect that it has recorded, and "
        "how many of its test texts hold each; with --texts, how many of these texts do, and some of the places.",
    )
    parser.add_argument(
        "run",
        metavar="RUN_OR_CHECKPOINT",
        help="id of a run, a unique beginning of it, or its name; a checkpoint file, or a folder of save_pretrained",
    )
    add_table_flags(parser, "count on these")
    parser.add_argument(
        "--format", choices=list(_FORMATS.values()), help="default: table, or what the ending of --output stands for"
    )
    parser.add_argument("--output", metavar="FILE", help="write into this new file: .csv, .json, .txt")
    add_store_flags(parser)
    add_allow_targets(parser)
    return parser

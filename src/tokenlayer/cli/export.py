"""`tokenlayer export RUN_OR_CHECKPOINT --to FORMAT --output PATH`."""

from __future__ import annotations

import importlib
from contextlib import ExitStack
from pathlib import Path

from tokenlayer.atomic import check_new_folder
from tokenlayer.cli.flags import MODEL_SETTINGS, add_allow_targets, add_store_flags, with_settings_as_flags
from tokenlayer.cli.text_tables import add_table_flags, given_table
from tokenlayer.outside import loading
from tokenlayer.progress import shown_by
from tokenlayer.progress_bars import progress_bar
from tokenlayer.terminal import ArgumentParser, complain

# Each module has a function `export`, which writes a model to a path that is not there yet and returns what to say.
_FORMATS = {name: f"tokenlayer.export.{name}" for name in ("huggingface", "onnx", "text")}


def main(arguments: list[str]) -> int:
    """Writes a trained model in the form of another program. Raises `InputError` for what cannot be written."""
    given = _parser().parse_args(with_settings_as_flags(arguments, MODEL_SETTINGS))
    output = Path(given.output)
    check_new_folder(output)
    with ExitStack() as opened:
        table = given_table(given, opened, "counting tokens")
        with loading("torch", told=False):
            from tokenlayer.inference.loading import load  # noqa: PLC0415  # torch and MLflow take seconds

        model = load(given.run, tracking_uri=given.uri, output_dir=given.output_dir, allow_targets=given.allow_targets)
        opened.enter_context(shown_by(progress_bar))
        complain(importlib.import_module(_FORMATS[given.to]).export(model, output, table))
    return 0


def _parser() -> ArgumentParser:
    parser = ArgumentParser(
        "tokenlayer export",
        usage="%(prog)s RUN_OR_CHECKPOINT --to FORMAT --output PATH [--texts FILE --text-column NAME] "
        "[--tracking-uri URI] [--output-dir FOLDER]",
        description="Write a trained model for programs that know nothing of tokenlayer. huggingface: a folder with a "
        "tokenizer, which transformers.AutoTokenizer.from_pretrained loads, and a card that says what it is. onnx: a "
        "folder with the classifier, from codes to probabilities, and how a text becomes codes. text: a folder with "
        "tokens.txt, a token a line, which initializer=vocabulary reads.",
    )
    parser.add_argument(
        "run",
        metavar="RUN_OR_CHECKPOINT",
        help="id of a run, a unique beginning of it, or its name; a checkpoint file, or "
        "a folder that save_pretrained has written",
    )
    parser.add_argument("--to", required=True, choices=list(_FORMATS), metavar="FORMAT", help=", ".join(_FORMATS))
    parser.add_argument("--output", required=True, metavar="PATH", help="a new folder")
    add_table_flags(
        parser, "measure on these what a segmentation costs (default: on validation texts of its dataset)", labels=False
    )
    add_store_flags(parser)
    add_allow_targets(parser)
    return parser

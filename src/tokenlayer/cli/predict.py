"""`tokenlayer predict RUN_OR_CHECKPOINT FILE --text-column NAME`."""

from pathlib import Path

from tokenlayer.cli.flags import MODEL_SETTINGS, add_allow_targets, add_store_flags, with_settings_as_flags
from tokenlayer.outside import loading
from tokenlayer.progress import shown_by
from tokenlayer.progress_bars import progress_bar
from tokenlayer.terminal import ArgumentParser, complain


def main(arguments: list[str]) -> int:
    """Writes a table of texts with what a trained model says of each. Raises `InputError` for what it cannot."""
    given = _parser().parse_args(with_settings_as_flags(arguments, MODEL_SETTINGS))
    from tokenlayer.inference.table_writing import check_new  # noqa: PLC0415  # pandas takes a second
    from tokenlayer.inference.tables import TextTable, table_file  # noqa: PLC0415  # likewise

    output = None if given.output is None else Path(given.output)
    if output is not None:
        check_new(output)
    with table_file(given.file) as path:
        table = TextTable(path, given.text_column, what="predicting")
        table.check()
        with loading("torch", told=False):
            from tokenlayer.inference.loading import load  # noqa: PLC0415  # torch and MLflow take seconds
            from tokenlayer.inference.predicting import predict_table  # noqa: PLC0415  # likewise

        model = load(given.run, tracking_uri=given.uri, output_dir=given.output_dir, allow_targets=given.allow_targets)
        with shown_by(progress_bar):
            n_rows = predict_table(model, table, output)
    if output is not None:
        complain(f"{n_rows} rows written to {output}")
    return 0


def _parser() -> ArgumentParser:
    parser = ArgumentParser(
        "tokenlayer predict",
        usage="%(prog)s RUN_OR_CHECKPOINT FILE --text-column NAME [--output FILE] [--tracking-uri URI] "
        "[--output-dir FOLDER]",
        description="Write a table of texts with two kinds of columns behind its own: prediction, the most probable "
        "class, and probability_<class> for each. Texts are read some thousand at a time, however many there are.",
        epilog="In CSV, what a spreadsheet would take for a formula has an apostrophe before it.",
    )
    parser.add_argument(
        "run",
        metavar="RUN_OR_CHECKPOINT",
        help="id of a run, a unique beginning of it, or its name; a checkpoint file, or a folder of save_pretrained",
    )
    parser.add_argument(
        "file",
        metavar="FILE",
        help="CSV, TSV, JSONL or Parquet, gzipped or not; - reads standard input to its end",
    )
    parser.add_argument("--text-column", required=True, metavar="NAME", help="the column that holds the texts")
    parser.add_argument(
        "--output",
        metavar="FILE",
        help="a new file, .csv, .tsv, .jsonl or .parquet, which is there when all is done (default: CSV to standard "
        "output)",
    )
    add_store_flags(parser)
    add_allow_targets(parser)
    return parser

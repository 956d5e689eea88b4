"""`tokenlayer compare SWEEP …`: conditions side by side, in the terminal or as a file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from tokenlayer.atomic import check_output, write_output
from tokenlayer.cli.flags import add_store_flags, with_settings_as_flags
from tokenlayer.cli.ui import mark_killed_runs
from tokenlayer.errors import InputError
from tokenlayer.progress import shown_by
from tokenlayer.progress_bars import progress_bar
from tokenlayer.terminal import ArgumentParser, complain, safe, table_console

if TYPE_CHECKING:
    from tokenlayer.comparison.comparison import Comparison

_SUFFIXES = {".md": "markdown", ".tex": "latex", ".csv": "csv", ".html": "html", ".txt": "table"}
_FORMATS = ("table", "markdown", "latex", "csv", "html")


def main(arguments: list[str]) -> int:
    """Compares runs and shows or writes the result. Raises `InputError` for what cannot be compared or written."""
    given = _parser().parse_args(with_settings_as_flags(arguments))
    if not given.named and not given.filter:
        raise InputError(
            "name sweeps or runs, which tokenlayer runs lists, or give --filter: tokenlayer compare SWEEP …"
        )
    output = None if given.output is None else Path(given.output)
    wanted = _format(given.format, output)
    if output is not None:
        check_output(output)
    from tokenlayer.comparison.comparison import METRICS, compare_runs  # noqa: PLC0415  # MLflow takes seconds

    folder = Path(given.output_dir).absolute()
    mark_killed_runs(given.uri, folder)
    with shown_by(progress_bar):
        compared = compare_runs(
            *given.named,
            by=given.by,
            metrics=given.metric or METRICS,
            where=given.filter,
            uri=given.uri,
            output_dir=folder,
        )
        title = f"Comparison of {', '.join(given.named) or given.filter}"
        if wanted == "table" and output is None:
            _show(compared, title)
            return 0
        text = _text(compared, title, wanted)
    if wanted == "csv":
        for missing in compared.missing:
            complain(f"missing: {missing}")
    if output is None:
        print(text, end="")
    else:
        write_output(output, text)
        print(safe(f"written to {output}"))
    return 0


def _show(compared: Comparison, title: str) -> None:
    from tokenlayer.comparison.document import document  # noqa: PLC0415  # MLflow takes seconds
    from tokenlayer.comparison.texts import show  # noqa: PLC0415  # errors first

    told = document(compared, title)
    with shown_by(None):
        show(told, table_console())


def _text(compared: Comparison, title: str, wanted: str) -> str:
    """The comparison in the wanted format."""
    from tokenlayer.comparison import formats, texts  # noqa: PLC0415  # MLflow takes seconds
    from tokenlayer.comparison.document import document, more_sections  # noqa: PLC0415  # errors first

    if wanted == "csv":
        return formats.as_csv(compared.table)
    told = document(compared, title)
    if wanted == "markdown":
        return texts.as_markdown(told, more_sections(compared))
    if wanted == "latex":
        return texts.as_latex(told)
    if wanted == "table":
        return texts.as_text(told)
    from tokenlayer.comparison.page import page  # noqa: PLC0415  # matplotlib takes a second

    return page(compared, told)


def _format(named: str | None, output: Path | None) -> str:
    """The format that is named, or that the ending of the file stands for."""
    if output is None:
        return named or "table"
    by_name = _SUFFIXES.get(output.suffix.lower())
    if named is None and by_name is None:
        endings = ", ".join(f"{suffix} ({name})" for suffix, name in _SUFFIXES.items())
        raise InputError(f"--output {output}: its ending names no format; give --format, or one of {endings}")
    if named is not None and by_name not in (None, named):
        raise InputError(f"--output {output}: --format {named} is not what the ending says; leave one of them out")
    return named or str(by_name)


def _parser() -> ArgumentParser:
    parser = ArgumentParser(
        "tokenlayer compare",
        usage="%(prog)s SWEEP_OR_RUN … [--by KEY] … [--metric NAME] … [--filter F] [--format F] [--output FILE] "
        "[--tracking-uri URI] [--output-dir FOLDER]",
        description="Compare the jobs of sweeps, or single runs: means over seeds with 95 % intervals, paired tests "
        "on the test texts. The best condition is chosen on validation texts. A page (html) has figures and tokens.",
    )
    parser.add_argument(
        "named",
        metavar="SWEEP_OR_RUN",
        nargs="*",
        help="name of a sweep; id of a run, a unique beginning of it, or its name",
    )
    parser.add_argument(
        "--by",
        action="append",
        metavar="KEY",
        help="setting, configuration group or tag that tells conditions apart: initializer, model.vocab_size; "
        "repeatable (default: the swept keys but seeds; of runs, the settings they differ by)",
    )
    parser.add_argument(
        "--metric",
        action="append",
        metavar="NAME",
        help="repeatable; the first decides by which validation metric the best is chosen "
        "(default: test/accuracy and validation/accuracy)",
    )
    parser.add_argument("--filter", default="", metavar="F", help="MLflow's filter: \"params.seed = '0'\"")
    parser.add_argument("--format", choices=_FORMATS, help="default: table, or what the ending of --output stands for")
    parser.add_argument("--output", metavar="FILE", help="write into this file: .html, .md, .tex, .csv, .txt")
    add_store_flags(parser)
    return parser

"""From a model and texts to what is shown and kept: the whole of `tokenlayer explain`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from tokenlayer.atomic import write_output
from tokenlayer.escaping import harmless
from tokenlayer.explain.gallery import gallery_page
from tokenlayer.explain.page import page
from tokenlayer.explain.storing import keep_with_run
from tokenlayer.explain.terminal import show
from tokenlayer.explain.token_page import token_page
from tokenlayer.inference.galleries import gallery_of
from tokenlayer.inference.tables import TextTable
from tokenlayer.inference.token_use import token_use
from tokenlayer.inference.trained_model import TrainedModel


@dataclass(frozen=True)
class PageKeeper:
    """What keeps a page: in a file, or with the run."""

    source: str
    """The run or checkpoint, as it was named."""
    run_id: str | None
    """The run; None: a bare checkpoint."""
    tracking_uri: str | None
    """The store of the runs; None: that of `output_dir`."""
    output_dir: str
    html: Path | None
    """File of the page; None: with the run. For a bare checkpoint there is none then."""

    @property
    def shown_source(self) -> str:
        """What names the model on the page."""
        return harmless(self.run_id or self.source)

    def keep(self, html: str, console: Console) -> None:
        """Keep the page and say where.

        Raises:
            InputError: it cannot be kept there.

        """
        if self.html is not None:
            write_output(self.html, html)
            kept = str(self.html.absolute())
        elif self.run_id is not None:
            folder = Path(self.output_dir).absolute()
            kept = keep_with_run(html, self.run_id, uri=self.tracking_uri, output_dir=folder)
        else:
            kept = "none is kept for a bare checkpoint; --output FILE writes it there"
        console.print(f"\npage: {harmless(kept)}", soft_wrap=True)


def explain_text(model: TrainedModel, text: str, keeper: PageKeeper, console: Console) -> None:
    """Explain one text in the terminal and on a page. Raises `InputError` if the page cannot be kept."""
    explanation = model.explain(text)
    show(explanation, console)
    keeper.keep(page(explanation, keeper.shown_source), console)


def explain_table(model: TrainedModel, table: TextTable, keeper: PageKeeper, console: Console) -> None:
    """Explain the texts of a table that tell most, on a page. Raises `InputError` as `gallery_of`, too."""
    gallery = gallery_of(model, table)
    console.print(gallery.summary)
    for section in gallery.sections:
        console.print(f"  {section.heading}: {len(section.rows)} shown")
    keeper.keep(gallery_page(gallery, keeper.shown_source), console)


def explain_token(model: TrainedModel, token: str, table: TextTable, keeper: PageKeeper, console: Console) -> None:
    """Show where a token occurs, and with what effect, on a page. Raises `InputError` as `token_use`, too."""
    use = token_use(model, token, table)
    console.print(f"{use.token}: in {use.n_holding:,} of {use.n_texts:,} texts, {use.n_matches:,} times")
    for name, holding, every in use.by_class:
        console.print(f"  {name}: in {holding:,} of {every:,}")
    towards = f", towards {use.towards}" if use.towards else ""
    console.print(f"mean effect where it is, on {use.scale}: {use.mean_effect:+.4f}{towards}")
    console.print(f"texts whose class is another without it: {use.n_decided:,}")
    keeper.keep(token_page(use, keeper.shown_source), console)

"""From a saved model and a text to what is shown and kept: the whole of `tokenlayer explain`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from tokenlayer.atomic import write_output
from tokenlayer.config.resume import trained_config
from tokenlayer.escaping import harmless
from tokenlayer.explain.explanation import Explanation, explain
from tokenlayer.explain.model_input import model_input
from tokenlayer.explain.page import page
from tokenlayer.explain.storing import keep_with_run
from tokenlayer.explain.terminal import show
from tokenlayer.text.alphabet import Alphabet
from tokenlayer.tracking.config import TrackingConfig
from tokenlayer.training.build import restored_model
from tokenlayer.training.checkpoint_loading import SavedModel, saved_model


@dataclass(frozen=True)
class Place:
    """The places where runs are found and where the page goes."""

    uri: str | None
    """Tracking URI; None: the default store of `output_dir`."""
    output_dir: str
    html: Path | None
    """File of the page; None: with the run. For a bare checkpoint there is none then."""


def explain_text(
    run_or_checkpoint: str, text: str, place: Place, console: Console, *, allow_targets: Sequence[str] = ()
) -> Explanation:
    """Explain a text in the terminal and on a page.

    Args:
        run_or_checkpoint: id of a run, a unique beginning of it, or its name; the run's best checkpoint is taken. Or a
            checkpoint file.
        text: as a person writes it.
        place: of runs and page.
        console: the terminal.
        allow_targets: packages besides `tokenlayer` and `torch` that the run's configuration may name.

    Raises:
        InputError: there is no such run or checkpoint, or the page cannot be kept.

    """
    saved = saved_model(run_or_checkpoint, TrackingConfig(place.uri), place.output_dir)
    explanation = explained(saved, text, allow_targets)
    show(explanation, console)
    html = page(explanation, harmless(saved.run_id or run_or_checkpoint))
    if place.html is not None:
        write_output(place.html, html)
        kept = str(place.html.absolute())
    elif saved.run_id is not None:
        kept = keep_with_run(html, saved.run_id, uri=place.uri, output_dir=Path(place.output_dir).absolute())
    else:
        kept = "none is kept for a bare checkpoint; --output FILE writes it there"
    console.print(f"\npage: {harmless(kept)}", soft_wrap=True)
    return explanation


def explained(saved: SavedModel, text: str, allow_targets: Sequence[str] = ()) -> Explanation:
    """The text, cleaned and encoded as the model's training texts were, and what the model makes of it."""
    trained = trained_config(saved, allow_targets)
    alphabet = Alphabet(saved.header["alphabet"])
    text_length = trained.dataset.text_length
    if text_length is None:  # every run has chosen it
        raise saved.edited("dataset.text_length is null")
    seen = model_input(text, alphabet, trained.dataset.cleaning, text_length)
    model = restored_model(trained, saved, text_length)
    return explain(model, seen, alphabet, saved.header["class_names"])

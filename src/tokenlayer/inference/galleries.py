"""The texts of a table, of any length, that tell most about a model."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from tokenlayer.explain.gallery import ExplainedRow, Gallery, Section
from tokenlayer.inference.counted_tokens import label_codes
from tokenlayer.inference.tables import Chunk, TextTable
from tokenlayer.inference.trained_model import TrainedModel
from tokenlayer.progress import tracked

_SHOWN = 20  # texts of a section

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]
Candidate = tuple[float, int, str, str | None]
"""What it is sorted by, its line, text and label."""


@dataclass
class _Best:
    """The texts of a section, as far as the table has been read."""

    heading: str
    wanted: Callable[[Floats, Flags], tuple[Flags, Floats]]
    """From the probability of the predicted class, and whether it is right, of each text: those that belong here, and
    what they are sorted by, the smallest first."""
    found: list[Candidate] = field(default_factory=list)

    def add(self, chunk: Chunk, confidence: Floats, is_right: Flags, spare: int) -> None:
        """Take some rows; as many more are kept than are shown as another section may take away."""
        belongs, key = self.wanted(confidence, is_right)
        for place in np.flatnonzero(belongs).tolist():
            label = chunk.labels[place] if chunk.labels else None
            self.found.append((float(key[place]), chunk.lines[place], chunk.texts[place], label))
        self.found.sort(key=lambda candidate: candidate[:2])
        del self.found[_SHOWN + spare :]


def _sections(*, labelled: bool) -> list[_Best]:
    """The sections of a gallery; a text is shown in the first that it belongs to."""
    if not labelled:
        return [
            _Best("Least certain", lambda sure, right: (right, sure)),
            _Best("Most certain", lambda sure, right: (right, -sure)),
        ]
    return [
        _Best("Wrong, the most certain first", lambda sure, right: (~right, -sure)),
        _Best("Right, the least certain first", lambda sure, right: (right, sure)),
        _Best("Right, the most certain first", lambda sure, right: (right, -sure)),
    ]


def gallery_of(model: TrainedModel, table: TextTable) -> Gallery:
    """Predict all texts of a table, and explain some of them.

    Raises:
        InputError: a row cannot be read, or its label is no class of the model.

    """
    labelled = table.has_labels
    sections = _sections(labelled=labelled)
    n_texts = n_right = 0
    for chunk in table.chunks():
        probabilities = model.predict_proba(chunk.texts)
        labels = label_codes(model.class_names, chunk, table)
        is_right = np.ones(len(chunk.texts), dtype=bool) if labels is None else probabilities.argmax(1) == labels
        for section in sections:
            section.add(chunk, probabilities.max(1), is_right, spare=_SHOWN)
        n_texts += len(chunk.texts)
        n_right += int(is_right.sum())
    shown = list(_explained(model, sections))
    return Gallery(n_texts, n_right if labelled else None, model.text_length, shown)


def _explained(model: TrainedModel, sections: list[_Best]) -> Iterator[Section]:
    shown: set[int] = set()
    chosen: list[tuple[str, list[Candidate]]] = []
    for section in sections:
        rows = [candidate for candidate in section.found if candidate[1] not in shown][:_SHOWN]
        shown |= {line for _, line, _, _ in rows}
        chosen.append((section.heading, rows))
    done = tracked(iter(range(len(shown))), "explaining", len(shown))
    for heading, rows in chosen:
        if rows:
            yield Section(heading, [_row(model, row) for row, _ in zip(rows, done, strict=False)])


def _row(model: TrainedModel, candidate: Candidate) -> ExplainedRow:
    _, line, text, label = candidate
    return ExplainedRow(line, label, model.explain(text))

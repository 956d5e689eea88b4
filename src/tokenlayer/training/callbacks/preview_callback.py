"""What is about to be trained, on what: shown before the first step."""

from __future__ import annotations

import pytorch_lightning as pl
from pytorch_lightning.utilities.model_summary.model_summary import ModelSummary
from rich.table import Table
from rich.text import Text

from tokenlayer.data.report import preview
from tokenlayer.data.types import SPLITS
from tokenlayer.escaping import harmless
from tokenlayer.training.callbacks.base import RunContext
from tokenlayer.training.callbacks.run_callback import RunCallback


class Preview(RunCallback):
    """First texts with their labels, class balance, alphabet, what the data report notes, and the model's layers."""

    def __init__(self, run: RunContext, texts: int) -> None:
        super().__init__(run)
        self.texts = texts

    def on_fit_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        print_line = self.run.console.print
        print_line(self._examples())
        print_line(self._balance())
        dataset = self.run.dataset
        print_line(Text(f"alphabet ({dataset.alphabet.size}): {harmless(dataset.alphabet.chars)}"))
        for choice in self.run.job.chosen:
            print_line(Text(harmless(f"chosen: {choice}")))
        for note in self._notes():
            print_line(Text(harmless(f"note: {note}")))
        print_line(layers_table(pl_module))

    def _examples(self) -> Table:
        table = Table(box=None, padding=(0, 1))
        table.add_column("label", no_wrap=True)
        table.add_column("text, as the model sees it")
        for example in preview(self.run.dataset, self.texts).examples:
            table.add_row(
                Text(harmless(example.label)), Text(harmless(example.text), no_wrap=True, overflow="ellipsis")
            )
        return table

    def _balance(self) -> Table:
        report = self.run.dataset.report
        table = Table(box=None, padding=(0, 1))
        for heading in ("split", "texts", *self.run.dataset.class_names):
            table.add_column(Text(harmless(heading)), justify="left" if heading == "split" else "right")
        for split in SPLITS:
            balance = report.class_balance[split]
            counts = (str(balance[name]) for name in self.run.dataset.class_names)
            table.add_row(split, str(report.texts[split]), *counts)
        return table

    def _notes(self) -> list[str]:
        report = self.run.dataset.report
        notes = list(report.notes)
        duplicates = {pair: n for pair, n in report.duplicates.items() if n}
        if duplicates:
            notes.append("texts in two splits: " + ", ".join(f"{pair} {n}" for pair, n in duplicates.items()))
        empty = {split: n for split, n in report.empty_texts.items() if n}
        if empty:
            notes.append("empty after cleaning: " + ", ".join(f"{split} {n}" for split, n in empty.items()))
        return notes


def layers_table(module: pl.LightningModule) -> Table:
    """Layers and sublayers of the model with their trainable numbers; metrics, which have none, are left out."""
    summary = ModelSummary(module, max_depth=2)
    table = Table(box=None, padding=(0, 1))
    for heading in ("layer", "type", "parameters"):
        table.add_column(heading, justify="right" if heading == "parameters" else "left")
    rows = zip(summary.layer_names, summary.layer_types, summary.param_nums, strict=True)
    for name, kind, parameters in rows:
        if name.split(".")[0] == "model":
            table.add_row(Text(harmless(name)), Text(kind), f"{parameters:,}")
    return table

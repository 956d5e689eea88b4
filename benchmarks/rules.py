"""`make benchmark-rules`: the cost of learning rules, beside the same training of a fixed vocabulary.

python -m benchmarks.rules [--source PATH] [--json FILE] [--threads N] [--steps N] [key=value …]
"""

from __future__ import annotations

import argparse
import datetime
import os
import platform
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Any

import torch
from rich.console import Console
from rich.table import Table
from torch import Tensor

from benchmarks.child import ROOT, Result, in_child
from benchmarks.machine import machine
from benchmarks.run import write
from benchmarks.setup import Bench
from benchmarks.source import generate, reviews_here
from benchmarks.stopwatch import Stopwatch
from tokenlayer.layer.vocabulary_layer import VocabularyLayer
from tokenlayer.models.output import ModelOutput
from tokenlayer.rules.base import Observation, TrainingProgress
from tokenlayer.rules.learning_rule import LearningRule
from tokenlayer.rules.schedule import EditingRuleConfig
from tokenlayer.training.build import build_rule

RULES = ("frozen", "random_regrow", "grow", "graft")
_WARM_UP = 5
_EDITS = 3
OBSERVE = "observe"


def main() -> None:
    wanted = arguments()
    console = Console()
    with tempfile.TemporaryDirectory() as folder:
        source = wanted.source or reviews_here()
        if source is None:
            source = Path(folder, "generated.csv")
            console.print("no reviews here: generating texts of their shape")
            generate(source)
        overrides = configured(source, Path(folder, "cache"), wanted.threads, wanted.overrides)
        results = {"source": source.name, **measured(overrides, wanted.steps, console)}
    console.print(table(results))
    path = wanted.json or ROOT / "benchmarks" / "results" / f"rules-{datetime.date.today()}-{platform.node()}.json"
    write(path, results)
    console.print(f"all numbers: {os.path.relpath(path)}", highlight=False)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.rules", description="The cost of learning rules.")
    parser.add_argument("--source", type=Path, help="reviews: CSV, archive or folder (default: in the data folder)")
    parser.add_argument("--json", type=Path, help="where to write all numbers (default: benchmarks/results/)")
    parser.add_argument("--threads", type=int, help="CPU threads of torch (default: torch decides)")
    parser.add_argument("--steps", type=int, default=100, help="steps that are timed (default: %(default)s)")
    parser.add_argument("overrides", nargs="*", help="settings of the training, such as model.vocab_size=2000")
    return parser.parse_args()


def configured(source: Path, cache: Path, threads: int | None, more: Sequence[str]) -> list[str]:
    """The recommended experiment on the CPU, with a cache of its own."""
    return [
        "experiment=learned_imdb",
        f'dataset.source="{source.absolute()}"',
        f"dataset.cache_dir={cache}",
        "trainer.accelerator=cpu",
        f"trainer.threads={'null' if threads is None else threads}",
        *more,
    ]


def measured(overrides: Sequence[str], n_steps: int, console: Console) -> dict[str, Any]:
    """Measure every rule in a process of its own, after the texts are encoded."""
    results: dict[str, Any] = {"machine": machine(), "overrides": list(overrides)}
    in_child("benchmarks.data:prepare_texts", overrides=list(overrides))
    for rule in RULES:
        console.print(f"measuring: {rule}", style="dim")
        chosen = [*overrides, f"learning_rule={rule}"]
        results[rule] = in_child("benchmarks.rules:measure", overrides=chosen, n_steps=n_steps)
    return results


def measure(overrides: Sequence[str], n_steps: int) -> Result:
    """Time a step with a rule, taken apart by hand.

    Returns:
        `build_s`: seconds to make the rule for the first time; `parts_ms`: medians; `edit_s`: seconds of some edits;
        `batches` and `edits`: their numbers in an epoch, for edits the mean over the training; `threads`.

    """
    bench = Bench(overrides)
    begin = time.perf_counter()
    rule = build_rule(bench.config, bench.dataset)
    build_s = time.perf_counter() - begin
    batches, per_epoch = bench.batches(), len(bench.data().train_dataloader())
    epochs = bench.config.trainer.max_epochs
    assert epochs is not None
    n_total = per_epoch * epochs
    warm, watch = Stopwatch(), Stopwatch()
    for step in range(_WARM_UP + n_steps):
        progress = TrainingProgress(step, n_total, per_epoch)
        _step(bench, rule, next(batches), progress, warm if step < _WARM_UP else watch)
    due: list[TrainingProgress] = []
    if isinstance(config := bench.config.learning_rule, EditingRuleConfig):
        steps = (TrainingProgress(step, n_total, per_epoch) for step in range(n_total))
        due = [progress for progress in steps if config.is_due(progress)]
    edit_s = []
    for progress in due[:_EDITS]:
        # A step first, for rules that count since their last edit.
        _step(bench, rule, next(batches), progress, warm)
        begin = time.perf_counter()
        _edit(bench, rule, progress)
        edit_s.append(time.perf_counter() - begin)
    return {
        "build_s": build_s,
        "parts_ms": watch.medians_ms(),
        "edit_s": edit_s,
        "batches": per_epoch,
        "edits": len(due) / epochs,
        "threads": torch.get_num_threads(),
    }


def _step(bench: Bench, rule: LearningRule, batch: Any, progress: TrainingProgress, watch: Stopwatch) -> None:
    model = bench.model
    weight = model.embedding.weight
    gradient: list[Tensor] = []
    watch.start()
    output: ModelOutput = model(batch.codes)
    output.embedded.register_hook(gradient.append)  # type: ignore[no-untyped-call]  # torch leaves it untyped
    loss = model.loss(output, batch.labels)
    assert bench.config.model.embedding_l2 is not None
    loss = loss + bench.config.model.embedding_l2 * model.embedding_l2(output.tokens)
    watch.lap("forward")
    bench.optimizer.zero_grad()
    loss.backward()  # type: ignore[no-untyped-call]  # torch leaves it untyped
    watch.lap("backward")
    assert weight.grad is not None
    rule.observe(
        Observation(
            progress=progress,
            tokens=output.tokens,
            rows=batch.rows,
            gradient=gradient[0],
            binary_features=model.head.binary_features,
            embedding=weight.detach(),
            embedding_gradient=weight.grad,
        )
    )
    watch.lap(OBSERVE)
    bench.optimizer.step()
    watch.lap("optimizer")


@torch.no_grad()
def _edit(bench: Bench, rule: LearningRule, progress: TrainingProgress) -> None:
    layer, weight = bench.model.tokenization, bench.model.embedding.weight
    assert isinstance(layer, VocabularyLayer)
    edit = rule.edit(progress, layer.vocabulary(), weight.detach(), bench.model.head.readout())
    if edit is not None:
        layer.replace(edit.token_ids, edit.codes)
        weight[edit.token_ids] = edit.embedding


def rest_ms(of_rule: Result) -> float:
    """The step without its rule's observation, in ms."""
    return float(sum(ms for part, ms in of_rule["parts_ms"].items() if part != OBSERVE))


def epoch_s(of_rule: Result) -> float:
    """Seconds of an epoch: its steps and its share of the edits, without recording and validation."""
    step = sum(of_rule["parts_ms"].values())
    edits = of_rule["edits"] * median(of_rule["edit_s"]) if of_rule["edit_s"] else 0.0
    return float(of_rule["batches"] * step / 1000 + edits)


def table(results: dict[str, Any]) -> Table:
    """A row for each rule."""
    found = results["machine"]
    caption = (
        f"{results['source']}; {found['hardware']['cpu']}, load before {found['load_average']:.1f}; medians. "
        "The n-gram pass is meant to take no longer than the rest of the step."
    )
    shown = Table(title="Learning rules", title_justify="left", caption=caption, caption_justify="left")
    for heading in ("rule", "made, s", "step, ms", "pass, ms", "÷ rest", "edit, s", "edits", "epoch, s", "MB"):
        shown.add_column(heading, justify="left" if heading == "rule" else "right")
    for rule in RULES:
        own = results[rule]
        observed, rest = own["parts_ms"][OBSERVE], rest_ms(own)
        shown.add_row(
            rule,
            f"{own['build_s']:.1f}",
            f"{observed + rest:.1f}",
            f"{observed:.1f}",
            f"{observed / rest:.2f}",
            f"{median(own['edit_s']):.2f}" if own["edit_s"] else "–",
            f"{own['edits']:.1f}",
            f"{epoch_s(own):.0f}",
            f"{own['peak_mb']:.0f}",
        )
    return shown


if __name__ == "__main__":
    main()

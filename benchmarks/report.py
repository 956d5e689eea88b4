"""Shows the measurements as tables."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks.parts import LOOP, RECORDED

PATTERNS_EVERY = 10


@dataclass(frozen=True)
class Figure:
    """A line of the table."""

    name: str
    value: float
    unit: str
    at_most: float | None = None
    """The target, if there is one."""
    note: str = ""
    certain: bool = True
    """False if the measurements behind it vary by more than it."""

    @property
    def verdict(self) -> str:
        if self.at_most is None:
            return ""
        if not self.certain:
            return "[yellow]?[/yellow]"
        return "[green]✓[/green]" if self.value <= self.at_most else "[red]✗[/red]"


def show(console: Console, results: dict[str, Any]) -> None:
    """Print all tables."""
    table = Table(
        title="The original's configuration", title_justify="left", caption=_machine(results), caption_justify="left"
    )
    for heading, justify in (("", "left"), ("measured", "right"), ("target", "right"), ("", "left"), ("", "left")):
        table.add_column(heading, justify=justify)  # type: ignore[arg-type]  # a tuple loses the literal
    for figure in figures(results):
        target = "" if figure.at_most is None else f"≤ {figure.at_most:g}"
        table.add_row(figure.name, f"{figure.value:,.4g} {figure.unit}", target, figure.verdict, figure.note)
    console.print(table)
    console.print(parts_table(results))
    error = results.get("original", {}).get("error")
    if error:
        console.print(f"the original was not measured: {error}", style="yellow", highlight=False)


def figures(results: dict[str, Any]) -> Iterator[Figure]:
    """The headline numbers, with the targets where there are any."""
    step, bare = results["step"], results["loop_only"]
    mean = step["mean_ms"]
    each = " and ".join(f"{x:.1f}" for x in step["mean_ms_of_each"])
    yield Figure("step, everything included: mean", mean, "ms", 25, f"runs in turns with the next: {each}")
    yield Figure("  median", step["median_ms"], "ms")
    yield Figure("  95th percentile", step["p95_ms"], "ms")
    each = " and ".join(f"{x:.1f}" for x in bare["mean_ms_of_each"])
    yield Figure("step, nothing recorded: mean", bare["mean_ms"], "ms", None, each)
    more = mean - bare["mean_ms"]
    certain = more > max(_spread(step), _spread(bare))
    note = "of the step: the difference of the two" + ("" if certain else "; their own runs differ by more")
    yield Figure("callbacks, statistics, writers", 100 * more / mean, "%", 20, note, certain)
    dense = results["dense"]["median_ms"]
    yield Figure("dense route in PyTorch, nothing recorded", dense, "ms", None, _times(dense, bare["mean_ms"]))
    original = results.get("original", {})
    if "loop_ms" in original:
        for name, what, ours in (("loop", "its loop, with its logs", mean), ("fit", "compiled fit", bare["mean_ms"])):
            slow, ready = original[f"{name}_ms"], original[f"{name}_ready_ms"]
            yield Figure(f"original: {what}", slow, "ms", None, f"{_times(slow, ours)}, its data pipeline included")
            yield Figure("  on batches that are ready", ready, "ms", None, _times(ready, ours))
        if original["loop_peak_mb"]:
            yield Figure("original: peak memory of its loop", original["loop_peak_mb"], "MB", None, "few batches")
    yield from _figures_of_data(results)


def _figures_of_data(results: dict[str, Any]) -> Iterator[Figure]:
    first, cached, drawn = results["data_first"], results["data_cached"], results["initializer"]
    size = f"{first['texts']:,} texts, {first['characters'] / 1e6:.1f} million characters"
    yield Figure("cleaning and encoding, first time", first["seconds"], "s", 15, size)
    yield Figure("  from the cache", cached["seconds"], "s", 0.5)
    yield Figure("initial patterns from all texts", drawn["seconds"], "s", 10, f"(C, K, N) = {tuple(drawn['shape'])}")
    yield Figure("  peak memory", drawn["peak_mb"], "MB", 1000, "of the process, torch and texts included")
    yield Figure("training: peak memory", results["step"]["peak_mb"], "MB", 1500, "texts from the cache")
    yield Figure("cleaning and encoding: peak memory", first["peak_mb"], "MB", 1500, "a first run's, before it trains")
    evaluation = results["evaluation"]
    yield Figure("evaluation", evaluation["texts_per_second"], "texts/s", None, f"{evaluation['texts']:,} texts")


def _spread(summary: dict[str, Any]) -> float:
    return float(max(summary["mean_ms_of_each"]) - min(summary["mean_ms_of_each"]))


def _times(slow: float, ours: float) -> str:
    return f"{slow / ours:,.0f} × ours"


def parts_table(results: dict[str, Any]) -> Table:
    """The time of each part; the two remainders are differences to the measured steps."""
    step, bare = results["step"]["mean_ms"], results["loop_only"]["mean_ms"]
    measured = dict(results["parts"]["parts_ms"])
    measured["pattern rows"] /= PATTERNS_EVERY
    loop, recorded = sum(measured[name] for name in LOOP), sum(measured[name] for name in RECORDED)
    inside = results["parts"]["inside_ms"]
    caption = f"medians, taken apart by hand; {results['parts']['matches']:.0f} matches in a batch"
    table = Table(title="Where the time goes", title_justify="left", caption=caption, caption_justify="left")
    for heading in ("part", "ms", "% of the step"):
        table.add_column(heading, justify="left" if heading == "part" else "right")

    def row(name: str, ms: float, style: str | None = None) -> None:
        table.add_row(name, f"{ms:.2f}", f"{100 * ms / step:.1f}", style=style)

    for name in LOOP:
        row(name, measured[name])
        for part, ms in inside.items():
            if part.startswith(f"{name}: "):
                row(f"  of it {part.removeprefix(f'{name}: ')}", ms, "dim")
    row("Lightning and the rest of the loop", bare - loop)
    row("nothing recorded", bare, "bold")
    for name in RECORDED:
        row(f"{name}, a tenth" if name == "pattern rows" else name, measured[name])
    row("recorder, metrics, commits, the rest", step - bare - recorded)
    row("everything", step, "bold")
    live = "live view in a terminal"
    row(f"not in it: {live}, a tenth", inside[live], "dim")
    return table


def _machine(results: dict[str, Any]) -> str:
    machine = results["machine"]
    hardware, git = machine["hardware"], machine["git"]
    commit = (git["commit"] or "no git")[:10] + (", changed" if git["dirty"] else "")
    versions = "  ".join(f"{name} {version}" for name, version in machine["packages"].items())
    busy = f"load before {machine['load_average']:.1f}"
    return (
        f"{results['source']}; {hardware['cpu']}, {hardware['usable_threads'] or hardware['threads']} CPUs, "
        f"{results['parts']['threads']} torch threads, {busy}\n"
        f"Python {machine['python']['version']}  {versions}; commit {commit}"
    )

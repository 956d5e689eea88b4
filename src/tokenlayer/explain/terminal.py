"""An explanation in the terminal: colours where there are some, else marks below the lines."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.cells import cell_len
from rich.color import Color
from rich.console import Console
from rich.padding import Padding
from rich.style import Style
from rich.table import Table
from rich.text import Text

from tokenlayer.explain.explanation import Explanation, Token
from tokenlayer.explain.palette import CLEAR, background, foreground, hue, strength
from tokenlayer.explain.spans import Span, largest, spans

_INDENT = "  "
_CLASSES = 5  # most probable ones that are shown
_TOKENS = 15  # top ones that are shown
_NOTHING, _MINUS, _PLUS = "·", "-", "+"  # marks of no effect to speak of, one below 0, one above
_STEPS = (0.1, 0.4, 0.7, 1.0)  # of the legend


def show(explanation: Explanation, console: Console) -> None:
    """Print prediction, text, legend and tokens. Nothing of the text, the classes or the tokens is interpreted."""
    parts = spans(explanation)
    top = largest(parts, explanation.tokens)
    coloured = console.is_terminal and not console.no_color and console.color_system is not None
    console.print(_prediction(explanation))
    for note in explanation.seen.notes:
        console.print(Text(note, style="dim"))
    console.print()
    if parts:
        whole = _painted(parts, top, console) if coloured else _marked(parts, top, console.width - len(_INDENT))
        console.print(whole)
        console.print()
    if not explanation.tokens:
        console.print("No token of the model matches: it decides without any.")
        return
    console.print(_legend(explanation, top, console) if coloured else _key(explanation))
    console.print()
    console.print(_table(explanation.tokens[:_TOKENS], top, console if coloured else None))
    if len(explanation.tokens) > _TOKENS:
        console.print(f"{_INDENT}… and {len(explanation.tokens) - _TOKENS} more, of smaller effect", highlight=False)
    rule = Text(f"effect: on {explanation.scale}, of all matches of the token together", style="dim")
    console.print(Padding(rule, (0, 0, 0, len(_INDENT)), expand=False))


def _prediction(explanation: Explanation) -> Text:
    ranked = explanation.ranked
    line = Text()
    for index, (name, probability) in enumerate(ranked[:_CLASSES]):
        line.append(f"{name} {probability:.4f}", style="bold" if index == 0 else "")
        line.append("  ")
    if len(ranked) > _CLASSES:
        line.append(f"and {len(ranked) - _CLASSES} classes more")
    line.rstrip()
    return line


def _painted(parts: Sequence[Span], top: float, console: Console) -> Padding:
    text = Text()
    for part in parts:
        text.append(part.text, style=_style(strength(part.effect, top), console))
    return Padding(text, (0, len(_INDENT)))


def _style(share: float, console: Console) -> Style:
    """The style of an effect, readable whatever the terminal's own colours are."""
    if not share:
        return Style.null()
    if console.color_system in ("standard", "windows"):  # 16 colours, none of which is in between
        return Style(color="bright_white" if share > 0 else "black", bgcolor="blue" if share > 0 else "yellow")
    if abs(share) < CLEAR:
        return Style(color=Color.from_rgb(*hue(share).letters))
    behind = background(share)
    return Style(color=Color.from_rgb(*foreground(behind)), bgcolor=Color.from_rgb(*behind))


def _legend(explanation: Explanation, top: float, console: Console) -> Text:
    below, above = explanation.poles
    line = Text(_INDENT)
    line.append(f"{below} -{top:.4f} ")
    for share in (*(-step for step in reversed(_STEPS)), 0.0, *_STEPS):
        line.append("ab" if share else "  ", style=_style(share, console))
    line.append(f" +{top:.4f} {above}")
    return line


def _key(explanation: Explanation) -> Text:
    below, above = explanation.poles
    return Text(f"{_INDENT}{_MINUS} {below}   {_PLUS} {above}   {_NOTHING} a token of hardly any effect")


def _marked(parts: Sequence[Span], top: float, width: int) -> Text:
    """Lines of the text, each with a line of marks below the characters that tokens match."""
    signs = [(sign, _mark(part, top)) for part in parts for sign in part.text]
    lines = []
    for line in _lines(signs, width):
        shown = "".join(sign for sign, _ in line)
        marks = "".join(mark * cell_len(sign) for sign, mark in line)
        lines += [f"{_INDENT}{below}".rstrip() for below in (shown, marks) if below.strip()]
    return Text("\n".join(lines), no_wrap=True, overflow="ignore")


def _mark(part: Span, top: float) -> str:
    if not part.tokens:
        return " "
    share = strength(part.effect, top)
    return _PLUS if share > 0 else _MINUS if share < 0 else _NOTHING


def _lines(signs: Sequence[tuple[str, str]], width: int) -> Iterator[list[tuple[str, str]]]:
    """Lines of at most `width` cells, broken behind a space where there is one."""
    begin = 0
    while begin < len(signs):
        end, cells, space = begin, 0, None
        while end < len(signs) and (cells := cells + cell_len(signs[end][0])) <= max(width, 2):
            end += 1
            if signs[end - 1][0] == " ":
                space = end
        if end < len(signs) and space is not None:
            end = space
        yield list(signs[begin:end])
        begin = end


def _table(tokens: Sequence[Token], top: float, console: Console | None) -> Padding:
    """The tokens; effects in the colours of a console that has some."""
    table = Table(box=None, padding=(0, 2, 0, 0))
    for heading in ("token", "matches", "effect", "towards"):
        table.add_column(heading, justify="left" if heading in ("token", "towards") else "right", no_wrap=True)
    for token in tokens:
        style = Style.null() if console is None else _style(strength(token.effect, top), console)
        # Text, not str: what is between brackets would be markup.
        effect = Text(f"{token.effect:+.4f}", style=style)
        table.add_row(Text(token.quoted), str(token.matches), effect, Text(token.towards))
    return Padding(table, (0, 0, 0, len(_INDENT)), expand=False)

"""Text that nothing acts on: no terminal and no browser, no spreadsheet, and not LaTeX."""

import re

_CONTROL_PICTURES = 0x2400  # U+2400 is the picture of U+0000, and so on
_DELETE = 0x7F
# What a spreadsheet takes for the beginning of a formula, and what it may: a number, with its interval or without.
_FORMULA = re.compile(r"'*[=+\-@\t\r\n]")
_NUMBER = re.compile(r"[+-]?[0-9.]+(?:e[+-]?[0-9]+)?(?: ± [0-9.]+)?|-?inf", re.IGNORECASE)
_LATEX = {character: f"\\{character}" for character in "&%$#_{}"} | {
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "\\": r"\textbackslash{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    '"': r"\textquotedbl{}",
    "±": r"$\pm$",
    "–": "--",
    "␣": r"\textvisiblespace{}",
}


def harmless(text: str) -> str:
    """The text with each character that is not printed as itself replaced by what names it.

    Control characters (line breaks, the escape that begins a terminal's commands) become their pictures: `␊`, `␛`;
    what has none, such as the marks that turn the direction of writing, invisible spaces, and lone surrogates, becomes
    its code point: `‹U+202E›`.
    """
    return text if text.isprintable() else "".join(map(_sign, text))


def harmless_lines(text: str) -> str:
    """The same line by line: a message may have several, a name may not."""
    return "\n".join(map(harmless, text.split("\n")))


def csv_cell(text: str) -> str:
    """Text that a spreadsheet shows and does not compute: `'=1+1` for `=1+1`. Numbers with their signs stay.

    An apostrophe that stands before such text already gets one more, so that every text can be read back.
    """
    return f"'{text}" if _FORMULA.match(text) and not _NUMBER.fullmatch(text) else text


def from_csv_cell(cell: str) -> str:
    """The text behind a cell."""
    return cell[1:] if cell.startswith("'") and _FORMULA.match(cell) else cell


def markdown_text(text: str) -> str:
    """The text for Markdown, in which it is no markup, no link and no HTML."""
    return re.sub(r"([\\`*\[])", r"\\\1", harmless(text).replace("&", "&amp;").replace("<", "&lt;"))


def latex(text: str) -> str:
    """The text for LaTeX, which shows it and executes nothing of it."""
    return "".join(_LATEX.get(character, character) for character in harmless(text))


def _sign(character: str) -> str:
    if character.isprintable():
        return character
    point = ord(character)
    if point < ord(" "):
        return chr(_CONTROL_PICTURES + point)
    return "␡" if point == _DELETE else f"‹U+{point:04X}›"

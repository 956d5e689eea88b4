"""Characters that a terminal or a browser would act on instead of showing them, as signs."""

_CONTROL_PICTURES = 0x2400  # U+2400 is the picture of U+0000, and so on
_DELETE = 0x7F


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


def _sign(character: str) -> str:
    if character.isprintable():
        return character
    point = ord(character)
    if point < ord(" "):
        return chr(_CONTROL_PICTURES + point)
    return "␡" if point == _DELETE else f"‹U+{point:04X}›"

"""A diverging scale, from orange (below 0) to blue (above 0), which eyes without red or green tell apart, too."""

from __future__ import annotations

from dataclasses import dataclass

RGB = tuple[int, int, int]

FAINT = 0.02
"""The share of the strongest effect below which a character stays without colour."""
CLEAR = 0.25
"""The share from which a terminal colours the background. Below it the letters are coloured: on a black and on a white
terminal alike, a background would outshine those of stronger effects on one of the two."""


@dataclass(frozen=True)
class Hue:
    """Colours of one sign."""

    letters: RGB
    """As easy to read on black as on white."""
    clear: RGB
    """The background of an effect that is just clear."""
    strong: RGB
    """The background of the strongest."""


BELOW = Hue(letters=(196, 82, 22), clear=(222, 146, 102), strong=(190, 66, 12))
ABOVE = Hue(letters=(34, 116, 214), clear=(112, 160, 222), strong=(12, 82, 190))
_BLACK: RGB = (0, 0, 0)
_WHITE: RGB = (255, 255, 255)


def strength(effect: float, largest: float) -> float:
    """-1 to 1: the effect as a share of the largest one; 0 where it is too faint to be coloured."""
    share = effect / largest if largest else 0.0
    return share if abs(share) >= FAINT else 0.0


def hue(share: float) -> Hue:
    """The hue for the sign of a `strength`."""
    return ABOVE if share > 0 else BELOW


def background(share: float) -> RGB:
    """The colour behind a character, for a `strength` of `CLEAR` and more."""
    clear, strong = hue(share).clear, hue(share).strong
    way = (abs(share) - CLEAR) / (1 - CLEAR)
    red, green, blue = (round(weak + way * (full - weak)) for weak, full in zip(clear, strong, strict=True))
    return red, green, blue


def foreground(behind: RGB) -> RGB:
    """Black or white, whichever is easier to read on that background: the contrast is at least 4.5 on any."""
    return max((_BLACK, _WHITE), key=lambda colour: contrast(colour, behind))


def contrast(one: RGB, other: RGB) -> float:
    """The contrast ratio of WCAG 2.1, from 1 to 21."""
    darker, lighter = sorted((_luminance(one), _luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


def _luminance(colour: RGB) -> float:
    red, green, blue = (
        value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4
        for value in (channel / 255 for channel in colour)
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue

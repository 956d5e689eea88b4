import io
import re
from itertools import pairwise

import pytest
from rich.cells import cell_len
from rich.console import Console
from small_models import explained

from tokenlayer.explain.palette import background, foreground
from tokenlayer.explain.terminal import show
from tokenlayer.text.alphabet import Alphabet

WEIGHTS = {"good": 2.0, "bad": -1.0, "goo": -0.5, "b█d": 0.01, "film": 0.005}


def shown(explanation, width=60, **console):
    screen = io.StringIO()
    show(explanation, Console(file=screen, width=width, **console))
    return re.sub(" +$", "", screen.getvalue(), flags=re.MULTILINE)


def test_without_a_terminal():
    text = "a good film and not a bad film at all it is good and that is all that there is"
    assert shown(explained(WEIGHTS, text)) == (
        "good 0.6260  bad 0.3740\n"
        "cut: the model sees the first 60 of 78 characters\n"
        "\n"
        "  a good film and not a bad film at all it is good and that\n"
        "    ++++ ····           --- ····              ++++\n"
        "  is\n"
        "\n"
        "  - bad   + good   · a token of hardly any effect\n"
        "\n"
        "  token   matches   effect  towards\n"
        '  "good"        2  +2.0000  good\n'
        '  "bad"         1  -1.0000  bad\n'
        '  "goo"         2  -0.5000  bad\n'
        '  "b█d"         1  +0.0100  good\n'
        '  "film"        2  +0.0050  good\n'
        "  effect: on the logit of good, of all matches of the token\n"
        "  together\n"
    )


COLOURED = {"force_terminal": True, "color_system": "truecolor", "no_color": False}


def test_in_colours():
    line = next(
        line for line in shown(explained(WEIGHTS, "good and bad film"), **COLOURED).splitlines() if "and" in line
    )
    painted = re.findall(r"\x1b\[([\d;]+)m(\w+)\x1b\[0m", line)
    assert painted == [
        (style(1.5 / 2), "goo"),  # "good" and "goo"
        (style(1), "d"),
        (style(-0.99 / 2), "b"),  # "bad" and the letters of "b█d"
        (style(-0.5), "a"),
        (style(-0.99 / 2), "d"),
    ]
    assert re.sub(r"\x1b\[[\d;]+m", "", line) == "  good and bad film"


def style(share):
    behind = background(share)
    return "38;2;{};{};{};48;2;{};{};{}".format(*foreground(behind), *behind)


def test_weak_effects_colour_the_letters_alone():
    out = shown(explained({"good": 2.0, "film": 0.3}, "good film"), **COLOURED)
    assert "\x1b[38;2;34;116;214mfilm\x1b[0m" in out


@pytest.mark.parametrize("system", ["standard", "256"])
def test_in_few_colours(system):
    out = shown(explained(WEIGHTS, "good and bad"), **{**COLOURED, "color_system": system})
    backgrounds = {code for code in re.findall(r"\x1b\[([\d;]+)m", out) if re.search(r"4[0-8]|10[0-7]", code)}
    assert len(backgrounds) >= 2
    if system == "standard":
        assert backgrounds == {"97;44", "30;43"}


@pytest.mark.parametrize("console", [{"force_terminal": True, "no_color": True}, {"force_terminal": False}])
def test_no_colours_means_marks(console):
    out = shown(explained(WEIGHTS, "good and bad"), **console)
    assert not re.search(r"\x1b\[[\d;]*(3|4|9|10)\d", out)
    assert "++++     ---" in out


def test_no_color_of_the_environment(monkeypatch):
    monkeypatch.setenv("NO_COLOR", "1")
    out = shown(explained(WEIGHTS, "good and bad"), force_terminal=True, color_system="truecolor")
    assert "48;2" not in out
    assert "++++     ---" in out


@pytest.mark.parametrize("console", [{}, COLOURED])
def test_nothing_is_interpreted(console):
    nasty = "[bold red]x[/] \x1b[2J\x1b]0;title\x07 :smile: \u202egnp\n\r<b>&amp;[link=http://e.org]e"
    alphabet = Alphabet("".join(dict.fromkeys(nasty)))
    names = ["[red]bad[/red]\x1b[31m", "\u202egood\n<i>"]
    token = "[bold red]x[/]"
    found = explained({token: 1.0, "\x1b[2J": -1.0}, nasty, names, alphabet, text_length=100)
    out = shown(found, width=160, **console)
    plain = re.sub(r"\x1b\[[\d;]*m", "", out)  # the colours are ours
    assert "\x1b[31m" not in out
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f\u202e]", plain)
    assert "[bold red]x[/] ␛[2J␛]0;title␇ :smile: ‹U+202E›gnp␊␍<b>&amp;[link=http://e.org]e" in plain
    assert "[red]bad[/red]␛[31m" in plain
    assert "‹U+202E›good␊<i>" in plain
    assert f'"{token}"' in plain


def test_text_without_a_match_and_empty_text():
    assert shown(explained({"xyz": 1.0}, "nothing here")) == (
        "bad 0.5000  good 0.5000\n\n  nothing here\n\nNo token of the model matches: it decides without any.\n"
    )
    assert shown(explained({"xyz": 1.0}, "")) == (
        "bad 0.5000  good 0.5000\nnothing is left: the model sees an empty text\n\n"
        "No token of the model matches: it decides without any.\n"
    )


def test_tokens_of_blanks_alone_match_the_empty_text():
    out = shown(explained({"██": 1.0}, ""))
    assert "(blanks only)       60  +1.0000  good" in out


@pytest.mark.parametrize("width", [4, 9, 30])
def test_wide_characters_are_marked_below_themselves(width):
    alphabet = Alphabet(" 電影很好看a")
    out = shown(explained({"很好": 1.0}, "電影 很好看 a很好", alphabet=alphabet), width=width)
    marks = 0
    lines = out.split("\n\n")[1].splitlines()
    for above, below in pairwise(lines):
        if set(below) <= {" ", "+"} and "+" in below:
            cells = "".join(sign * cell_len(sign) for sign in above)
            marks += below.count("+")
            assert {cells[i] for i, mark in enumerate(below) if mark == "+"} <= set("很好")
    assert marks == 8


def test_many_tokens_and_many_classes():
    letters = "abcdefghijklmnopqrst"
    weights = {letter: [float(i)] + [0.0] * 8 for i, letter in enumerate(letters)}
    out = shown(explained(weights, letters, [f"c{i}" for i in range(9)]), width=80)
    assert "and 4 classes more" in out
    assert "… and 5 more, of smaller effect" in out
    assert '"f"' in out
    assert '"e"' not in out
    assert "for c0" in out

"""The page of a token."""

from dataclasses import replace

from test_page import OUR_ATTRIBUTES, OUR_TAGS, Read

from tokenlayer.explain.token_page import Occurrence, TokenUse, token_page

NASTY = "</title><script>alert(1)</script>"
USE = TokenUse(
    token='" bad"',
    towards="neg",
    scale="the logit of pos",
    n_texts=200,
    n_holding=50,
    n_matches=70,
    n_decided=3,
    mean_effect=-1.25,
    by_class=[("neg", 40, 100), ("pos", 10, 100)],
    occurrences=[Occurrence(7, ("so", " bad", " it is"), -1.25, ("neg", "pos"), (0.6, 0.7), "pos")],
)


def test_what_it_says():
    html = token_page(USE, "run 1")
    for part in (
        "<bdi>&quot; bad&quot;</bdi></h1>",
        "50 of 200 (25.00%)",
        "-1.2500",
        '<td class="n">40</td><td class="n">100</td>',
        "width:40.00%",
        '<td class="n">7</td><td class="n down">-1.2500</td>',
        "<td><bdi>neg</bdi> 0.6000</td><td><bdi>pos</bdi> 0.7000</td>",
        '<td><bdi>pos</bdi></td><td><bdi>so<span class="below" style="--s:.8"> bad</span> it is</bdi></td>',
        "<th>label</th>",
        "by <bdi>run 1</bdi>",
    ):
        assert part in html
    assert Read(html).tags <= OUR_TAGS


def test_without_labels_and_without_an_occurrence():
    html = token_page(replace(USE, by_class=(), occurrences=[], n_holding=0, towards=""), "x")
    assert "label" not in html
    assert "By class" not in html
    assert "no class" in html


def test_nothing_in_it_is_markup_of_its_own():
    each = Occurrence(1, (NASTY, NASTY, NASTY), 0.0, (NASTY, NASTY), (0.5, 0.5), NASTY)
    read = Read(
        token_page(
            replace(USE, token=NASTY, towards=NASTY, scale=NASTY, by_class=[(NASTY, 0, 0)], occurrences=[each]), NASTY
        )
    )
    assert read.tags <= OUR_TAGS
    assert read.attributes <= OUR_ATTRIBUTES

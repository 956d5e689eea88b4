from html.parser import HTMLParser

from hypothesis import given, settings
from hypothesis import strategies as st
from small_models import explained

from tokenlayer.escaping import harmless
from tokenlayer.explain.page import page
from tokenlayer.text.alphabet import UNKNOWN, Alphabet

OUR_TAGS = {
    *("html", "head", "meta", "title", "style", "body", "h1", "h2", "p", "bdi", "ul", "li", "div", "span"),
    *("table", "thead", "tbody", "tr", "th", "td"),
}
OUR_ATTRIBUTES = {"lang", "charset", "http-equiv", "content", "name", "class", "style", "title", "dir", "scope"}


class Read(HTMLParser):
    """What a browser would make of a page."""

    def __init__(self, html):
        super().__init__()
        self.tags, self.attributes, self.titles = set(), set(), []
        self.text, self.heading = "", ""
        self._open = []
        self.feed(html)
        assert self._open == []

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}
        self.titles += [value for name, value in attrs if name == "title"]
        if tag != "meta":
            self._open.append((tag, dict(attrs).get("class")))

    def handle_endtag(self, tag):
        assert self._open.pop()[0] == tag

    def handle_data(self, data):
        if ("div", "text") in self._open:
            self.text += data
        if ("h1", None) in self._open:
            self.heading += data


def test_text_titles_and_table():
    html = page(explained({"good": 2.0, "goo": -0.5, "bad": -1.0, "██": 0.1}, "a good bad one"), "run 1")
    read = Read(html)
    assert read.text == "a good bad one"
    assert read.heading == "good"
    assert read.titles == [
        '"good" +2.0000\n"goo" -0.5000\ntogether +1.5000',
        '"good" +2.0000',
        '"bad" -1.0000',
    ]
    assert '<span class="above" style="--s:0.750"' in html
    assert '<span class="below" style="--s:0.500"' in html
    assert "(blanks only)" in html
    assert "run 1" in html
    assert "+2.0000 <bdi>good</bdi>" in html


def test_many_tokens_on_one_character():
    weights = {"a" + "█" * k + "b": 1.0 for k in range(1, 20)}
    (title, *_) = Read(page(explained(weights, "a" + "b" * 30), "x")).titles
    assert title.splitlines()[-2:] == ["and 7 more", "together +19.0000"]


def test_a_text_without_a_match_and_an_empty_one():
    assert Read(page(explained({"xyz": 1.0}, "nothing"), "x")).text == "nothing"
    read = Read(page(explained({"xyz": 1.0}, ""), "x"))
    assert (read.text, read.titles) == ("", [])


nasty = st.one_of(
    st.text(max_size=30),
    st.sampled_from(
        [
            "<script>alert(1)</script>",
            "\"'><img src=x onerror=alert(1)>",
            "</title></style></div><svg onload=alert(1)>",
            "$predicted ${text} $$",
            "&lt;b&gt; &#60;i&#62; &amp",
            "\u202eevil\u2066\x00\x1b[31m\ud800",
        ]
    ),
)


@settings(max_examples=60, deadline=None)
@given(nasty, nasty, nasty, nasty)
def test_nothing_of_text_tokens_or_classes_becomes_markup(text, no, yes, source):
    alphabet = Alphabet("".join(dict.fromkeys(text)) + UNKNOWN)
    tokens = {token: weight for token, weight in ((text[:6], 1.0), (text[2:4], -0.5)) if token}
    html = page(explained(tokens or {"██": 1.0}, text, (no, yes), alphabet), harmless(source))
    read = Read(html)
    assert read.tags <= OUR_TAGS
    assert read.attributes <= OUR_ATTRIBUTES
    assert read.text == "".join(harmless(sign) for sign in text)
    assert read.heading in (harmless(no), harmless(yes))
    html.encode()  # no lone surrogate is left


def test_its_policy_comes_first_and_allows_its_own_style_alone():
    html = page(explained({"good": 2.0}, "good", ('<base href="http://e.org">', "<script>x</script>")), "x")
    head = html.partition("<head>")[2]
    policy = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
    assert head.partition("<title>")[0].split('content="')[1].partition('"')[0] == policy
    assert html.count("Content-Security-Policy") == 1
    assert Read(html).tags <= OUR_TAGS


def test_it_loads_nothing():
    html = page(explained({"good": 2.0}, "good"), "x")
    for loading in ("src=", "href=", "url(", "@import", "<script", "<link"):
        assert loading not in html

import unicodedata

from hypothesis import given
from hypothesis import strategies as st

from tokenlayer.escaping import harmless, harmless_lines

ACTED_ON = ("Cc", "Cf", "Cs", "Zl", "Zp")


@given(st.text(st.characters()))
def test_nothing_is_left_that_a_terminal_acts_on(text: str) -> None:
    for shown in (harmless(text), *harmless_lines(text).split("\n")):
        assert {unicodedata.category(sign) for sign in shown}.isdisjoint(ACTED_ON)
        shown.encode("utf-8")
    assert harmless(harmless(text)) == harmless(text)
    assert harmless_lines(text).count("\n") == text.count("\n")


@given(st.text(st.characters(categories=("L", "M", "N", "P", "S"), codec="utf-8")))
def test_what_is_written_stays(text: str) -> None:
    assert harmless(text) == text

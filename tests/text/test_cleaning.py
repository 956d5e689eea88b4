import re
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokenlayer.text.cleaning import CleaningConfig, clean

OFF = {"strip_br": False, "lower_case": False, "strip_punctuation": False}
TEXT = "Say:<br />Don't!"


@pytest.mark.parametrize(
    ("switch", "expected"),
    [
        ({}, "Say:<br />Don't!"),
        ({"strip_br": True}, "Say: Don't!"),
        ({"lower_case": True}, "say:<br />don't!"),
        ({"strip_punctuation": True}, "Saybr Dont"),
    ],
)
def test_each_step_is_a_switch(switch: dict[str, bool], expected: str) -> None:
    assert clean(TEXT, CleaningConfig(**(OFF | switch))) == expected


def test_all_steps_in_the_order_of_the_seed() -> None:
    assert clean(TEXT, CleaningConfig()) == "say dont"


@given(st.text(alphabet=st.sampled_from("Aä<br />İ字" + string.punctuation)))
def test_agrees_with_regular_expressions(text: str) -> None:
    expected = re.sub(f"[{re.escape(string.punctuation)}]", "", text.replace("<br />", " ").lower())
    assert clean(text, CleaningConfig()) == expected

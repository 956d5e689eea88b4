import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokenlayer.explanation.colours import FAINT, background, contrast, foreground, strength

shares = st.floats(FAINT, 1).flatmap(lambda share: st.sampled_from([share, -share]))


@given(shares)
def test_every_colour_can_be_read_and_seen(share):
    behind = background(share)
    assert contrast(foreground(behind), behind) >= 4.5
    # Apart from a white and from a black terminal alike.
    assert contrast(behind, (255, 255, 255)) > 1.6
    assert contrast(behind, (0, 0, 0)) > 2.5


@given(shares, shares)
def test_a_stronger_effect_is_darker_and_the_signs_differ(one, other):
    if one * other < 0:
        (red, _, blue), (red_other, _, blue_other) = background(one), background(other)
        assert (blue > red) == (one > 0) != (blue_other > red_other)
    elif abs(one) > abs(other):
        assert sum(background(one)) <= sum(background(other))


def test_contrast_of_black_on_white():
    assert contrast((0, 0, 0), (255, 255, 255)) == pytest.approx(21)
    assert contrast((119, 119, 119), (255, 255, 255)) == pytest.approx(4.48, abs=0.01)


def test_strength():
    assert strength(0.5, 2) == 0.25
    assert strength(-2, 2) == -1
    assert strength(0.01, 2) == 0
    assert strength(0, 0) == 0

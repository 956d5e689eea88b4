import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokenlayer.explain.palette import CLEAR, background, contrast, foreground, hue, strength

BLACK, WHITE = (0, 0, 0), (255, 255, 255)
shares = st.floats(CLEAR, 1).flatmap(lambda share: st.sampled_from([share, -share]))


@given(shares)
def test_every_background_can_be_read_and_seen(share):
    behind = background(share)
    assert contrast(foreground(behind), behind) >= 4.5
    assert contrast(behind, WHITE) > 2
    assert contrast(behind, BLACK) > 2.5


@pytest.mark.parametrize("share", [-0.1, 0.1])
def test_coloured_letters_can_be_read_on_black_and_on_white(share):
    assert min(contrast(hue(share).letters, BLACK), contrast(hue(share).letters, WHITE)) > 4.5


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

import pytest

from tokenlayer.selection.penalty import ridge_penalty, surgery_penalty


def test_fewer_texts_and_more_tokens_are_held_back_more():
    assert ridge_penalty(500, 35_000) == pytest.approx(0.0114, rel=1e-2)
    assert ridge_penalty(500, 350) == pytest.approx(10 * ridge_penalty(500, 35_000))
    assert ridge_penalty(2000, 35_000) == pytest.approx(4 * ridge_penalty(500, 35_000))
    assert ridge_penalty(50, 35_000) == ridge_penalty(500, 35_000), "no less than what so few need already"
    assert ridge_penalty(100_000, 10) == ridge_penalty(100_000, 1), "bounded"


def test_a_selection_among_few_texts_or_of_many_ngrams_is_held_back_more():
    assert surgery_penalty(0.1, 500, 35_000) == surgery_penalty(0.1, 50, 20_000) == 0.1
    assert surgery_penalty(0.1, 500, 200) == pytest.approx(10)
    assert surgery_penalty(0.1, 2000, 35_000) == pytest.approx(0.8)

"""The walk that finds n-grams, against looking at every place."""

import numpy as np
import pytest

from tokenlayer.text.ngrams.presence import NgramFinder

C, K = 4, 3


@pytest.mark.parametrize("once", [False, True])
@pytest.mark.parametrize("width", [2, 3, 30])
def test_every_place_or_every_ngram_of_a_text(once: bool, width: int) -> None:
    random = np.random.default_rng(0)
    codes = random.integers(0, C + 1, (6, width)).astype(np.uint8)
    ngrams = [np.array(ngram) for ngram in ([0], [1, 1], [1, 1, 1], [2, 3], [3, 0, 1], [1])]
    found, numbers = NgramFinder(ngrams, C, K).find(codes, once=once)
    assert numbers.sum() == len(found)
    for row, mine in zip(codes, np.split(found, np.cumsum(numbers)[:-1]), strict=True):
        places = [
            q
            for t in range(width - K + 1)
            for q, ngram in enumerate(ngrams)
            if row[t : t + len(ngram)].tolist() == ngram.tolist()
        ]
        assert sorted(mine.tolist()) == (sorted(set(places)) if once else sorted(places))

import torch
from hypothesis import given
from hypothesis import strategies as st

from tokenlayer.models.heads.probes import probe_positions

NONE = 3


def codes(L, *ends):
    """Texts that end at some places; what is within may be outside of the alphabet."""
    out = torch.full((len(ends), L), NONE)
    for row, end in zip(out, ends, strict=True):
        row[:end] = 1
        row[: max(0, end - 1) : 2] = NONE
    return out


def expected(L, P, end, part):
    """The places that a part's probe may have, by the definition of a part."""
    end = max(end, 1)
    within = [t for t in range(end) if t * P // L == part]
    return within or list(range(end))


@given(L=st.integers(1, 40), P=st.integers(1, 9), share=st.floats(0, 1), seed=st.integers(0, 99))
def test_each_part_is_probed_at_one_of_its_places(L, P, share, seed):
    P, end = min(P, L), round(share * L)
    torch.manual_seed(seed)
    for drawn in (True, False):
        (found,) = probe_positions(codes(L, end), NONE, P, drawn=drawn).tolist()
        assert len(found) == P
        for part, position in enumerate(found):
            places = expected(L, P, end, part)
            assert position in places
            assert drawn or position == places[len(places) // 2]


def test_every_place_has_its_turn():
    torch.manual_seed(0)
    L, P, ends = 13, 4, (13, 6, 0)
    found = torch.stack([probe_positions(codes(L, *ends), NONE, P, drawn=True) for _ in range(300)])
    for text, end in enumerate(ends):
        for part in range(P):
            assert sorted(found[:, text, part].unique().tolist()) == expected(L, P, end, part)

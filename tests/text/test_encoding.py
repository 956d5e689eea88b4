from unittest import mock

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tokenlayer.text import alphabet as alphabet_module
from tokenlayer.text.alphabet import Alphabet
from tokenlayer.text.encoding import encode_texts


@given(
    texts=st.lists(st.text(alphabet="ab zé😀")),
    chars=st.sampled_from(["ab ", "a", "z<UNK>"]),
    keep_alphabet=st.booleans(),
    chars_at_once=st.sampled_from([1, 5, 1000]),
)
def test_agrees_with_one_text_at_a_time(texts: list[str], chars: str, keep_alphabet: bool, chars_at_once: int) -> None:
    alphabet = Alphabet(chars)
    with mock.patch.object(alphabet_module, "_CHARS_AT_ONCE", chars_at_once):
        codes, lengths = encode_texts(texts, alphabet, keep_alphabet=keep_alphabet)
    expected = [alphabet.encode(text) for text in texts]
    if keep_alphabet:
        expected = [row[row != alphabet.none_code] for row in expected]
    assert lengths.tolist() == [len(row) for row in expected]
    assert codes.tolist() == [code for row in expected for code in row]
    assert codes.dtype == np.uint8


def test_with_unknown_nothing_is_deleted() -> None:
    codes, lengths = encode_texts(["a!"], Alphabet("a<UNK>"), keep_alphabet=True)
    assert codes.tolist() == [0, 1]
    assert lengths.tolist() == [2]

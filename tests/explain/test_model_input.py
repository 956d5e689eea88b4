import torch
from small_models import AS_IT_IS, LATIN

from tokenlayer.data.prepare import prepare
from tokenlayer.data.sources.table import TableConfig
from tokenlayer.escaping import harmless
from tokenlayer.explain.model_input import model_input
from tokenlayer.text.alphabet import Alphabet
from tokenlayer.text.cleaning import CleaningConfig

DEFAULT = CleaningConfig()


def shown(text, alphabet=LATIN, cleaning=DEFAULT, text_length=40):
    return "".join(model_input(text, alphabet, cleaning, text_length).signs)


def notes(text, alphabet=LATIN, cleaning=DEFAULT, text_length=40):
    return list(model_input(text, alphabet, cleaning, text_length).notes)


def test_texts_are_encoded_as_those_of_a_dataset(tmp_path):
    texts = [
        "Good, GOOD film!<br />See it",
        "über-bad: 1/10 stars",
        "x" * 50,
        "tiny",
        *(f"text {i}" for i in range(16)),
    ]
    table = tmp_path / "reviews.tsv"
    lines = [f"{text}\t{i % 2}\ttest" for i, text in enumerate(texts[:4])]
    lines += [f"{text}\t{i % 2}\t{split}" for i, text in enumerate(texts[4:]) for split in ("train", "validation")]
    table.write_text("\n".join(["text\tlabel\tsplit", *lines]), encoding="utf-8")
    config = TableConfig(
        source=str(table), text_column="text", label_column="label", split_column="split", text_length=20
    )
    prepared = prepare(config)
    rows = {tuple(row) for row in prepared.splits["test"].codes.tolist()}
    mine = [model_input(text, prepared.alphabet, config.cleaning, 20).codes for text in texts[:4]]
    assert {tuple(row[0].tolist()) for row in mine} == rows
    assert len(rows) == 4


def test_each_change_is_noted():
    text = "Fine, <br />très FINE"
    assert shown(text) == "fine  trs fine"
    assert notes(text) == [
        "cleaned as in training: line breaks <br /> to spaces, to lower case, punctuation deleted",
        "outside the model's alphabet, dropped: 1 (“è”)",
    ]
    assert notes("fine") == []


def test_a_long_text_is_cut():
    assert shown("abcdef", text_length=4) == "abcd"
    assert notes("abcdef", text_length=4) == ["cut: the model sees the first 4 of 6 characters"]
    assert notes("abcd", text_length=4) == []


def test_nothing_is_left():
    assert shown("") == shown("☃ ☃".replace(" ", "")) == ""
    assert notes("") == ["nothing is left: the model sees an empty text"]
    assert notes("☃é") == [
        "outside the model's alphabet, dropped: 2 (“☃” “é”)",
        "nothing is left: the model sees an empty text",
    ]
    assert model_input("", LATIN, DEFAULT, 5).codes.tolist() == [[27] * 5]


def test_characters_outside_that_are_kept():
    unknown = Alphabet(" ab<UNK>")
    assert shown("a☃b é", unknown) == "a�b �"
    assert notes("a☃b", unknown) == ["outside the model's alphabet, shown to the model as one and the same, �: 1 (“☃”)"]
    kept = CleaningConfig(keep_alphabet=False)
    assert shown("a☃b", cleaning=kept) == "a·b"
    assert notes("a☃b", cleaning=kept) == ["outside the model's alphabet, no character to the model, ·: 1 (“☃”)"]


def test_many_different_characters_are_not_all_listed():
    note, _ = notes("".join(map(chr, range(0x430, 0x450))))
    assert note == "outside the model's alphabet, dropped: 32 (“а” “б” “в” “г” “д” “е” “ж” “з” “и” “й” …)"


def test_a_large_alphabet():
    alphabet = Alphabet("".join(map(chr, range(0x4E00, 0x4E00 + 400))))
    text = model_input("一丁丂", alphabet, DEFAULT, 4)
    assert text.codes.dtype == torch.int32
    assert text.codes.tolist() == [[0, 1, 2, 400]]


def test_control_characters_become_signs():
    nasty = "a\x1b[31m\n\u202eb\u200b\x7f\ud800"
    assert harmless(nasty) == "a␛[31m␊‹U+202E›b‹U+200B›␡‹U+D800›"
    assert harmless("śpace 字 नमस्ते") == "śpace 字 नमस्ते"
    alphabet = Alphabet("ab\x1b\n\u202e\u200b\ud800[]m31")
    assert shown(nasty, alphabet, AS_IT_IS) == "a␛[31m␊‹U+202E›b‹U+200B›‹U+D800›"
    assert harmless(notes(nasty)[1]) == notes(nasty)[1]

"""The folder of `tokenlayer export --to huggingface`, as transformers loads it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from saved_models import saved_model_of
from tokenizers import Tokenizer

from tokenlayer.errors import InputError
from tokenlayer.export import huggingface
from tokenlayer.export.huggingface import export
from tokenlayer.export.overlaps import SegmentedLayer, count_seen
from tokenlayer.export.tokenizer import layer_tokens, segmentation
from tokenlayer.inference.tables import TextTable
from tokenlayer.inference.trained_model import TrainedModel
from tokenlayer.layer.vocabulary import Vocabulary
from tokenlayer.layer.vocabulary_layer import VocabularyLayer
from tokenlayer.text.alphabet import Alphabet
from tokenlayer.text.cleaning import CleaningConfig, clean


@pytest.fixture(scope="module")
def model() -> TrainedModel:
    return TrainedModel(saved_model_of())


def greedy(text: str, tokens: set[str]) -> list[str]:
    found: list[str] = []
    while text:
        length = next((n for n in range(10, 1, -1) if len(text) >= n and text[:n] in tokens), 1)
        found.append(text[:length])
        text = text[length:]
    return found


def cleaned(text: str, model: TrainedModel) -> str:
    return "".join(char for char in clean(text, model.cleaning) if char in model.alphabet.symbols)


def texts_of(model: TrainedModel) -> list[str]:
    tokens = list(layer_tokens(model.network.tokenization, model.alphabet))
    return ["".join(tokens[i : i + 5]) for i in range(0, len(tokens), 3)] + ["", "A <br />b!", "[PAD] [UNK]</s>", "İÉ☃"]


def test_transformers_loads_it_saves_it_and_loads_it_again(model: TrainedModel, tmp_path: Path) -> None:
    transformers = pytest.importorskip("transformers")
    said = export(model, tmp_path / "tokens", None)
    assert f"written to {tmp_path / 'tokens'}: " in said
    tokens = set(layer_tokens(model.network.tokenization, model.alphabet))
    loaded = transformers.AutoTokenizer.from_pretrained(tmp_path / "tokens")
    loaded.save_pretrained(tmp_path / "again")
    again = transformers.AutoTokenizer.from_pretrained(tmp_path / "again")
    for text in texts_of(model):
        expected = greedy(cleaned(text, model), tokens)
        for tokenizer in (loaded, again):
            encoding = tokenizer(text, return_offsets_mapping=True)
            assert tokenizer.convert_ids_to_tokens(encoding["input_ids"]) == expected, text
            assert tokenizer.decode(encoding["input_ids"]) == "".join(expected)
            for piece, (begin, end) in zip(expected, encoding["offset_mapping"], strict=True):
                of_break = text[:begin].endswith("<br /")  # what has become a space is at its last character
                assert cleaned(" " * of_break + text[begin:end], model) == piece
    assert (loaded.pad_token_id, loaded.unk_token_id, loaded.mask_token) == (0, 1, "[MASK]")
    batch = loaded(["ab", "abcdefghij"], padding=True, return_tensors="pt")
    assert batch["input_ids"].shape == batch["attention_mask"].shape


def test_the_library_alone_reads_it_too(model: TrainedModel, tmp_path: Path) -> None:
    export(model, tmp_path / "tokens", None)
    tokenizer = Tokenizer.from_file(str(tmp_path / "tokens" / "tokenizer.json"))
    tokens = set(layer_tokens(model.network.tokenization, model.alphabet))
    for text in texts_of(model):
        assert tokenizer.encode(text).tokens == greedy(cleaned(text, model), tokens)


def test_the_share_that_a_segmentation_does_not_see() -> None:
    model = TrainedModel(saved_model_of("model.head.pooling=sum"))
    layer, alphabet = model.network.tokenization, model.alphabet
    tokens = list(layer_tokens(layer, alphabet))
    texts = [cleaned("".join(tokens[i : i + 4]), model)[: model.text_length] for i in range(len(tokens))]
    matches = sum(text.startswith(token, i) for text in texts for i in range(len(text)) for token in set(tokens))
    segments = [piece for text in texts for piece in greedy(text, set(tokens))]
    made = segmentation(layer, alphabet, model.cleaning)
    seen = count_seen(layer, made, alphabet, (codes.long() for _, codes in model.reader().batches(texts)))
    assert (seen.n_texts, seen.n_characters, seen.n_pieces) == (len(texts), sum(map(len, texts)), len(segments))
    assert (seen.n_matches, seen.n_segmented) == (matches, sum(piece in tokens for piece in segments))
    assert 0.1 < seen.unseen < 0.9


def test_the_card_says_what_it_costs(model: TrainedModel, tmp_path: Path) -> None:
    table = tmp_path / "texts.jsonl"
    table.write_text("".join(json.dumps({"text": text}) + "\n" for text in texts_of(model)))
    said = export(model, tmp_path / "given", TextTable(table, "text"))
    card = (tmp_path / "given" / "README.md").read_text()
    assert f"In the texts that were given ({len(texts_of(model)):,} texts" in card
    assert said.endswith(f" ({len(texts_of(model)):,}) are lost")
    share = said.partition(" of the ")[0].rpartition(" ")[2]
    assert f"**{share} of the matches are not seen**" in card
    export(model, tmp_path / "own", None)
    card = (tmp_path / "own" / "README.md").read_text()
    assert "In validation texts of its training (9 texts" in card
    assert card.startswith("---\nlibrary_name: transformers\n")


def test_the_card_says_why_nothing_was_measured(tmp_path: Path) -> None:
    saved = saved_model_of()
    saved.header["fingerprint"] = "of other texts"
    said = export(TrainedModel(saved), tmp_path / "tokens", None)
    assert "is not measured (the texts are not those of its training any more)" in said
    assert "the texts are not those of its training any more" in (tmp_path / "tokens" / "README.md").read_text()


def test_nothing_is_left_half_written(model: TrainedModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "there").mkdir()
    with pytest.raises(InputError, match="is there already"):
        export(model, tmp_path / "there", None)
    with pytest.raises(InputError, match="cannot be made"):
        export(model, tmp_path / "none" / "tokens", None)

    def full(*_: object) -> str:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(huggingface, "tokenizer_card", full)
    with pytest.raises(InputError, match="No space left"):
        export(model, tmp_path / "tokens", None)
    assert [path.name for path in tmp_path.iterdir()] == ["there"]


def test_tokens_of_whole_words_and_of_a_segmentation_are_refused(tmp_path: Path) -> None:
    for initializer in ("frequent_words", "bpe"):
        settings = [f"initializer={initializer}"] + ["initializer.segment=true"] * (initializer == "bpe")
        settings += ["model.vocab_size=4"] * (initializer == "frequent_words")
        model = TrainedModel(saved_model_of(*settings, without=("initializer.ngram_lengths",)))
        with pytest.raises(InputError, match="not every occurrence"):
            export(model, tmp_path / "tokens", None)
        assert not (tmp_path / "tokens").exists()


def test_a_character_outside_the_alphabet_is_unknown(tmp_path: Path) -> None:
    saved = saved_model_of("dataset.cleaning.keep_alphabet=false")
    model = TrainedModel(saved)
    made = segmentation(model.network.tokenization, model.alphabet, model.cleaning)
    assert made.tokenizer.encode("☃☃").tokens == ["[UNK]", "[UNK]"]
    export(model, tmp_path / "tokens", None)
    assert "outside the alphabet is a `[UNK]`" in (tmp_path / "tokens" / "README.md").read_text()


def test_a_segmentation_as_matches(model: TrainedModel) -> None:
    layer, alphabet = model.network.tokenization, model.alphabet
    tokens = layer_tokens(layer, alphabet)
    segmented = SegmentedLayer(layer, segmentation(layer, alphabet, model.cleaning), alphabet)
    texts = [cleaned(text, model)[: model.text_length] for text in texts_of(model)]
    for places, codes in model.reader().batches(texts):
        matches, _ = segmented(codes)
        found = list(zip(matches.text.tolist(), matches.position.tolist(), matches.token_id.tolist(), strict=True))
        expected = []
        for row, place in enumerate(places.tolist()):
            pieces = greedy(texts[place], set(tokens))
            begins = [sum(map(len, pieces[:i])) for i in range(len(pieces))]
            expected += [(row, at, tokens[p]) for at, p in zip(begins, pieces, strict=True) if p in tokens]
        assert found == expected


def test_equal_tokens_count_once() -> None:
    alphabet = Alphabet("ab")
    layer = VocabularyLayer(Vocabulary(torch.tensor([[0, 1], [0, 1], [1, 0]])), alphabet.size)
    made = segmentation(layer, alphabet, CleaningConfig())
    seen = count_seen(layer, made, alphabet, [torch.tensor([[0, 1, 0, 2], [1, 0, 1, 0]])])
    assert (seen.n_matches, seen.n_segmented, seen.n_pieces) == (2 + 3, 1 + 2, 2 + 2)

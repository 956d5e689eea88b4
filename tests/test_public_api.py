"""The names that a user imports from `tokenlayer`."""

import subprocess
import sys

import numpy as np
import pytest
import torch

import tokenlayer

CHARS = " abc"
CORPUS = "abc abc cab abc cab"


def one_hot_text(text: str) -> torch.Tensor:
    """(1, C, L, 1), as the original has it."""
    return torch.tensor(tokenlayer.one_hot_str(text, CHARS), dtype=torch.float32)[None, :, :, None]


def codes(text: str) -> torch.Tensor:
    return torch.from_numpy(tokenlayer.Alphabet(CHARS).encode(text))[None]


def test_every_public_name_is_there() -> None:
    aliases = {"PatternsInitilizerMaxCover": "PatternsInitializerMaxCover"}
    for name in tokenlayer.__all__:
        assert getattr(tokenlayer, name).__name__ == aliases.get(name, name)
    assert set(tokenlayer.__all__) <= set(dir(tokenlayer))


def test_the_package_itself_imports_nothing_heavy() -> None:
    code = "import sys, tokenlayer; sys.exit(any(name in sys.modules for name in ('torch', 'mlflow', 'hydra')))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_an_unknown_name_is_an_attribute_error() -> None:
    assert not hasattr(tokenlayer, "TokenisationLayer")


@pytest.mark.parametrize("name", ["PatternsInitializerMaxCover", "PatternsInitilizerMaxCover"])
def test_the_originals_names_and_arguments_work_together(name: str) -> None:
    """The argument names, and the misspelt class, are those of tokenization-layer 0.0.2."""
    initializer = getattr(tokenlayer, name)(text_corpus=CORPUS, chars=CHARS, gram_lens=[2, 3], filter_over=1)
    layer = tokenlayer.TokenizationLayer(n_neurons=5, initializer=initializer, pattern_lens=max(initializer.gram_lens))
    embedding = tokenlayer.EmbeddingLayer(embedding_length=1)
    dense = layer(one_hot_text("abc cab"))
    assert dense.shape == (1, 5, 7, 1)
    embedded = embedding(dense.squeeze(3).transpose(1, 2))
    sparse = layer(codes("abc cab"))
    torch.testing.assert_close(embedding(sparse), embedded)
    assert isinstance(sparse.vocabulary, tokenlayer.Vocabulary)
    embedded.sum().backward()
    assert layer.patterns.grad.abs().max() > 0


def test_an_ngram_of_the_corpus_is_found_in_it() -> None:
    initializer = tokenlayer.PatternsInitializerMaxCover(CORPUS, CHARS, gram_lens=[3])
    layer = tokenlayer.TokenizationLayer(n_neurons=8, initializer=initializer, pattern_lens=3)
    assert layer(codes(CORPUS)).matches.counts().min() > 1


def test_gaussian_patterns_by_the_originals_argument_names() -> None:
    initializer = tokenlayer.PatternsInitializerGaussian(mean=0.5, stddev=0.15)
    layer = tokenlayer.TokenizationLayer(n_neurons=500, initializer=initializer, pattern_lens=2)
    assert layer(one_hot_text("abc cab")).shape == (1, 500, 7, 1)
    assert layer.patterns.shape == (4, 2, 500)
    assert layer.patterns.mean().item() == pytest.approx(0.5, abs=0.02)
    assert layer.patterns.std().item() == pytest.approx(0.15, abs=0.02)


def test_a_string_as_one_hot_columns() -> None:
    columns = tokenlayer.one_hot_str(string="ba?", chars="ab")
    np.testing.assert_array_equal(columns, [[0, 1, 0], [1, 0, 0]])


def test_the_core_by_its_own_names() -> None:
    vocabulary = tokenlayer.Vocabulary(torch.tensor([[1, 2], [3, -1]]))
    layer = tokenlayer.VocabularyLayer(vocabulary, n_characters=4)
    tokens = layer(codes("abc cab"))
    assert tokens.matches.counts().tolist() == [2, 2]
    assert torch.equal(tokenlayer.match(codes("abc cab"), vocabulary, 4).token_id, tokens.matches.token_id)
    assert tokenlayer.TokenEmbedding(vocab_size=2, embedding_dim=3)(tokens).shape == (1, 7, 3)

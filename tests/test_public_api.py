"""The names that a user imports from `tokenlayer`."""

import subprocess
import sys

import torch

import tokenlayer


def test_every_public_name_is_there() -> None:
    for name in tokenlayer.__all__:
        assert getattr(tokenlayer, name).__name__ == name
    assert set(tokenlayer.__all__) <= set(dir(tokenlayer))


def test_the_package_itself_imports_nothing_heavy() -> None:
    code = "import sys, tokenlayer; sys.exit(any(name in sys.modules for name in ('torch', 'mlflow', 'hydra')))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_an_unknown_name_is_an_attribute_error() -> None:
    assert not hasattr(tokenlayer, "TokenisationLayer")


def test_the_original_names_work_together() -> None:
    chars = " abc"
    init = tokenlayer.PatternsInitializerMaxCover("abc abc cab abc cab", chars, ngram_lengths=[2, 3])
    layer = tokenlayer.TokenizationLayer(vocab_size=5, initializer=init, max_token_length=max(init.ngram_lengths))
    embedding = tokenlayer.EmbeddingLayer(embedding_dim=1)
    text = torch.tensor(tokenlayer.one_hot_str("abc cab", chars), dtype=torch.float32)[None, :, :, None]
    dense = layer(text)
    assert dense.shape == (1, 5, 7, 1)
    codes = torch.from_numpy(tokenlayer.Alphabet(chars).encode("abc cab"))[None]
    sparse = layer(codes)
    torch.testing.assert_close(embedding(sparse), embedding(dense.squeeze(3).transpose(1, 2)))
    assert isinstance(sparse.vocabulary, tokenlayer.Vocabulary)

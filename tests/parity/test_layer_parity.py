"""The tokenization layer: matches (with blanks, ties, padding) and both gradients, by each of its routes."""

import numpy as np
import pytest
import torch
from golden_file import assert_close, names

from tokenlayer.original.gradients import sigma
from tokenlayer.original.layer import EmbeddingLayer, TokenizationLayer
from tokenlayer.original.patterns import discretise, one_hot
from tokenlayer.text.alphabet import Alphabet

LAYERS = names("layer_", "_codes")
DTYPES = (torch.float64, torch.float32)
RTOL = 2e-6  # the original computes in float32


def layer_of(golden, layer, dtype):
    """The layer, and its text as codes (B, L)."""
    patterns = torch.tensor(golden[f"layer_{layer}_patterns"], dtype=dtype).squeeze(2)  # (C, K, N)
    C, K, N = patterns.shape
    codes = torch.tensor(golden[f"layer_{layer}_codes"].astype(np.int64))
    return TokenizationLayer(N, lambda _: patterns, K, C), codes


def expected_matches(golden, layer, B, N, L):
    dense = np.zeros((B, N, L))
    dense[tuple(golden[f"layer_{layer}_matches_bnl"].T)] = 1
    return dense


@pytest.mark.parametrize("layer", LAYERS)
@pytest.mark.golden("layer_{layer}_patterns", "layer_{layer}_codes", "layer_{layer}_matches_bnl")
def test_matches_of_codes(golden, layer):
    tokenization, codes = layer_of(golden, layer, torch.float32)
    matches = tokenization(codes).matches
    found = torch.stack([matches.text, matches.token_id, matches.position], dim=1).tolist()
    assert sorted(found) == sorted(golden[f"layer_{layer}_matches_bnl"].tolist())


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("layer", LAYERS)
@pytest.mark.golden(
    "layer_{layer}_patterns",
    "layer_{layer}_codes",
    "layer_{layer}_matches_bnl",
    "layer_{layer}_upstream",
    "layer_{layer}_grad_patterns",
    "layer_{layer}_grad_input",
)
def test_dense_output_and_gradients_of_a_one_hot_text(golden, layer, dtype):
    tokenization, codes = layer_of(golden, layer, dtype)
    text = one_hot(codes, tokenization.patterns.shape[0], dtype).unsqueeze(3).requires_grad_()  # (B, C, L, 1)
    out = tokenization(text)  # (B, N, L, 1)
    expected = expected_matches(golden, layer, *out.shape[:3])
    np.testing.assert_array_equal(out.detach().squeeze(3).numpy(), expected)
    out.backward(torch.tensor(golden[f"layer_{layer}_upstream"], dtype=dtype))
    grad_patterns = tokenization.patterns.grad.unsqueeze(2)
    assert_close(grad_patterns, golden[f"layer_{layer}_grad_patterns"], RTOL)
    assert_close(text.grad, golden[f"layer_{layer}_grad_input"], RTOL)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("layer", LAYERS)
@pytest.mark.golden(
    "layer_{layer}_patterns",
    "layer_{layer}_codes",
    "layer_{layer}_matches_bnl",
    "layer_{layer}_upstream",
    "layer_{layer}_grad_patterns",
)
def test_dense_output_and_gradient_of_codes(golden, layer, dtype):
    tokenization, codes = layer_of(golden, layer, dtype)
    out = tokenization(codes).dense()  # (B, N, L)
    np.testing.assert_array_equal(out.detach().numpy(), expected_matches(golden, layer, *out.shape))
    out.backward(torch.tensor(golden[f"layer_{layer}_upstream"], dtype=dtype).squeeze(3))
    assert_close(tokenization.patterns.grad.unsqueeze(2), golden[f"layer_{layer}_grad_patterns"], RTOL)


@pytest.mark.parametrize("layer", LAYERS)
@pytest.mark.golden(
    "layer_{layer}_patterns", "layer_{layer}_codes", "layer_{layer}_upstream", "layer_{layer}_grad_patterns"
)
def test_factorised_gradient_of_codes(golden, layer):
    """Behind the embedding E = 1 (N, N), the gradient of the embedded text is that of the dense output."""
    tokenization, codes = layer_of(golden, layer, torch.float64)
    N = tokenization.vocab_size
    embedding = EmbeddingLayer(N, N).double()
    with torch.no_grad():
        embedding.weight.copy_(torch.eye(N))
    upstream = torch.tensor(golden[f"layer_{layer}_upstream"], dtype=torch.float64)
    embedding(tokenization(codes)).backward(upstream.squeeze(3).transpose(1, 2))
    assert_close(tokenization.patterns.grad.unsqueeze(2), golden[f"layer_{layer}_grad_patterns"], RTOL)


@pytest.mark.parametrize("layer", names("decode_layer_"))
@pytest.mark.golden("decode_layer_{layer}", "layer_{layer}_patterns", "train_chars")
def test_decoded_patterns(golden, layer):
    patterns = torch.tensor(golden[f"layer_{layer}_patterns"]).squeeze(2)
    alphabet = Alphabet(golden.text("train_chars"))
    assert discretise(patterns).decode(alphabet) == golden.json(f"decode_layer_{layer}")


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.golden("sigma_x", "sigma_y")
def test_sigma(golden, dtype):
    assert_close(sigma(torch.tensor(golden["sigma_x"], dtype=dtype)), golden["sigma_y"], RTOL)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.golden("emb_x", "emb_w", "emb_up", "emb_out", "emb_gx", "emb_gw")
def test_embedding_of_a_dense_input(golden, dtype):
    x = torch.tensor(golden["emb_x"], dtype=dtype, requires_grad=True)  # (B, L, N)
    w = torch.tensor(golden["emb_w"], dtype=dtype)  # (N, D)
    embedding = EmbeddingLayer(w.shape[1], w.shape[0]).to(dtype)
    with torch.no_grad():
        embedding.weight.copy_(w)
    out = embedding(x)
    out.backward(torch.tensor(golden["emb_up"], dtype=dtype))
    assert_close(out.detach(), golden["emb_out"], RTOL)
    assert_close(x.grad, golden["emb_gx"], RTOL)
    assert_close(embedding.weight.grad, golden["emb_gw"], RTOL)

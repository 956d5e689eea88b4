"""What a token does, against a dense computation in which its matches are masked."""

import json

import pytest
import torch
from tiny_training import Training

from tokenlayer.models.classifier import ModelConfig
from tokenlayer.models.effects import TokenEffects
from tokenlayer.original.flatten import FlattenHeadConfig
from tokenlayer.training.callbacks.token_effects import TokenEffectsConfig
from tokenlayer.training.callbacks.token_effects_callback import effects_frame


@pytest.mark.parametrize("batch_norm", [True, False])
@pytest.mark.parametrize("n_classes", [2, 3])
def test_effects_are_those_of_masking_the_token(training: Training, batch_norm: bool, n_classes: int) -> None:
    training.dataset.n_classes = n_classes
    training.model = ModelConfig(FlattenHeadConfig(4, batch_norm), vocab_size=12, embedding_dim=2)
    fitted = training.fit(TokenEffectsConfig(shown=5), test=True)
    model = fitted.module.model.eval()
    split = fitted.data.prepared.splits["test"]
    codes = torch.from_numpy(split.codes.copy())
    with torch.no_grad():
        dense = model(codes).tokens.dense()  # (B, N, L)
        logits = [model.head.read(masked(dense, n) @ model.embedding.weight).logits for n in (None, *range(12))]
    effects = torch.stack([(logits[0] - without).mean(0) for without in logits[1:]])  # (N, n_outputs)
    if n_classes > 2:  # a logit counts against the mean of all, which softmax does not see
        effects = effects - effects.mean(1, keepdim=True)
    strongest = effects.argmax(1)
    expected = effects[torch.arange(12), strongest]

    table = json.loads((fitted.recorder.directory / "tokens" / "effects.json").read_text())
    rows = [dict(zip(table["columns"], row, strict=True)) for row in table["data"]]
    assert [abs(row["effect"]) for row in rows] == sorted((abs(row["effect"]) for row in rows), reverse=True)
    found = torch.tensor([row["effect"] for row in rows])
    torch.testing.assert_close(found.sort().values, expected.sort().values, rtol=1e-3, atol=1e-6)
    patterns = model.tokenization.vocabulary().decode(fitted.data.prepared.alphabet)
    first = int(expected.abs().argmax())
    assert rows[0]["pattern"] == patterns[first].rstrip("█").replace(" ", "␣")
    assert rows[0]["matches"] == int(dense[:, first].sum())
    assert rows[0]["texts"] == int(dense[:, first].any(1).sum())
    towards = int(expected[first] > 0) if n_classes == 2 else int(strongest[first])
    assert rows[0]["towards"] == f"class_{towards}"
    assert f'"{patterns[first].rstrip("█")}"' in fitted.shown
    assert fitted.shown.count("class_") == 5


def masked(dense: torch.Tensor, token_id: int | None) -> torch.Tensor:
    """(B, L, N) matches without those of one token."""
    matches = dense.transpose(1, 2).clone()
    if token_id is not None:
        matches[:, :, token_id] = 0
    return matches


def test_a_token_speaks_for_the_class_whose_logit_it_raises_against_the_others() -> None:
    change = torch.tensor([[1.0, 1.0, 1.1], [-0.5, 0.1, 0.0], [0.0, 0.0, 0.0]], dtype=torch.float64)
    counts = torch.tensor([3, 2, 0])
    frame = effects_frame(TokenEffects(change, counts, counts), ["alike", "against x", "none"], ("x", "y", "z"))
    assert frame["pattern"].tolist() == ["against x", "alike", "none"]
    assert frame["towards"].tolist() == ["y", "z", ""]
    assert frame["effect"].tolist() == pytest.approx([0.1 + 0.4 / 3, 1.1 - 3.1 / 3, 0.0])

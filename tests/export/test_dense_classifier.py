"""The network of plain tensor operations against the model that it stands for."""

import numpy as np
import pytest
import torch
from saved_models import saved_model_of

from tokenlayer import InputError, TrainedModel
from tokenlayer.export.dense_classifier import dense_classifier

TEXTS = ["ab", "", "the quick brown fox, <br />jumps over", "x" * 70, "Lazy Dogs " * 9]


@pytest.mark.parametrize("pooling", ["presence", "sum", "mean", "max", "log_count"])
@pytest.mark.parametrize("loss", ["binary", "cross_entropy"])
def test_probabilities_are_those_of_the_model(pooling: str, loss: str) -> None:
    model = TrainedModel(
        saved_model_of(
            "model/head=pool", f"model.head.pooling={pooling}", f"model.loss={loss}", "model.embedding_dim=3"
        )
    )
    network = dense_classifier(model)
    found = np.zeros((len(TEXTS), 2))
    with torch.no_grad():
        for places, codes in model.reader().batches(TEXTS):
            found[places] = network(codes.long()).numpy()
    expected = model.predict_proba(TEXTS)
    np.testing.assert_allclose(found, expected, atol=1e-6)
    assert expected[:, 0].std() > 0.001


@pytest.mark.parametrize(
    ("settings", "why"),
    [
        (["model/head=conv"], r"the test's model cannot be exported to onnx: its head is a MatchConvHead"),
        (["initializer=bpe", "initializer.segment=true"], "its tokens are found by a "),
    ],
)
def test_what_is_not_made_of_plain_operations_is_refused(settings: list[str], why: str) -> None:
    without = ["initializer.ngram_lengths"] if "initializer=bpe" in settings else []
    model = TrainedModel(saved_model_of(*settings, without=without))
    with pytest.raises(InputError, match=why):
        dense_classifier(model)


def test_blanks_within_tokens_are_refused() -> None:
    model = TrainedModel(saved_model_of())
    with torch.no_grad():
        model.network.tokenization.codes[3] = torch.tensor([1, -1, 2, -1])
    with pytest.raises(InputError, match="blanks before their end"):
        dense_classifier(model)

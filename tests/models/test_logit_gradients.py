"""Directions of tokens against what adding a match does to the logits."""

import pytest
import torch

from tokenlayer.layer.embedding import TokenEmbedding
from tokenlayer.layer.vocabulary import Vocabulary
from tokenlayer.layer.vocabulary_layer import VocabularyLayer
from tokenlayer.models.heads.pool_head import PoolHead
from tokenlayer.models.logit_gradients import class_weights, logit_gradients, top_class
from tokenlayer.models.network import TokenizationClassifier
from tokenlayer.original.flatten_head import FlattenHead

B, C, K, N, D, L = 6, 4, 3, 5, 2, 12


def classifier(head, n_outputs):
    layer = VocabularyLayer(Vocabulary(torch.randint(C, (N, K))), C)
    return TokenizationClassifier(layer, TokenEmbedding(N, D), head, max(2, n_outputs), n_outputs)


@pytest.mark.parametrize("n_outputs", [1, 3])
@pytest.mark.parametrize("pooling", ["presence", "sum"])
def test_behind_a_linear_head_it_is_the_heads_weight(pooling, n_outputs):
    model = classifier(PoolHead(D, n_outputs, pooling), n_outputs)
    found = logit_gradients(model, torch.randint(0, C, (B, L)))
    torch.testing.assert_close(found, model.head.out.weight.detach())


def test_elsewhere_it_is_what_one_more_match_adds_at_the_mean_of_all_places():
    model = classifier(FlattenHead(L * D, 4, 3), 3)
    model.head.batch_norm.running_var.uniform_(0.5, 2)
    codes = torch.randint(0, C, (B, L))
    found = logit_gradients(model, codes)
    model.eval()
    with torch.no_grad():
        embedded = model.embedding(model.tokenization(codes))
        before = model.head.read(embedded).logits
        for d in range(D):
            changes = []
            for t in range(L):
                more = embedded.clone()
                more[:, t, d] += 1  # the head is linear
                changes.append((model.head.read(more).logits - before).mean(0))
            torch.testing.assert_close(found[:, d], torch.stack(changes).mean(0), rtol=1e-4, atol=1e-5)


def test_the_model_is_left_as_it_was_even_within_inference():
    model = classifier(FlattenHead(L * D, 4, 1), 1).train()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    with torch.inference_mode():
        logit_gradients(model, torch.randint(0, C, (B, L)))
    assert model.training
    assert all(parameter.grad is None for parameter in model.parameters())
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


def test_a_vector_speaks_for_the_class_that_it_raises_against_the_others():
    vectors = torch.tensor([[1.0, 0.0], [0.0, 2.0], [1.0, 1.0]])
    several = class_weights(vectors, torch.tensor([[3.0, 0.0], [0.0, 3.0], [0.0, 0.0]]))
    torch.testing.assert_close(several.sum(-1), torch.zeros(3))
    weight, towards = top_class(several)
    assert towards.tolist()[:2] == [0, 1]
    torch.testing.assert_close(weight, torch.tensor([2.0, 4.0, 1.0]))
    for directions in ([[-1.0, 0.5]], [[2.0, 0.5], [1.0, 1.0]]):  # one logit, or the difference of two
        weight, towards = top_class(class_weights(vectors, torch.tensor(directions)))
        assert weight.tolist() == [-1.0, 1.0, -0.5]
        assert towards.tolist() == [0, 1, 0]

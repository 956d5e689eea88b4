import copy

import pytest
import torch

from tokenlayer.layer.vocabulary import Vocabulary
from tokenlayer.layer.vocabulary_layer import VocabularyLayer
from tokenlayer.models import effects
from tokenlayer.models.classifier import ModelConfig
from tokenlayer.models.effects import EffectMeter
from tokenlayer.models.heads.pool import PoolHeadConfig
from tokenlayer.original.flatten import FlattenHeadConfig

B, L, C, K, N = 10, 14, 3, 2, 12


HEADS = {
    "flatten": FlattenHeadConfig(hidden=5),
    "presence": PoolHeadConfig(pooling="presence"),
    "sum": PoolHeadConfig(pooling="sum"),
}


@pytest.fixture(params=[2, 3], ids=["binary", "three classes"])
def n_classes(request):
    return request.param


@pytest.fixture(params=HEADS)
def model(request, n_classes):
    torch.manual_seed(0)
    config = ModelConfig(HEADS[request.param], vocab_size=N, embedding_dim=2)
    layer = VocabularyLayer(Vocabulary(torch.randint(C, (N, K))), C)
    model = config.build(layer, L, n_classes=n_classes).double()
    model(codes(seed=9))  # running statistics other than 0 and 1
    return model.eval()


def codes(seed):
    return torch.randint(0, C + 1, (B, L), generator=torch.Generator().manual_seed(seed))


@torch.no_grad()
def logits(model, texts, silent=None):
    """With one token's vector set to zero, which takes its matches out of the embedded text."""
    model = copy.deepcopy(model)
    if silent is not None:
        model.embedding.weight[silent] = 0
    return model(texts).logits


@pytest.mark.parametrize("pairs_at_once", [7, 10_000])
def test_effect_is_the_logit_with_a_tokens_matches_minus_that_without_them(model, pairs_at_once, monkeypatch):
    monkeypatch.setattr(effects, "_PAIRS_AT_ONCE", pairs_at_once)
    meter, texts = EffectMeter(model), torch.cat([codes(1), codes(2)])
    meter.update(texts[:B])
    meter.update(texts[B:])
    found = meter.compute()
    whole = logits(model, texts)
    expected = torch.stack([(whole - logits(model, texts, n)).mean(0) for n in range(N)])
    assert expected.abs().max() > 1e-3
    torch.testing.assert_close(found.effect, expected)
    dense = model(texts).tokens.matches.dense()  # (B, N, L)
    assert found.matches.tolist() == dense.sum((0, 2)).long().tolist()
    assert found.texts.tolist() == dense.amax(2).sum(0).long().tolist()


@pytest.mark.parametrize("pooling", ["presence", "sum"])
def test_of_a_head_that_adds_up_it_is_what_reading_again_finds(pooling):
    layer = VocabularyLayer(Vocabulary(torch.randint(C, (N, K))), C)
    model = ModelConfig(PoolHeadConfig(pooling=pooling), vocab_size=N, embedding_dim=2).build(layer, L, n_classes=3)
    model = model.double().eval()
    assert model.head.adds_up
    quick = EffectMeter(model)
    quick.update(codes(1))
    model.head.adds_up = False
    slow = EffectMeter(model)
    slow.update(codes(1))
    assert slow.compute().effect.abs().max() > 1e-3
    torch.testing.assert_close(quick.compute().effect, slow.compute().effect)
    assert torch.equal(quick.compute().texts, slow.compute().texts)
    assert torch.equal(quick.compute().matches, slow.compute().matches)


def test_before_any_text_there_is_no_effect(model):
    found = EffectMeter(model).compute()
    for numbers in (found.effect, found.texts, found.matches):
        assert not numbers.any()

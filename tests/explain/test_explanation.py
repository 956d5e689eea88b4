import copy

import pytest
import torch
from small_models import LATIN, explained, linear_model, seen, vocabulary

from tokenlayer.explain.explanation import explain
from tokenlayer.explain.spans import largest, spans
from tokenlayer.layer.vocabulary import Vocabulary
from tokenlayer.layer.vocabulary_layer import VocabularyLayer
from tokenlayer.models.classifier import ModelConfig
from tokenlayer.models.heads.attention import AttentionHeadConfig
from tokenlayer.models.heads.conv import ConvHeadConfig
from tokenlayer.models.heads.pool import PoolHeadConfig
from tokenlayer.original.flatten import FlattenHeadConfig
from tokenlayer.original.gaussian_initializer import PatternsInitializerGaussian
from tokenlayer.original.layer import TokenizationLayer
from tokenlayer.text.alphabet import Alphabet

L, N = 30, 40
TEXT = "abba cab bac aabb"


def originals_layer():
    return TokenizationLayer(N, PatternsInitializerGaussian(), 2, 4)


def vocabulary_layer():
    return VocabularyLayer(Vocabulary(torch.randint(4, (N, 2))), 4)


def without(model, codes, token_id):
    """The logits when the row of a token is zeroed in the dense (B, N, L) matches."""
    dense = model(codes).tokens.dense().clone()
    dense[:, token_id] = 0
    embedded = dense.transpose(1, 2) @ model.embedding.weight
    return model.head.read(embedded).logits[0]


@pytest.mark.parametrize("n_classes", [2, 4])
@pytest.mark.parametrize("make_layer", [originals_layer, vocabulary_layer])
def test_effects_are_those_of_zeroing_the_tokens_matches(n_classes, make_layer):
    alphabet, names = Alphabet(" abc"), [f"class {i}" for i in range(n_classes)]
    config = ModelConfig(FlattenHeadConfig(hidden=5), vocab_size=N, embedding_dim=2)
    model = config.build(make_layer(), L, n_classes)
    text = seen(TEXT, alphabet, L)
    found = explain(model, text, alphabet, names)
    with torch.no_grad():
        whole = model(text.codes)
        matched = whole.tokens.matches.counts().nonzero()[:, 0].tolist()
        changes = [whole.logits[0] - without(model, text.codes, n) for n in matched]
    assert len(matched) > 10
    predicted = names.index(found.predicted)
    if n_classes == 2:
        expected = [float(change[0]) for change in changes]
        towards = [names[int(effect > 0)] for effect in expected]
    else:
        relative = [change - change.mean() for change in changes]
        expected = [float(change[predicted]) for change in relative]
        towards = [names[int(change.argmax())] for change in relative]
    order = sorted(range(len(matched)), key=lambda i: -abs(expected[i]))
    assert max(map(abs, expected)) > 1e-2
    assert [token.effect for token in found.tokens] == pytest.approx([expected[i] for i in order], abs=1e-5)
    clear = [i for i in order if abs(expected[i]) > 1e-4]
    assert [token.towards for token in found.tokens[: len(clear)]] == [towards[i] for i in clear]
    assert sum(token.matches for token in found.tokens) == len(whole.tokens.matches)
    assert sum(found.probabilities) == pytest.approx(1)


@pytest.mark.parametrize(
    "head",
    [
        PoolHeadConfig("presence"),
        PoolHeadConfig("mean"),
        PoolHeadConfig("max"),
        AttentionHeadConfig(width=8, n_heads=2),
        ConvHeadConfig(),
    ],
    ids=lambda head: getattr(head, "pooling", type(head).__name__),
)
def test_effects_are_those_of_a_vocabulary_without_the_token(head):
    weights = {token: [1.0 + n, float(-n)] for n, token in enumerate(["ab", "ba", "a", "ba c", "cab", "c"])}
    model = linear_model(weights, head=head)
    with torch.no_grad():
        for parameter in model.head.parameters():  # some begin at 0
            parameter.normal_()
    text = seen(TEXT)
    found = explain(model, text, LATIN, ("no", "yes"))

    def logits(model):
        return model(text.codes).logits[0].detach()

    assert len(found.tokens) == len(weights)
    for token_id, token in enumerate(weights):
        other = copy.deepcopy(model)
        other.tokenization.replace(torch.tensor([token_id]), vocabulary(["zzzz"], LATIN).codes)
        change = logits(model) - logits(other)
        (effect,) = [found.effect for found in found.tokens if found.pattern == token]
        sign = 1 if found.predicted == "yes" else -1
        assert effect == pytest.approx(sign * float(change[1] - change[0]) / 2, abs=1e-4)


def test_a_text_and_its_tokens():
    found = explained({"good": 2.0, "bad": -1.5, "ugly": 9.0}, "bad bad but good")
    assert [(token.quoted, token.matches, token.towards) for token in found.tokens] == [
        ('"good"', 1, "good"),
        ('"bad"', 2, "bad"),
    ]
    assert [token.effect for token in found.tokens] == pytest.approx([2, -1.5])
    assert dict(found.ranked)["good"] == pytest.approx(1 / (1 + 2.718281828**-0.5), abs=1e-6)
    assert found.predicted == "good"
    assert [(part.text, part.effect) for part in spans(found)] == [
        ("bad", -1.5),
        (" ", 0),
        ("bad", -1.5),
        (" but ", 0),
        ("good", 2.0),
    ]


def test_overlapping_tokens_add_up_and_one_token_counts_once():
    found = explained({"aa": 1.0, "ab": 0.25}, "aaab")
    assert [(part.text, part.effect) for part in spans(found)] == [("aa", 1.0), ("a", 1.25), ("b", 0.25)]
    assert largest(spans(found), found.tokens) == 1.25


def test_blanks_of_a_pattern_lie_on_no_character():
    found = explained({"a█c": 1.0, "██": 0.5}, "xabcx")
    assert [(part.text, part.effect) for part in spans(found)] == [("x", 0), ("a", 1), ("b", 0), ("c", 1), ("x", 0)]
    assert [(token.quoted, token.effect) for token in found.tokens] == [('"a█c"', 1), ("(blanks only)", 0.5)]
    assert found.tokens[1].matches == 60  # at each of the L positions, padding included


def test_a_token_that_cancels_another_still_sets_the_scale():
    found = explained({"ab": 1.0, "abc": -1.0}, "abc")
    assert [(part.text, part.effect) for part in spans(found)] == [("ab", 0), ("c", -1)]
    assert {token.effect for token in found.tokens} == {1, -1}


def test_effects_of_several_classes_are_on_the_predicted_one():
    weights = {"ball": [0.0, 3.0, 0.0], "vote": [3.0, 0.0, 0.0], "the": [1.0, 1.0, 1.0], "and": [0.0, 1.0, 0.0]}
    found = explained(weights, "the ball and vote", ["politics", "sport", "weather"])
    assert found.predicted == "sport"
    assert found.poles == ("against sport", "for sport")
    assert [(token.pattern, round(token.effect, 4), token.towards) for token in found.tokens] == [
        ("ball", 2.0, "sport"),
        ("vote", -1.0, "politics"),
        ("and", 0.6667, "sport"),
        ("the", 0.0, found.tokens[3].towards),
    ]


def test_a_text_without_a_match_and_an_empty_one():
    for text in ("nothing here", ""):
        found = explained({"xyz": 1.0}, text)
        assert found.tokens == ()
        assert [part.text for part in spans(found)] == [text] * bool(text)
        assert found.probabilities == (0.5, 0.5)
        assert largest(spans(found), found.tokens) == 0


def test_sum_pooling_counts_every_match():
    model = linear_model({"ab": 1.0}, head=PoolHeadConfig("sum"))
    with torch.no_grad():
        model.head.out.weight.fill_(0.5)
    (token,) = explain(model, seen("ab ab ab"), LATIN, ("no", "yes")).tokens
    assert (token.matches, token.effect) == (3, 1.5)


def test_the_model_is_left_as_it_was():
    model = linear_model({"ab": 1.0})
    before = copy.deepcopy(model.state_dict())
    explain(model.train(), seen("ab"), LATIN, ("no", "yes"))
    assert not model.training
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())

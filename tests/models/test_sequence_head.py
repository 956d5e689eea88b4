"""Tokens read in their order alone, and the token gradient that probes supply."""

import copy
from dataclasses import replace

import pytest
import torch
from head_cases import NOTHING, C, L, N, layer, read, texts, without
from sequence_cases import MAX_TOKENS, READERS, D, elements_of, logits_by_hand, sequence_classifier

from tokenlayer.errors import InputError
from tokenlayer.models.effects import EffectMeter
from tokenlayer.models.heads.probes import probe_positions
from tokenlayer.models.heads.sequence import kept_matches, without_some
from tokenlayer.models.logit_gradients import logit_gradients
from tokenlayer.models.losses import cross_entropy
from tokenlayer.models.sequence_model import SequenceModelConfig
from tokenlayer.original.keras import KerasAdam
from tokenlayer.original.layer import TokenizationLayer

P = 4
every_reader = pytest.mark.parametrize("name", READERS)


@every_reader
def test_logits_are_those_of_one_text_after_the_other(name):
    model, codes = sequence_classifier(name, n_classes=3).eval(), torch.cat([texts(), NOTHING])
    tokens = model.tokenization(codes)
    found = read(model, tokens).logits
    by_hand = [logits_by_hand(model, elements_of(tokens, text, model.embedding.weight)) for text in range(len(codes))]
    torch.testing.assert_close(found, torch.stack(by_hand))
    counts = tokens.matches.counts_by_text()
    assert counts.max() > MAX_TOKENS, "some text is longer than what is read"
    assert torch.equal(model.head.tokens_read(tokens.matches), counts.clamp(max=MAX_TOKENS))


def probed(model, codes, labels):
    """The token gradient, and where the probes were."""
    tokens = model.tokenization(codes)
    torch.manual_seed(5)
    output = read(model, tokens)
    (g,) = torch.autograd.grad(cross_entropy(output.logits, labels), output.embedded)
    torch.manual_seed(5)
    return tokens, g, probe_positions(codes, C, P, drawn=True)


@every_reader
@pytest.mark.parametrize("n_classes", [2, 3])
def test_the_token_gradient_is_that_of_an_element_of_little_weight(name, n_classes):
    model, codes = sequence_classifier(name, n_classes), texts(3)
    labels = torch.arange(3) % n_classes
    tokens, g, places = probed(model, codes, labels)
    assert g.shape == (3, P, D)
    omega, epsilon, nothing = model.head.probe_weight, 1e-3, torch.zeros(D, dtype=torch.float64)

    def loss(text, part, vector):
        there = elements_of(tokens, text, model.embedding.weight)
        probes = [(int(t), vector if p == part else nothing, omega) for p, t in enumerate(places[text])]
        logits = logits_by_hand(model, there + probes)
        return cross_entropy(logits[None], labels[text : text + 1]) / len(codes)

    with torch.no_grad():
        for text in range(3):
            for part in range(P):
                for d in range(D):
                    step = torch.zeros(D, dtype=torch.float64)
                    step[d] = epsilon
                    slope = (loss(text, part, step) - loss(text, part, -step)) / (2 * epsilon * omega)
                    torch.testing.assert_close(slope, g[text, part, d], rtol=1e-3, atol=1e-6)
    assert g.abs().amax(2).min() > 1e-5


@every_reader
def test_it_tells_what_a_token_would_do(name):
    """The loss with a token of a small vector against that with one of vector 0, both of weight 1."""
    model, codes = sequence_classifier(name, max_tokens=20), texts(16)
    labels = torch.arange(16) % 2
    tokens, g, places = probed(model, codes, labels)
    told, done = [], []
    with torch.no_grad():
        for text in range(16):
            there = elements_of(tokens, text, model.embedding.weight, 20)
            for part in range(P):
                vector = 0.05 * torch.randn(D, dtype=torch.float64)
                losses = [
                    cross_entropy(
                        logits_by_hand(model, [*there, (int(places[text, part]), v, 1.0)])[None], labels[text, None]
                    )
                    for v in (vector, torch.zeros_like(vector))
                ]
                told.append(g[text, part] @ vector * len(codes))
                done.append(losses[0] - losses[1])
    told, done = torch.stack(told), torch.stack(done)
    assert torch.corrcoef(torch.stack([told, done]))[0, 1] > 0.9
    assert (told.sign() == done.sign()).double().mean() > 0.85


@every_reader
def test_probes_change_hardly_anything(name):
    model, codes = sequence_classifier(name), torch.cat([texts(), NOTHING])
    tokens = model.tokenization(codes)
    plain = model.eval().head(tokens, model.embedding).logits
    model.train()
    change = {}
    for weight in (1e-3, 1e-4):
        torch.manual_seed(2)
        model.head.probe_weight = weight
        change[weight] = (read(model, tokens).logits - plain).abs().max()
    assert 0 < change[1e-3] < 0.01
    torch.testing.assert_close(change[1e-3], 10 * change[1e-4], rtol=0.02, atol=0)


@every_reader
def test_without_a_rule_that_watches_there_are_no_probes(name):
    model = sequence_classifier(name)
    tokens = model.tokenization(texts())
    watched = read(model, tokens)
    assert watched.embedded.requires_grad
    model.head.is_watched = False
    state = torch.get_rng_state()
    plain = read(model, tokens)
    assert torch.equal(torch.get_rng_state(), state)
    assert plain.embedded.shape == watched.embedded.shape
    assert not plain.embedded.requires_grad
    model.head.is_watched = True
    for evaluated in (read(model.eval(), tokens), without_gradients(model.train(), tokens)):
        assert torch.equal(evaluated.logits, plain.logits)
        assert not evaluated.embedded.requires_grad


@torch.no_grad()
def without_gradients(model, tokens):
    return read(model, tokens)


@every_reader
def test_a_text_without_any_token(name):
    model = sequence_classifier(name)
    codes = torch.cat([texts(3), NOTHING])
    model.loss(model(codes), torch.tensor([0, 1, 0, 1])).backward()
    assert all(parameter.grad.isfinite().all() for parameter in model.parameters())
    model.eval()
    alone = model(NOTHING).logits
    torch.testing.assert_close(model(codes).logits[3:], alone)
    with torch.no_grad():
        model.embedding.weight += 1
    torch.testing.assert_close(model(NOTHING).logits, alone)  # no token's numbers play a part


@every_reader
def test_texts_do_not_see_each_other(name):
    model, codes = sequence_classifier(name, max_tokens=20).eval(), torch.cat([texts(), NOTHING])
    together = model(codes).logits
    torch.testing.assert_close(model(codes.flip(0)).logits, together.flip(0))
    torch.testing.assert_close(torch.cat([model(row).logits for row in codes.split(1)]), together)


@every_reader
def test_the_order_of_tokens_counts(name):
    x = C
    codes = torch.tensor([[0, 1, x, x, 1, 2] + [x] * 6, [1, 2, x, x, 0, 1] + [x] * 6])
    out = sequence_classifier(name).eval()(codes).logits
    assert (out[0] - out[1]).abs().max() > 1e-4


@every_reader
def test_effects_are_those_of_a_vocabulary_without_the_token(name):
    model, codes = sequence_classifier(name, 3, keep="strongest", max_tokens=3).eval(), texts()
    meter = EffectMeter(model)
    meter.update(codes)
    with torch.no_grad():
        tokens = model.tokenization(codes)
        whole = read(model, tokens).logits
        expected = torch.stack([(whole - read(model, without(tokens, n)).logits).mean(0) for n in range(N)])
    assert expected.abs().max() > 1e-3
    torch.testing.assert_close(meter.compute().effect, expected)


@every_reader
@pytest.mark.parametrize("n_classes", [2, 4])
def test_a_few_updates_lower_the_loss(name, n_classes):
    model = sequence_classifier(name, n_classes, dropout=0.1)
    codes, labels = texts(40), torch.arange(40) % n_classes
    optimizer = KerasAdam(model.parameters(), lr=0.02)
    losses = []
    for _ in range(30):
        loss = model.loss(model(codes), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert sum(losses[-5:]) < 0.97 * sum(losses[:5])


@every_reader
@pytest.mark.parametrize("dropped", ["dropout", "token_dropout"])
def test_dropout_and_probes_are_drawn_from_the_global_generator(name, dropped):
    model, codes = sequence_classifier(name, **{dropped: 0.5}), texts()
    torch.manual_seed(3)
    first, second = model(codes).logits, model(codes).logits
    torch.manual_seed(3)
    assert torch.equal(model(codes).logits, first)
    assert not torch.equal(first, second)


@every_reader
def test_dropped_tokens_are_left_out_in_training_alone(name):
    model, codes = sequence_classifier(name, token_dropout=0.4), texts(30)
    model.head.is_watched = False
    tokens = model.tokenization(codes)
    torch.manual_seed(3)
    logits = model(codes).logits
    torch.manual_seed(3)
    kept = without_some(kept_matches(tokens.matches, MAX_TOKENS, "first", model.embedding.weight), 0.4)
    assert 0.4 < len(kept) / int(model.head.tokens_read(tokens.matches).sum()) < 0.8
    for b, logit in enumerate(logits):
        elements = elements_of(replace(tokens, matches=kept), b, model.embedding.weight)
        torch.testing.assert_close(logit, logits_by_hand(model, elements))
    whole = sequence_classifier(name).eval()
    assert torch.equal(model.eval()(codes).logits, whole(codes).logits)


@every_reader
def test_gradients_are_the_same_each_time(name):
    model = sequence_classifier(name).float()
    torch.use_deterministic_algorithms(True)
    try:
        kept = []
        for _ in range(2):
            torch.manual_seed(0)
            model.zero_grad()
            model.loss(model(texts(32)), torch.arange(32) % 2).backward()
            kept.append([parameter.grad.clone() for parameter in model.parameters()])
    finally:
        torch.use_deterministic_algorithms(False)
    assert all(torch.equal(first, again) for first, again in zip(*kept, strict=True))


@every_reader
def test_it_comes_back_from_its_state(name):
    model, other = sequence_classifier(name).eval(), sequence_classifier(name).eval()
    with torch.no_grad():
        for parameter in other.parameters():
            parameter.normal_()
    codes = texts()
    assert not torch.equal(model(codes).logits, other(codes).logits)
    other.load_state_dict(copy.deepcopy(model.state_dict()))
    assert torch.equal(model(codes).logits, other(codes).logits)


@every_reader
@pytest.mark.parametrize("n_classes", [2, 3])
def test_the_direction_of_a_logit_is_that_of_probes_in_the_middles(name, n_classes):
    model, codes = sequence_classifier(name, n_classes), texts(5)
    state = torch.get_rng_state()
    model.head.is_watched = False
    found = logit_gradients(model, codes)
    assert torch.equal(torch.get_rng_state(), state)
    assert model.training
    omega = model.head.probe_weight
    places, tokens = probe_positions(codes, C, P, drawn=False), model.tokenization(codes)
    vectors = torch.zeros(5, P, D, dtype=torch.float64, requires_grad=True)
    total = sum(
        logits_by_hand(
            model,
            [
                *elements_of(tokens, text, model.embedding.weight),
                *((int(places[text, part]), vectors[text, part], omega) for part in range(P)),
            ],
        )
        for text in range(5)
    )
    expected = [torch.autograd.grad(logit, vectors, retain_graph=True)[0].mean((0, 1)) / omega for logit in total]
    torch.testing.assert_close(found, torch.stack(expected))


def test_real_valued_patterns_are_refused():
    patterns = TokenizationLayer(N, torch.zeros, 2, n_characters=C)
    with pytest.raises(InputError, match="no gradient reaches the patterns of a TokenizationLayer: add learning_rule="):
        SequenceModelConfig(vocab_size=N).build(patterns, L, 2)


def test_values_that_cannot_work():
    config = SequenceModelConfig(max_tokens=0, vocab_size=0, embedding_l2=-1.0, token_dropout=1.0)
    assert {field for field, _ in config.problems()} == {"max_tokens", "vocab_size", "embedding_l2", "token_dropout"}
    assert list(SequenceModelConfig().problems()) == []
    assert SequenceModelConfig(vocab_size=N).build(layer(), L, 2).embedding.weight.shape == (N, 32)

import copy
import math

import pytest
import torch
from head_cases import (
    HEADS,
    NOTHING,
    ONCE,
    SPARE,
    ZERO_AT_FIRST,
    C,
    L,
    N,
    classifier,
    heads,
    layer,
    read,
    texts,
    texts_without_repetition,
    without,
)

from tokenlayer.models.classifier import ModelConfig
from tokenlayer.models.effects import EffectMeter
from tokenlayer.models.heads.pool_head import PoolHead
from tokenlayer.models.losses import cross_entropy
from tokenlayer.original.keras import KerasAdam

EPSILON = 1e-7


def loss_of(model, tokens, labels):
    return cross_entropy(read(model, tokens).logits, labels)


def token_gradient(model, tokens, labels):
    """What a learning rule is given, and the gradient of the embedding."""
    output = read(model, tokens)
    kept = []
    output.embedded.register_hook(kept.append)
    cross_entropy(output.logits, labels).backward()
    return kept[0], model.embedding.weight.grad


def summed(g, matches, token_id, binary_features):
    """S (D,): the token gradient over a token's occurrences, the sum that a rule scores."""
    found = matches.distinct() if binary_features else matches
    chosen = found.token_id == token_id
    text, position = found.text[chosen], found.position[chosen]
    return (g[text] if g.dim() == 2 else g[text, position]).sum(0)


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("name", sorted(set(HEADS) - {"log_count"}))
def test_the_gradient_of_a_token_that_is_not_there_yet(name, n_classes):
    model = classifier(name, n_classes)
    with torch.no_grad():
        model.embedding.weight[SPARE] = 0
        if name == "max":  # some dimensions in which nothing rises above 0
            model.embedding.weight[:SPARE, 0].abs_().neg_()
    labels = torch.arange(8) % n_classes
    tokens = model.tokenization(texts_without_repetition())
    # Heads that divide by the number of matches, or read their order, have the token there already, worth nothing.
    before = tokens if name in {"mean", "conv", "attention"} else without(tokens, SPARE)
    g, _ = token_gradient(model, before, labels)
    assert model.head.binary_features == (name in ONCE)
    assert g.shape == ((8, L, 2) if "flatten" in name or "positions" in name else (8, 2))
    S = summed(g, tokens.matches, SPARE, model.head.binary_features)
    assert S.abs().max() > 1e-4
    with torch.no_grad():
        start = loss_of(model, tokens, labels)
        for d in range(2):
            nearby = copy.deepcopy(model)
            nearby.embedding.weight[SPARE, d] = EPSILON
            measured = (loss_of(nearby, tokens, labels) - start) / EPSILON
            torch.testing.assert_close(measured, S[d], rtol=1e-4, atol=1e-7)


@pytest.mark.parametrize("n_classes", [2, 3])
def test_the_gradient_of_a_token_that_is_not_there_yet_where_it_adds_to_a_norm(n_classes):
    model = classifier("log_count", n_classes)
    labels = torch.arange(8) % n_classes
    tokens = model.tokenization(texts_without_repetition())
    before = without(tokens, SPARE)
    g, _ = token_gradient(model, before, labels)
    counts = before.matches.dense(torch.float64).sum(2)  # (B, N)
    squared_norm = counts.log1p().square().sum(1)
    share = math.log(2) / (squared_norm + math.log(2) ** 2).sqrt()
    pooled = (counts.log1p() / squared_norm.sqrt().unsqueeze(1)) @ model.embedding.weight.detach()
    torch.testing.assert_close(read(model, before).logits, model.head.out(pooled))
    held = (tokens.matches.dense().amax(2)[:, SPARE] > 0).double()
    for d in range(2):
        ahead, behind = (
            cross_entropy(model.head.out(pooled + sign * EPSILON * (held * share)[:, None] * torch.eye(2)[d]), labels)
            for sign in (1, -1)
        )
        S = summed(g, tokens.matches, SPARE, binary_features=True)
        torch.testing.assert_close((ahead - behind) / (2 * EPSILON), S[d], rtol=1e-4, atol=1e-7)


@pytest.mark.parametrize("name", sorted(set(HEADS) - {"max", "log_count"}))
def test_the_gradient_of_every_token_is_that_sum(name):
    model = classifier(name)
    tokens = model.tokenization(texts())
    g, gradient = token_gradient(model, tokens, torch.arange(8) % 2)
    expected = torch.stack([summed(g, tokens.matches, n, model.head.binary_features) for n in range(N)])
    assert (expected.abs().amax(1) > 0).all()
    torch.testing.assert_close(gradient, expected)


@pytest.mark.parametrize("name", HEADS)
def test_a_text_without_any_token(name):
    model = classifier(name)
    codes = torch.cat([texts(3), NOTHING])
    model.loss(model(codes), torch.tensor([0, 1, 0, 1])).backward()
    assert all(parameter.grad.isfinite().all() for parameter in model.parameters())
    model.eval()
    alone = model(NOTHING).logits
    assert alone.isfinite().all()
    torch.testing.assert_close(model(codes).logits[3:], alone)
    with torch.no_grad():
        model.embedding.weight += 1
        for parameter in model.head.token_parameters():
            parameter.add_(1)
    torch.testing.assert_close(model(NOTHING).logits, alone)  # no token's numbers play a part


@pytest.mark.parametrize("name", HEADS)
def test_texts_do_not_see_each_other_in_evaluation(name):
    model, codes = classifier(name).eval(), torch.cat([texts(), NOTHING])
    together = model(codes).logits
    torch.testing.assert_close(model(codes.flip(0)).logits, together.flip(0))
    torch.testing.assert_close(torch.cat([model(row).logits for row in codes.split(1)]), together)


@pytest.mark.parametrize("name", HEADS)
@pytest.mark.parametrize("n_classes", [2, 4])
@pytest.mark.parametrize("D", [1, 3])
def test_a_few_updates_lower_the_loss(name, n_classes, D):
    model = classifier(name, n_classes, D, dropout=0.1)
    codes, labels = texts(40), torch.arange(40) % n_classes
    optimizer = KerasAdam(model.parameters(), lr=0.02)
    losses = []
    for _ in range(30):
        output = model(codes)
        assert output.probabilities.shape == ((40,) if n_classes == 2 else (40, n_classes))
        loss = model.loss(output, labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert sum(losses[-5:]) < 0.97 * sum(losses[:5])


@pytest.mark.parametrize("name", HEADS)
def test_a_head_comes_back_from_its_state(name):
    model, other = classifier(name), classifier(name)
    with torch.no_grad():
        for parameter in other.parameters():
            parameter.normal_()
    model(texts(seed=5))  # running statistics other than 0 and 1
    codes = texts()
    assert not torch.equal(model.eval()(codes).logits, other.eval()(codes).logits)
    other.load_state_dict(model.state_dict())
    assert torch.equal(model(codes).logits, other(codes).logits)


@pytest.mark.parametrize("name", HEADS)
@pytest.mark.parametrize("n_classes", [2, 3])
def test_effects_are_those_of_a_vocabulary_without_the_token(name, n_classes):
    model, codes = classifier(name, n_classes).eval(), texts()
    meter = EffectMeter(model)
    meter.update(codes)
    effect = meter.compute().effect
    with torch.no_grad():
        tokens = model.tokenization(codes)
        whole = read(model, tokens).logits
        expected = torch.stack([(whole - read(model, without(tokens, n)).logits).mean(0) for n in range(N)])
    assert expected.abs().max() > 1e-3
    torch.testing.assert_close(effect, expected)


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("name", HEADS)
def test_the_logits_are_the_sum_of_what_the_readout_layers_give(name, n_classes):
    model, found = classifier(name, n_classes), []
    layers = model.head.readout_layers()
    for readout in layers:
        readout.register_forward_hook(lambda module, inputs, output: found.append(output))
    torch.testing.assert_close(model(texts()).logits, sum(found))
    assert len(found) == len(layers) == (2 if name in ZERO_AT_FIRST else 1)


@pytest.mark.parametrize("name", HEADS)
@torch.no_grad()
def test_the_readout_is_what_the_linear_path_multiplies_by(name):
    model = classifier(name, n_classes=3).eval()
    readout = model.head.readout()
    assert (readout is None) == (name not in {"presence", "sum", "conv", "attention"})
    if readout is None:
        return
    tokens = model.tokenization(texts())
    before = read(model, tokens)
    model.embedding.weight.add_(torch.randn(N, 2))
    after = read(model, tokens)
    torch.testing.assert_close(after.logits - before.logits, (after.embedded - before.embedded) @ readout.T)


def test_the_penalty_of_tokens_that_count_for_less_than_one():
    model = classifier("log_count", n_classes=3)
    tokens = model.tokenization(texts())
    logarithms = tokens.matches.dense(torch.float64).sum(2).log1p()
    values = logarithms / logarithms.norm(dim=1, keepdim=True)
    effects = model.embedding.weight @ model.head.out.weight.T
    expected = (values.square() @ effects.square().sum(1)).sum() / (2 * len(values))
    torch.testing.assert_close(model.embedding_l2(tokens), expected)


@pytest.mark.parametrize("name", ["presence", "conv", "max"])
def test_the_penalty_is_of_what_tokens_add_to_the_logits_however_it_is_shared_out(name):
    model = classifier(name, n_classes=3)
    tokens = model.tokenization(texts())
    penalty = model.embedding_l2(tokens)
    effects = model.embedding.weight.detach()
    if (readout := model.head.readout()) is not None:
        effects = effects @ readout.detach().T
    held = tokens.matches.dense().amax(2)  # (B, N)
    torch.testing.assert_close(penalty, (held * effects.square().sum(1)).sum() / (2 * len(held)), check_dtype=False)
    weights = torch.rand(len(held))
    weighted = (weights * (held * effects.square().sum(1)).sum(1)).sum() / (2 * len(held))
    torch.testing.assert_close(model.embedding_l2(tokens, weights.double()), weighted, check_dtype=False)
    penalty.backward()
    assert model.embedding.weight.grad.abs().max() > 0
    if readout is not None:
        assert readout.grad.abs().max() > 0
        with torch.no_grad():
            model.embedding.weight.div_(3)
            readout.mul_(3)
        torch.testing.assert_close(model.embedding_l2(tokens), penalty)


@pytest.mark.parametrize("name", sorted(ZERO_AT_FIRST))
def test_before_training_the_head_is_the_linear_one(name):
    model = ModelConfig(heads()[name], vocab_size=N, embedding_dim=2).build(layer(), L, 3)
    pool = PoolHead(2, 3, "presence")
    pool.load_state_dict(model.head.linear.state_dict())
    tokens = model.tokenization(texts())
    expected = pool(tokens, model.embedding)
    found = read(model, tokens)
    assert torch.equal(found.logits, expected.logits)
    assert torch.equal(found.embedded, expected.embedded)
    found.logits.square().sum().backward()
    assert model.head.out.weight.grad.abs().max() > 0, "the other path cannot leave zero"
    assert all(len(parameter) == N for parameter in model.head.token_parameters())


@pytest.mark.parametrize("name", sorted(ZERO_AT_FIRST))
def test_a_token_whose_row_is_new_can_learn(name):
    model = classifier(name)
    (row,) = model.head.token_parameters()
    with torch.no_grad():
        row[SPARE] = 0
    model.loss(model(texts()), torch.arange(8) % 2).backward()
    assert row.grad[SPARE].abs().max() > 1e-6


@pytest.mark.parametrize(
    ("name", "heeds_order"),
    [
        ("presence", False),
        ("sum", False),
        ("mean", False),
        ("max", False),
        ("log_count", False),
        ("conv", True),
        ("attention", True),
    ],
)
def test_whether_the_order_of_tokens_counts(name, heeds_order):
    # The same tokens [0, 1] and [1, 2], apart from each other, in either order.
    x = C
    codes = torch.tensor([[0, 1, x, x, 1, 2] + [x] * 6, [1, 2, x, x, 0, 1] + [x] * 6])
    out = classifier(name).eval()(codes).logits
    assert torch.allclose(out[0], out[1], rtol=0, atol=1e-12) != heeds_order


def test_pooling_of_counts():
    x = C
    codes = torch.tensor([[0, 1, x, 0, 1, x, 1, 2] + [x] * 4, [x] * 12])  # [0, 1] twice, [1, 2] once; nothing
    for name, expected in {
        "presence": lambda E: E[1] + E[2],
        "sum": lambda E: 2 * E[1] + E[2],
        "mean": lambda E: (2 * E[1] + E[2]) / 3,
        "max": lambda E: torch.maximum(E[1], E[2]).clamp(min=0),
        "log_count": lambda E: (math.log(3) * E[1] + math.log(2) * E[2]) / math.hypot(math.log(3), math.log(2)),
    }.items():
        model = classifier(name)
        logits = read(model, model.tokenization(codes)).logits
        torch.testing.assert_close(logits[0], model.head.out(expected(model.embedding.weight)))
        torch.testing.assert_close(logits[1], model.head.out.bias)

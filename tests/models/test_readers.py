"""Readers of weighted elements against the same networks without weights, and against what a weight means."""

import pytest
import torch
from head_cases import L
from sequence_cases import READERS, D, reader_config
from torch import nn

from tokenlayer.models.readers.recurrent import RecurrentReaderConfig
from tokenlayer.models.readers.transformer import TransformerReaderConfig

B, S = 3, 5


def reader(name, dropout=0.0):
    torch.manual_seed(0)
    return reader_config(name, dropout).build(L).double()


def elements(S=S):
    """Vectors, places in ascending order, and weights of which the first is 1."""
    torch.manual_seed(1)
    position = torch.arange(S).expand(B, S) * 2
    weight = torch.rand(B, S, dtype=torch.float64)
    weight[:, 0] = 1
    return torch.randn(B, S, D, dtype=torch.float64), position, weight


def test_without_weights_it_is_torchs_transformer():
    ours, (x, position, _) = reader("transformer"), elements()
    h = x + ours.places(places_by_formula(position))
    for each in ours.layers:
        theirs = nn.TransformerEncoderLayer(D, 2, 2 * D, 0.0, batch_first=True, norm_first=True).double()
        copied = {
            "norm1": each.attention_norm,
            "self_attn.in_proj": each.asked,
            "self_attn.out_proj": each.mixed,
            "norm2": each.norm,
            "linear1": each.inner,
            "linear2": each.outer,
        }
        state = {
            (f"{name}_{kind}" if name.endswith("in_proj") else f"{name}.{kind}"): getattr(part, kind)
            for name, part in copied.items()
            for kind in ("weight", "bias")
        }
        theirs.load_state_dict(state)
        h = theirs(h)
    torch.testing.assert_close(ours(x, position, torch.ones(B, S).double()), ours.norm(h).mean(1))


def places_by_formula(position):
    angles = [torch.pi * 2**octave * position.double() / L for octave in range(8)]
    return torch.stack([a.sin() for a in angles] + [a.cos() for a in angles], 2)


def test_without_weights_it_is_torchs_recurrent_network():
    ours, (x, position, _) = reader("recurrent"), elements()
    theirs = nn.GRU(D, D, batch_first=True).double()
    theirs.load_state_dict(
        {
            "weight_ih_l0": ours.inputs.weight,
            "bias_ih_l0": ours.inputs.bias,
            "weight_hh_l0": ours.state.weight,
            "bias_hh_l0": ours.state.bias,
        }
    )
    torch.testing.assert_close(ours(x, position, torch.ones(B, S).double()), theirs(x)[0][:, -1])


def test_to_the_transformer_a_weight_of_two_is_two_of_a_kind():
    ours, (x, position, weight) = reader("transformer"), elements()
    weight[:, 2] = 2
    doubled = ours(x, position, weight)
    again = [0, 1, 2, 2, 3, 4]
    weight[:, 2] = 1
    torch.testing.assert_close(ours(x[:, again], position[:, again], weight[:, again]), doubled)


def test_a_weight_is_the_share_of_a_recurrent_step_that_is_taken():
    ours, (x, position, weight) = reader("recurrent"), elements(2)
    cell = nn.GRUCell(D, D).double()
    cell.load_state_dict(
        {
            "weight_ih": ours.inputs.weight,
            "bias_ih": ours.inputs.bias,
            "weight_hh": ours.state.weight,
            "bias_hh": ours.state.bias,
        }
    )
    first = cell(x[:, 0])
    w = weight[:, 1:]
    torch.testing.assert_close(ours(x, position, weight), (1 - w) * first + w * cell(x[:, 1], first))


@pytest.mark.parametrize("name", READERS)
def test_what_has_no_weight_is_not_there(name):
    ours, (x, position, weight) = reader(name), elements()
    weight[:, 2] = weight[1, 3:] = 0
    x.requires_grad_()
    whole = ours(x, position, weight)
    there = [0, 1, 3, 4]
    torch.testing.assert_close(whole, ours(x[:, there], position[:, there], weight[:, there]))
    torch.testing.assert_close(whole[1:2], ours(x[1:2, :2], position[1:2, :2], weight[1:2, :2]))
    whole.square().sum().backward()
    assert not x.grad[:, 2].any()
    assert not x.grad[1, 3:].any()
    assert x.grad[:, 1].abs().amin() > 0


@pytest.mark.parametrize("name", READERS)
def test_the_place_counts_and_not_the_order_of_the_elements(name):
    ours, (x, position, weight) = reader(name), elements()
    whole = ours(x, position, weight)
    mixed = torch.tensor([0, 3, 1, 4, 2])
    torch.testing.assert_close(ours(x[:, mixed], position[:, mixed], weight[:, mixed]), whole)
    assert (ours(x, position[:, mixed], weight) - whole).abs().amax(1).min() > 1e-3


@pytest.mark.parametrize("name", READERS)
def test_gradients_against_finite_differences(name):
    ours, (x, position, weight) = reader(name), elements()
    assert torch.autograd.gradcheck(lambda x: ours(x, position, weight), x.requires_grad_())


@pytest.mark.parametrize("name", READERS)
def test_little_weight_has_an_effect_in_proportion(name):
    ours, (x, position, weight) = reader(name), elements()
    effects = []
    for w in (0.0, 1e-5, 2e-5):
        weight[:, 3] = w
        effects.append(ours(x, position, weight))
    torch.testing.assert_close(effects[2] - effects[0], 2 * (effects[1] - effects[0]), rtol=1e-3, atol=1e-10)
    assert (effects[1] - effects[0]).abs().max() > 1e-7


@pytest.mark.parametrize("name", READERS)
def test_dropout_is_for_training(name):
    ours, given = reader(name, dropout=0.5), elements()
    assert not torch.equal(ours(*given), ours(*given))
    ours.eval()
    assert torch.equal(ours(*given), ours(*given))


def test_values_that_cannot_work():
    transformer = TransformerReaderConfig(width=10, n_layers=0, n_heads=4, dropout=1.0)
    assert {field for field, _ in transformer.problems()} == {"width", "n_layers", "dropout"}
    assert ("width", "10 is no multiple of n_heads=4") in list(transformer.problems())
    assert [field for field, _ in RecurrentReaderConfig(width=0, dropout=-0.1).problems()] == ["width", "dropout"]
    assert not [*TransformerReaderConfig().problems(), *RecurrentReaderConfig().problems()]


@pytest.mark.parametrize("name", READERS)
def test_many_texts_of_all_lengths_are_read_as_each_by_itself(name):
    ours, n_texts, longest = reader(name), 40, 12
    torch.manual_seed(2)
    x = torch.randn(n_texts, longest, D, dtype=torch.float64, requires_grad=True)
    position = torch.randint(0, L, (n_texts, longest))
    weight = torch.rand(n_texts, longest, dtype=torch.float64) * (torch.rand(n_texts, longest) < torch.rand(n_texts, 1))
    weight[:, 3] = 1
    together = ours(x, position, weight)
    alone = torch.cat(
        [ours(x[None, b, some], position[None, b, some], weight[None, b, some]) for b, some in enumerate(weight > 0)]
    )
    torch.testing.assert_close(together, alone)
    factors = torch.randn_like(together)
    ours_gradient, theirs = (torch.autograd.grad((each * factors).sum(), x)[0] for each in (together, alone))
    assert ours_gradient.abs().max() > 0
    torch.testing.assert_close(ours_gradient, theirs)

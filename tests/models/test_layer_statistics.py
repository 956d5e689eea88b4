"""What is logged of every head, against the tensors themselves."""

import gc
import weakref
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pytest
import torch
from head_cases import HEADS, N, heads, layer, texts
from sequence_cases import READERS, reader_config
from torch import Tensor, nn

from tokenlayer.models.classifier import ModelConfig
from tokenlayer.models.layer_statistics import LayerStatistics
from tokenlayer.models.moments import Held
from tokenlayer.models.network import TokenizationClassifier
from tokenlayer.models.sequence_model import SequenceModelConfig

B, L, STEPS = 16, 12, 12

heads_and_outputs = pytest.mark.parametrize(
    ("n_classes", "loss"), [(2, "auto"), (3, "auto"), (2, "cross_entropy")], ids=["one", "three", "two"]
)
with_and_without_dropout = pytest.mark.parametrize("dropout", [0.0, 0.3])
every_head = pytest.mark.parametrize("name", [*HEADS, *READERS])


def build(name: str, n_classes: int, loss: str, dropout: float) -> TokenizationClassifier:
    torch.manual_seed(0)
    if name in READERS:
        sequences = SequenceModelConfig(
            reader=reader_config(name, dropout), token_dropout=dropout, vocab_size=N, loss=loss
        )
        return sequences.build(layer(), L, n_classes).double().train()
    config = ModelConfig(heads(dropout)[name], vocab_size=N, loss=loss)
    return config.build(layer(), L, n_classes).double().train()


@dataclass(frozen=True)
class Step:
    """A training step: what was logged, and the tensors that it is of."""

    gradients: dict[str, float]
    values: dict[str, float]
    gradient_tensors: dict[str, np.ndarray]
    value_tensors: dict[str, np.ndarray]


def trained(model: TokenizationClassifier, n_classes: int, steps: int = STEPS) -> list[Step]:
    """Real steps of Adam, each read twice: by the statistics, as they are made of all together, and by `autograd`."""
    statistics = model.statistics()
    assert isinstance(statistics, LayerStatistics)
    statistics.attach()
    found: dict[str, Tensor] = {}
    for name, module in model.head.named_modules(prefix="head"):
        module.register_forward_hook(lambda _, inputs, output, name=name: found.__setitem__(name, output))
    optimizer = torch.optim.Adam(model.parameters(), 0.01)
    read: list[tuple[Held, Held]] = []
    tensors: list[tuple[dict[str, np.ndarray], dict[str, np.ndarray]]] = []
    for step in range(steps):
        output = model(texts(B, seed=step))
        outputs = {"embedding": output.embedded, **{k: v for k, v in found.items() if isinstance(v, Tensor)}}
        loss = model.loss(output, torch.arange(B) % n_classes)
        statistics.watch(output)
        optimizer.zero_grad()
        parameters = dict(model.named_parameters())
        wanted = {**outputs, **parameters}
        of_loss = torch.autograd.grad(loss, list(wanted.values()), retain_graph=True)
        loss.backward()
        gradients = statistics.gradients()
        optimizer.step()
        values = {"tokenization": output.tokens.dense().mean(0), **outputs, **parameters}
        read.append((gradients, statistics.values(output)))
        tensors.append(
            (
                {name: g.numpy().copy() for name, g in zip(wanted, of_loss, strict=True)},
                {name: v.detach().numpy().copy() for name, v in values.items()},
            )
        )
    columns = statistics.gradient_columns([g for g, _ in read]), statistics.value_columns([v for _, v in read])
    gradients, values = (
        [dict(zip(each, row, strict=True)) for row in zip(*each.values(), strict=True)] for each in columns
    )
    return [Step(*of_step) for of_step in zip(gradients, values, *zip(*tensors, strict=True), strict=True)]


def constant(columns: pd.DataFrame) -> set[str]:
    """The columns that move by no more than rounding."""
    same = set()
    for column in columns:
        part, _, _ = column.rpartition("_")
        size = columns.filter([f"{part}_mean", f"{part}_std"]).abs().max(axis=None)
        if np.ptp(columns[column]) <= 1e-9 * size or size == 0:
            same.add(column)
    return same


def moments_of(tensors: dict[str, np.ndarray]) -> dict[str, float]:
    means = {f"{name}_mean": x.mean() for name, x in tensors.items()}
    return means | {f"{name}_std": x.std() for name, x in tensors.items()}


@every_head
@heads_and_outputs
@with_and_without_dropout
def test_columns_are_all_that_there_are_but_for_those_that_never_move(name, n_classes, loss, dropout):
    steps = trained(build(name, n_classes, loss, dropout), n_classes)
    for logged, tensors in (
        ([s.gradients for s in steps], [s.gradient_tensors for s in steps]),
        ([s.values for s in steps], [s.value_tensors for s in steps]),
    ):
        assert all(list(row) == list(logged[0]) for row in logged), "the same columns in the same order"
        columns, every = pd.DataFrame(logged), pd.DataFrame([moments_of(each) for each in tensors])
        assert columns.notna().all(axis=None)
        assert constant(columns) == set()
        left_out = set(every) - set(columns)
        if n_classes == 2 and loss == "cross_entropy":  # opposite as long as the optimizer moves both alike: see below
            left_out = {column for column in left_out if not column.startswith(("head.out", "head.linear.out"))}
        assert left_out <= constant(every)
        for column in columns:
            np.testing.assert_allclose(columns[column], every[column], rtol=1e-7, atol=1e-12, err_msg=column)


@every_head
def test_the_two_outputs_of_a_softmax_mirror_each_other(name):
    model = build(name, 2, "cross_entropy", 0.0)
    before = [[p.sum(0).clone() for p in readout.parameters()] for readout in model.head.readout_layers()]
    *_, last = trained(model, 2)
    for sums, readout in zip(before, model.head.readout_layers(), strict=True):
        for was, parameter in zip(sums, readout.parameters(), strict=True):
            torch.testing.assert_close(parameter.sum(0), was)
    kinds = {f"{part}{kind}_mean" for part in ("head.out", "head.linear.out") for kind in ("", ".weight", ".bias")}
    assert not kinds & (last.values.keys() | last.gradients.keys())
    assert {"head.out_std", "head.out.weight_std", "head.out.bias_std"} <= last.values.keys() & last.gradients.keys()


def test_names_of_the_recommended_model():
    (step,) = trained(build("presence", 2, "auto", 0.0), 2, steps=1)
    with_deviation = {f"{part}_std" for part in ("embedding", "head.out", "embedding.weight")}
    means = {
        f"{part}_mean" for part in ("embedding", "head.out", "embedding.weight", "head.out.weight", "head.out.bias")
    }
    assert step.gradients.keys() == with_deviation | means  # the head's weight and bias are single numbers
    assert step.values.keys() - step.gradients.keys() == {"tokenization_mean", "tokenization_std"}
    assert step.gradients.keys() <= step.values.keys()


def test_of_three_classes_the_mean_gradient_at_the_softmax_is_left_out_and_the_value_is_not():
    (step,) = trained(build("presence", 3, "auto", 0.0), 3, steps=1)
    fixed = {"head.out_mean", "head.out.weight_mean", "head.out.bias_mean"}
    assert not fixed & step.gradients.keys()
    assert fixed <= step.values.keys()


def test_the_maximum_hands_on_a_gradient_but_no_embedded_text():
    (step,) = trained(build("max", 2, "auto", 0.0), 2, steps=1)
    assert {"embedding_mean", "embedding_std"} <= step.gradients.keys()
    assert not {"embedding_mean", "embedding_std"} & step.values.keys()
    assert not step.value_tensors["embedding"].any()


@pytest.mark.parametrize("name", ["presence", "attention"])
def test_a_look_at_the_model_between_a_steps_passes_is_not_logged(name):
    rows = []
    for looks in (False, True):
        model = build(name, 2, "auto", 0.0)
        statistics = model.statistics()
        statistics.attach()
        output = model(texts(B))
        statistics.watch(output)
        if looks:
            model.eval()
            model(texts(B, seed=9)).logits.sum().backward()
            model.zero_grad()
            model.train()
        model.loss(output, torch.arange(B) % 2).backward()
        held = statistics.gradients(), statistics.values(output)
        rows.append((statistics.gradient_columns([held[0]]), statistics.value_columns([held[1]])))
    assert rows[0] == rows[1]


@every_head
def test_nothing_stays_attached(name):
    def hooks(module: nn.Module) -> int:
        return sum(len(part._forward_hooks) for part in module.modules())

    model = build(name, 2, "auto", 0.0)
    statistics = model.statistics()
    for _ in range(2):
        assert hooks(model) == 0
        statistics.attach()
        attached = hooks(model)
        statistics.attach()
        assert hooks(model) == attached > 0
        statistics.detach()
    assert hooks(model) == 0


def test_nothing_of_a_step_outlives_the_detachment():
    model = build("presence", 2, "auto", 0.0)
    statistics = model.statistics()
    statistics.attach()
    output = model(texts(B))
    statistics.watch(output)
    seen = [weakref.ref(x) for x in (output.logits, output.embedded)]
    model.loss(output, torch.arange(B) % 2).backward()
    del output
    gc.collect()
    assert any(ref() is not None for ref in seen), "held for the rows to come"
    statistics.detach()
    gc.collect()
    assert all(ref() is None for ref in seen)


@pytest.mark.parametrize("name", ["presence", "attention"])
def test_a_pass_without_gradients_is_no_step(name):
    """As a rule may take one between a step's passes."""
    model = build(name, 2, "auto", 0.0)
    statistics = model.statistics()
    statistics.attach()
    output = model(texts(B))
    statistics.watch(output)
    before = statistics.value_columns([statistics.values(output)])
    with torch.no_grad():
        model(texts(B, seed=9))
    after = statistics.value_columns([statistics.values(output)])
    assert before.keys() == after.keys()
    assert all(np.array_equal(before[column], after[column]) for column in before)

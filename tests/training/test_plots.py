import itertools

import numpy as np
import pandas as pd
import pytest
from tiny_training import Training

from tokenlayer.models.heads.attention import AttentionHeadConfig
from tokenlayer.models.heads.base import HeadConfig
from tokenlayer.models.heads.conv import ConvHeadConfig
from tokenlayer.models.heads.pool import PoolHeadConfig
from tokenlayer.original.statistics import COLUMNS
from tokenlayer.training import plots
from tokenlayer.training.callbacks.grads_log import GradsLogConfig
from tokenlayer.training.callbacks.vals_log import ValsLogConfig


@pytest.fixture
def log():
    rng = np.random.default_rng(0)
    return pd.DataFrame({"step": range(12)} | {column: rng.random(12) for column in COLUMNS})


@pytest.fixture
def metrics():
    rows = [("train/accuracy", 0, 0.5), ("train/accuracy", 5, 0.6), ("validation/loss", 5, 0.7)]
    return pd.DataFrame(rows, columns=["key", "step", "value"])


def lines(figure):
    return [[line for line in axes.lines if len(line.get_xdata())] for axes in figure.axes]


def drawn(figure):
    figure.canvas.draw()
    return figure


def test_a_panel_for_each_layer_and_parameter(log):
    figure = drawn(plots.moments(log, "Gradients"))
    assert [axes.get_title() for axes in figure.axes] == [column.removesuffix("_mean") for column in COLUMNS[::2]]
    assert all(len(panel) == 2 for panel in lines(figure))
    std, mean = lines(figure)[0]
    np.testing.assert_array_equal(mean.get_ydata(), log["out_mean"])
    np.testing.assert_array_equal(std.get_ydata(), log["out_std"])


@pytest.mark.parametrize("columns", [["head.out_std"], ["head.out_std", "head.bias_mean"], ["head.bias_mean"]])
def test_panels_of_one_line_and_a_legend_of_what_there_is(columns):
    frame = pd.DataFrame({"step": range(3)} | {column: [0.1, 0.3, 0.2] for column in columns})
    figure = drawn(plots.moments(frame, "Values"))
    assert [axes.get_title() for axes in figure.axes] == [column.rpartition("_")[0] for column in columns]
    assert [len(panel) for panel in lines(figure)] == [1] * len(columns)
    (legend,) = [axes.get_legend() for axes in figure.axes if axes.get_legend() is not None]
    assert [text.get_text() for text in legend.get_texts()] == [column.rpartition("_")[2] for column in columns]


@pytest.mark.parametrize(
    ("head", "n_classes"),
    [(PoolHeadConfig(), 2), (PoolHeadConfig("max"), 3), (ConvHeadConfig(), 2), (AttentionHeadConfig(width=8), 3)],
    ids=["pool", "max", "conv", "attention"],
)
def test_logs_of_every_head_fill_their_panels(training: Training, head: HeadConfig, n_classes: int) -> None:
    training.model.head = head
    training.dataset.n_classes = n_classes
    recorder = training.fit(GradsLogConfig(), ValsLogConfig()).recorder
    for name in ("grads_log", "vals_log"):
        figure = drawn(plots.moments(recorder.load_log(f"logs/{name}"), name))
        assert len(figure.axes) > 4
        for axes, panel in zip(figure.axes, lines(figure), strict=True):
            values = np.concatenate([line.get_ydata() for line in panel])
            assert np.isfinite(values).all(), axes.get_title()
            assert np.ptp(values) > 0, axes.get_title()
        texts = [axes.title.get_window_extent() for axes in figure.axes]
        assert not any(one.overlaps(other) for one, other in itertools.combinations(texts, 2))
        bottom = {axes.get_subplotspec().colspan.start: axes for axes in figure.axes}.values()
        assert all(axes.xaxis.get_tick_params()["labelbottom"] for axes in bottom)


def test_loss_and_accuracy_of_runs_without_validation_or_test(metrics):
    train = pd.DataFrame({"step": range(6), "loss": np.linspace(0.7, 0.6, 6)})
    figure = drawn(plots.loss_accuracy(train, metrics))
    assert [len(panel) for panel in lines(figure)] == [3, 1]
    nothing = pd.DataFrame({"key": [], "step": [], "value": []})
    assert [len(panel) for panel in lines(drawn(plots.loss_accuracy(train, nothing)))] == [2]


def test_what_was_never_measured_has_no_panel(log):
    log["dense_mean"] = log["dense_std"] = np.nan
    titles = [axes.get_title() for axes in drawn(plots.moments(log, "Gradients")).axes]
    assert "dense" not in titles
    assert len(titles) == 9


def test_turnover_is_the_share_of_patterns_that_changed():
    patterns = pd.DataFrame(
        {
            "step": [0, 0, 10, 10, 20, 20],
            "neuron": [0, 1, 0, 1, 0, 1],
            "pattern": ["ab", "cd", "ab", "ce", "ab", "cd"],
            "matches": [0, 2, 1, 2, 0, 0],
        }
    )
    (first, before), (live,) = lines(drawn(plots.turnover(patterns)))
    assert first.get_ydata().tolist() == [0, 0.5, 0]
    assert before.get_ydata().tolist() == [0, 0.5, 0.5]
    assert live.get_ydata().tolist() == [0.5, 1, 0]
    assert live.get_xdata().tolist() == [0, 10, 20]

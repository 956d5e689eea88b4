import numpy as np
import pandas as pd
import pytest

from tokenlayer.training import plots
from tokenlayer.training.layer_statistics import COLUMNS


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
    assert [axes.get_title() for axes in figure.axes] == [
        column.removesuffix("_mean").replace("_", " ") for column in COLUMNS[::2]
    ]
    assert all(len(panel) == 2 for panel in lines(figure))
    np.testing.assert_array_equal(lines(figure)[0][1].get_ydata(), log["out_mean"])


def test_columns_that_the_model_does_not_have_are_empty_panels(log):
    log[["dense_mean", "dense_std", "out_mean", "out_std"]] = None
    figure = drawn(plots.moments(log, "Values"))
    assert [len(panel) for panel in lines(figure)] == [0, 0, *[2] * 8]
    # The legend stands where there is something to explain.
    (legend,) = [axes.get_legend() for axes in figure.axes if axes.get_legend() is not None]
    assert [text.get_text() for text in legend.get_texts()] == ["std", "mean"]


def test_loss_and_accuracy_of_runs_without_validation_or_test(metrics):
    train = pd.DataFrame({"step": range(6), "loss": np.linspace(0.7, 0.6, 6)})
    figure = drawn(plots.loss_accuracy(train, metrics))
    assert [len(panel) for panel in lines(figure)] == [3, 1]
    nothing = pd.DataFrame({"key": [], "step": [], "value": []})
    assert [len(panel) for panel in lines(drawn(plots.loss_accuracy(train, nothing)))] == [2, 0]


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

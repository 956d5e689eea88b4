"""The example's training run, in float64 and in float32.

The original ran in float32, and Adam divides by √v: where a gradient is small, its rounding error becomes one
of the update. Hence tolerances above float32's own precision after the first step.
"""

import numpy as np
import pytest
import torch
from golden_file import assert_close
from training_run import INPUTS, PARAMETERS, in_keras_layout, trained

from tokenlayer.original.statistics import COLUMNS
from tokenlayer.text.alphabet import Alphabet

RTOL = 2e-4
RTOL_FIRST_STEP = 5e-6
ZERO = 1e-7
ZERO_OF_ACTIVATIONS = 1e-6
NAMES = [column.removesuffix("_mean") for column in COLUMNS[::2]]
BEHIND_BATCH_NORM = ["embedding", "tokenization"]

pytestmark = pytest.mark.golden(*INPUTS)
dtypes = pytest.mark.parametrize("dtype", [torch.float64, torch.float32])


@pytest.fixture
def run(golden, dtype):
    for key in INPUTS:
        assert golden[key].size  # what `trained` reads
    return trained(dtype)


@dtypes
@pytest.mark.golden("train_loss", "train_running_accuracy")
def test_loss_and_running_accuracy(golden, run):
    np.testing.assert_allclose(run.loss, golden["train_loss"], rtol=2e-5)
    np.testing.assert_allclose(run.accuracy, golden["train_running_accuracy"], rtol=1e-6)


@dtypes
@pytest.mark.parametrize("name", PARAMETERS)
@pytest.mark.golden("train_step0_grad_{name}")
def test_gradients_of_the_first_step(golden, run, name):
    expected = golden[f"train_step0_grad_{name}"]
    assert_close(in_keras_layout(name, run.first_gradients[name]), expected, RTOL_FIRST_STEP)


@dtypes
@pytest.mark.parametrize("name", PARAMETERS)
@pytest.mark.golden("train_final_{name}")
def test_parameters_after_the_last_step(golden, run, name):
    expected = golden[f"train_final_{name}"]
    assert_close(in_keras_layout(name, PARAMETERS[name](run.model)), expected, RTOL)


@dtypes
@pytest.mark.golden("train_final_bn_moving_mean", "train_final_bn_moving_variance")
def test_running_statistics_of_batch_norm(golden, run):
    assert_close(run.model.head.batch_norm.running_mean, golden["train_final_bn_moving_mean"], RTOL)
    assert_close(run.model.head.batch_norm.running_var, golden["train_final_bn_moving_variance"], RTOL)


@dtypes
@pytest.mark.golden("train_final_eval_probs_batch0")
def test_evaluation_after_training(golden, run):
    with torch.no_grad():
        probabilities = run.model(torch.tensor(golden["train_codes"][0].astype(np.int64))).probabilities
    np.testing.assert_allclose(probabilities, golden["train_final_eval_probs_batch0"], rtol=RTOL)


@dtypes
@pytest.mark.golden("train_final_decoded", "train_chars")
def test_decoded_patterns_after_training(golden, run):
    decoded = run.model.tokenization.vocabulary().decode(Alphabet(golden.text("train_chars")))
    assert decoded == golden.json("train_final_decoded")


@pytest.mark.parametrize("dtype", [torch.float64])
@pytest.mark.golden("log_columns")
def test_columns_are_the_originals_in_its_order(golden, run):
    assert [name.lower().replace(" ", "_") for name in golden.json("log_columns")] == list(COLUMNS)
    assert all(list(row) == list(COLUMNS) for row in run.grads_log + run.vals_log)


def pair(log, name):
    """(steps, 2): the mean and std columns of a layer or parameter, of the golden log or of ours."""
    columns = [COLUMNS.index(f"{name}_mean"), COLUMNS.index(f"{name}_std")]
    return np.asarray(log, dtype=np.float64)[:, columns]


def rows(log):
    return [[row[column] for column in COLUMNS] for row in log]


def assert_moments_close(actual, expected):
    """A mean of numbers of both signs may be near zero by chance: it is as exact as |mean| + std is large."""
    scale = np.stack([np.abs(expected).sum(1), expected[:, 1]], axis=1)
    assert (np.abs(actual - expected) <= RTOL * scale).all()


@dtypes
@pytest.mark.parametrize("name", [name for name in NAMES if name not in BEHIND_BATCH_NORM])
@pytest.mark.golden("train_grads_log")
def test_gradient_columns(golden, run, name):
    assert_moments_close(pair(rows(run.grads_log), name), pair(golden["train_grads_log"], name))


@dtypes
@pytest.mark.parametrize("name", BEHIND_BATCH_NORM)
@pytest.mark.golden("train_grads_log")
def test_gradient_columns_that_batch_norm_makes_zero(golden, run, name):
    """What comes back through batch norm sums to zero over the batch at each position: rounding is left."""
    assert np.abs(pair(golden["train_grads_log"], name)).max() < ZERO
    assert np.abs(pair(rows(run.grads_log), name)).max() < ZERO


@dtypes
@pytest.mark.parametrize("name", [name for name in NAMES if name != "dense"])
@pytest.mark.golden("train_vals_log")
def test_value_columns(golden, run, name):
    assert_moments_close(pair(rows(run.vals_log), name), pair(golden["train_vals_log"], name))


@dtypes
@pytest.mark.golden("train_vals_log")
def test_value_columns_of_dense(golden, run):
    """Batch norm's output has the batch mean β, so that the batch mean of Dense is β @ kernel + bias. While
    both are zero, at the first step, the columns hold the rounding of numbers of size one, there as here.
    """
    actual, expected = pair(rows(run.vals_log), "dense"), pair(golden["train_vals_log"], "dense")
    zero = np.array(run.unshifted)
    assert np.abs(actual[zero]).max(initial=0) < ZERO_OF_ACTIVATIONS
    assert np.abs(expected[zero]).max(initial=0) < ZERO_OF_ACTIVATIONS
    assert_moments_close(actual[~zero], expected[~zero])

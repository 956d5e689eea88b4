import json

import numpy as np
import pytest
import pytorch_lightning as pl
import torch
from tiny_training import STEPS_PER_EPOCH, N, Training

from tokenlayer.layer.vocabulary import BLANK
from tokenlayer.rules.base import LearningRuleConfig
from tokenlayer.rules.frozen import FrozenRuleConfig
from tokenlayer.text.alphabet import Alphabet
from tokenlayer.training.callbacks.checkpoints import CheckpointsConfig
from tokenlayer.training.callbacks.patterns_log import PatternsLogConfig
from tokenlayer.training.callbacks.token_effects import TokenEffectsConfig


class VectorGradients(pl.Callback):
    """Keeps the gradient of every token's vector, as `autograd.grad` gives it, of what is minimised at each step."""

    def __init__(self):
        self.gradients = []

    def on_before_backward(self, trainer, pl_module, loss):
        (gradient,) = torch.autograd.grad(loss, pl_module.model.embedding.weight, retain_graph=True)
        self.gradients.append(gradient.numpy().copy())


@pytest.mark.parametrize("rule", [None, FrozenRuleConfig()], ids=["graft", "frozen"])
def test_the_gradient_of_a_token_is_the_length_of_that_of_its_vector(
    training: Training, rule: LearningRuleConfig | None
) -> None:
    training.rule = rule or training.rule
    training.dataset.n_classes = 3
    witness = VectorGradients()
    log = training.fit(PatternsLogConfig(every=4), more=[witness]).recorder.load_log("logs/patterns_log")
    assert log["step"].unique().tolist() == list(range(0, STEPS_PER_EPOCH, 4))
    for step, rows in log.groupby("step"):
        expected = np.sqrt((witness.gradients[step] ** 2).sum(1))
        np.testing.assert_allclose(rows.set_index("neuron")["gradient"].loc[range(N)], expected, rtol=1e-5)
    assert log["gradient"].gt(0).any()


def test_the_gradient_of_a_pattern_is_the_originals_summary(original: Training) -> None:
    kept = []

    class Patterns(pl.Callback):
        def on_before_optimizer_step(self, trainer, pl_module, optimizer):
            kept.append(pl_module.model.tokenization.patterns.grad.numpy().copy())

    log = original.fit(PatternsLogConfig(every=8), more=[Patterns()]).recorder.load_log("logs/patterns_log")
    for step, rows in log.groupby("step"):
        expected = kept[step].std((0, 1)) + np.abs(kept[step].mean((0, 1)))
        np.testing.assert_allclose(rows["gradient"], expected, rtol=1e-4, atol=1e-9)
    assert log["gradient"].gt(0).any()


def test_the_table_of_a_learned_vocabulary_begins_with_the_longest_vectors(training: Training) -> None:
    training.model.embedding_dim = 2
    fitted = training.fit(PatternsLogConfig(), CheckpointsConfig())
    log = fitted.recorder.load_log("logs/patterns_log")
    latest = log[log["step"] == log["step"].max()]
    lengths = np.linalg.norm(np.stack(latest["embedding"].tolist()), axis=1)
    path = fitted.recorder.directory / "patterns" / f"step_{latest['step'].iloc[0]:06d}.json"
    table = json.loads(path.read_text())
    token_id = table["columns"].index("neuron")
    assert [row[token_id] for row in table["data"]] == np.argsort(-lengths, kind="stable").tolist()


def test_the_last_table_is_the_vocabulary_at_the_end_without_places_of_no_token(training: Training) -> None:
    class Emptied(pl.Callback):
        """Takes two tokens away after the last step, as a rule does that finds none to put there."""

        def on_train_end(self, trainer, pl_module):
            pl_module.model.tokenization.replace(torch.tensor([3, 7]), torch.full((2, 4), BLANK))

    often = CheckpointsConfig(seconds_apart=0)
    fitted = training.fit(PatternsLogConfig(), often, TokenEffectsConfig(), more=[Emptied()], test=True)
    tables = sorted((fitted.recorder.directory / "patterns").iterdir())
    assert [path.name for path in tables] == [
        "step_000000.json",
        "step_000010.json",
        f"step_{STEPS_PER_EPOCH:06d}.json",
    ]
    table = json.loads(tables[-1].read_text())
    shown = {row[0]: row[1] for row in table["data"]}
    alphabet = Alphabet(fitted.module._header["alphabet"])
    final = fitted.module.model.tokenization.vocabulary().decode(alphabet)
    assert shown == {n: pattern.rstrip("█").replace(" ", "␣") for n, pattern in enumerate(final) if n not in (3, 7)}
    effects = json.loads((fitted.recorder.directory / "tokens/effects.json").read_text())
    assert len(effects["data"]) == N - 2

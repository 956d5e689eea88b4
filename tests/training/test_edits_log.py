"""The log of edits against the vocabulary as it was seen at every step."""

import numpy as np
import pytest
import pytorch_lightning as pl
from random_edits import RandomEditsConfig
from tiny_training import STEPS_PER_EPOCH, Training

from tokenlayer.rules.frozen import FrozenRuleConfig
from tokenlayer.training.callbacks.edits_log import EditsLogConfig


class Witness(pl.Callback):
    """Notes all patterns and vectors before and after each step."""

    def __init__(self):
        self.before, self.after, self.vectors = [], [], []

    def _patterns(self, trainer, pl_module):
        return pl_module.model.tokenization.vocabulary().decode(trainer.datamodule.prepared.alphabet)

    def on_train_batch_start(self, trainer, pl_module, batch, batch_idx):
        self.before.append(self._patterns(trainer, pl_module))

    def on_train_batch_end(self, trainer, pl_module, outputs, batch, batch_idx):
        self.after.append(self._patterns(trainer, pl_module))
        self.vectors.append(pl_module.model.embedding.weight.detach().numpy().copy())


@pytest.fixture
def editing(training: Training) -> Training:
    training.model.embedding_dim = 2
    training.rule = RandomEditsConfig()
    training.trainer.max_epochs = 2
    return training


def test_each_row_is_a_replacement_that_happened(editing: Training) -> None:
    witness = Witness()
    fitted = editing.fit(EditsLogConfig(), more=[witness])
    log = fitted.recorder.load_log("logs/edits")
    assert log["step"].unique().tolist() == list(range(3, 2 * STEPS_PER_EPOCH, 4))
    assert log.groupby("step").size().eq(5).all()
    assert (log["epoch"] == log["step"] // STEPS_PER_EPOCH).all()
    assert (log["batch"] == log["step"] % STEPS_PER_EPOCH).all()
    born = np.zeros(40, dtype=int)
    for row in log.itertuples():
        assert witness.before[row.step][row.neuron] == row.previous
        assert witness.after[row.step][row.neuron] == row.pattern
        # Of the step before: Adam moves a vector by little in one.
        np.testing.assert_allclose(row.previous_embedding, witness.vectors[row.step - 1][row.neuron], atol=0.03)
        assert row.age == row.step + 1 - born[row.neuron]
        born[row.neuron] = row.step + 1
    assert set(log["reason"]) == {"dead", "weak"}
    assert log["score"].between(0, 1).all()


def test_the_rules_own_figures_are_metrics(editing: Training) -> None:
    metrics = editing.fit(EditsLogConfig()).recorder.load_metrics()
    steps = list(range(3, 2 * STEPS_PER_EPOCH, 4))
    for key, values in (("rule/replaced", [5] * len(steps)), ("rule/edits", [*range(1, len(steps) + 1)])):
        rows = metrics[metrics["key"] == key]
        assert (rows["step"].tolist(), rows["value"].tolist()) == (steps, values)


def test_a_line_names_the_new_tokens_after_each_validation(editing: Training) -> None:
    witness = Witness()
    fitted = editing.fit(EditsLogConfig(shown=2), more=[witness])
    first, second = [line for line in fitted.shown.splitlines() if "new since" in line]
    assert first.split(", top ")[0].split()[4:] == ["are", "new", "since", "step", "0"]
    log = fitted.recorder.load_log("logs/edits")
    new = log[log["epoch"] == 1]
    assert second.startswith(f"  {new['neuron'].nunique()} of 40 tokens are new since step {STEPS_PER_EPOCH}, top")
    model = fitted.module.model
    weight = (model.embedding.weight @ model.head.out.weight.T).detach()[:, 0].numpy()
    strongest = max(new["neuron"].unique(), key=lambda token_id: abs(weight[token_id]))
    shown = f'"{witness.after[-1][strongest].strip("█")}" (class_{int(weight[strongest] > 0)})'
    assert second.split(", top ")[1].startswith(shown)
    assert second.count("(class_") == 2


def test_a_line_about_one_token(editing: Training) -> None:
    editing.rule = RandomEditsConfig(every=STEPS_PER_EPOCH, replaced=1)
    editing.trainer.max_epochs = 1
    assert "  1 of 40 tokens is new since step 0, top " in editing.fit(EditsLogConfig(shown=2)).shown


def test_a_rule_that_edits_nothing_leaves_no_log(editing: Training) -> None:
    editing.rule = FrozenRuleConfig()
    fitted = editing.fit(EditsLogConfig())
    assert fitted.recorder.load_log("logs/edits").empty
    assert "new since" not in fitted.shown

"""Lives of tokens against the vocabulary as it was seen at every step."""

import json

import numpy as np
import pandas as pd
import pytest
import pytorch_lightning as pl
import torch
from random_edits import RandomEditsConfig
from tiny_training import STEPS_PER_EPOCH, Training

from tokenlayer.models.classifier import ModelConfig
from tokenlayer.models.heads.pool import PoolHeadConfig
from tokenlayer.rules.frozen import FrozenRuleConfig
from tokenlayer.training import token_history
from tokenlayer.training.callbacks.edits_log import EditsLogConfig
from tokenlayer.training.callbacks.patterns_log import PatternsLogConfig
from tokenlayer.training.callbacks.token_history import TokenHistoryConfig
from tokenlayer.training.token_history import Record

EPOCHS = 2
STEPS = EPOCHS * STEPS_PER_EPOCH
N = 40


class Witness(pl.Callback):
    """Notes all patterns and vectors before each step, and at the end."""

    def __init__(self):
        self.patterns, self.vectors = [], []

    def _note(self, trainer, pl_module):
        vocabulary = pl_module.model.tokenization.vocabulary()
        self.patterns.append(vocabulary.decode(trainer.datamodule.prepared.alphabet))
        self.vectors.append(pl_module.model.embedding.weight.detach().numpy().copy())

    def on_train_batch_start(self, trainer, pl_module, batch, batch_idx):
        self._note(trainer, pl_module)

    def on_train_end(self, trainer, pl_module):
        self._note(trainer, pl_module)


def trained(training, *configs, n_classes=2, rule=None):
    training.dataset.n_classes = n_classes
    training.model = ModelConfig(PoolHeadConfig(), vocab_size=N, embedding_dim=2)
    training.rule = rule or RandomEditsConfig()
    training.trainer.max_epochs = EPOCHS
    witness = Witness()
    fitted = training.fit(*configs, TokenHistoryConfig(), more=[witness], test=True)
    return fitted, witness


def read(fitted):
    return pd.read_parquet(fitted.recorder.directory / "tokens" / "biography.parquet")


def class_weight(vector, out, towards):
    """What a vector adds to the logit of a class against the mean, or to the only one."""
    change = out @ vector
    return change[0] if len(change) == 1 else change[int(towards[-1])] - change.mean()


@pytest.mark.parametrize("n_classes", [2, 3])
def test_every_life_is_one_that_was_lived(training: Training, n_classes: int) -> None:
    fitted, witness = trained(training, PatternsLogConfig(every=3), EditsLogConfig(), n_classes=n_classes)
    lives = read(fitted)
    out = fitted.module.model.head.out.weight.detach().numpy()
    lived = np.zeros((STEPS + 1, N), dtype=int)
    for life in lives.itertuples():
        until = STEPS + 1 if pd.isna(life.died) else int(life.died)
        assert {witness.patterns[step][life.neuron] for step in range(life.born, until)} == {life.pattern}
        lived[life.born : until, life.neuron] += 1
        last = min(until, STEPS) if pd.isna(life.died) else until - 1
        # Of the dead: the vector behind the last update, before the edit.
        tolerance = 1e-5 if pd.isna(life.died) else 0.01
        expected = class_weight(witness.vectors[last][life.neuron], out, life.towards)
        assert life.weight == pytest.approx(expected, abs=tolerance)
        for step, weight in zip(life.steps, life.weights, strict=True):
            assert life.born <= step < until
            assert weight == pytest.approx(
                class_weight(witness.vectors[step][life.neuron], out, life.towards), abs=1e-5
            )
    assert (lived == 1).all()
    recorded = {step for step in range(STEPS) if step % STEPS_PER_EPOCH % 3 == 0} | {STEPS}
    assert set(np.concatenate(lives["steps"])) == recorded
    assert lives["died"].notna().sum() == len(fitted.recorder.load_log("logs/edits"))
    assert set(lives.loc[lives["died"].notna(), "reason"]) == {"dead", "weak"}
    assert (lives.loc[lives["died"].isna(), "reason"] == "").all()
    assert (lives["score"].isna() == (lives["born"] == 0)).all()
    if n_classes == 2:
        assert (lives["towards"] == np.where(lives["weight"] > 0, "class_1", "class_0")).all()
    assert lives["tested"].equals(lives["died"].isna())


def test_the_table_of_the_ui_begins_with_the_heaviest_that_live(training: Training) -> None:
    fitted, _ = trained(training, EditsLogConfig())  # no patterns_log: no weights in between
    table = json.loads((fitted.recorder.directory / "tokens" / "biography.json").read_text())
    shown = pd.DataFrame(table["data"], columns=table["columns"])
    lives = read(fitted)
    assert len(shown) == len(lives)
    living = shown.head(N)
    assert living["died"].isna().all()
    assert living["weight"].abs().is_monotonic_decreasing
    dead = shown.iloc[N:]
    assert dead["died"].is_monotonic_decreasing
    assert lives["steps"].map(len).isin([0, 1]).all()
    names = fitted.module.model.tokenization.vocabulary().decode(fitted.data.prepared.alphabet)
    for row in living.itertuples():
        assert row.pattern == names[row.neuron].strip("█").replace(" ", "␣")
    tokens = fitted.module.model.tokenization
    test = fitted.data.prepared.splits["test"]
    found = tokens(torch.from_numpy(test.codes.copy())).matches.distinct()
    for row in living.to_dict("records"):
        texts = found.text[found.token_id == row["neuron"]].numpy()
        for c in (0, 1):
            assert row[f"texts of class_{c}"] == int((test.labels[texts] == c).sum())
    assert dead["texts of class_0"].isna().all()


def test_of_a_frozen_vocabulary_all_tokens_live_from_first_to_last(training: Training) -> None:
    fitted, _ = trained(training, PatternsLogConfig(), EditsLogConfig(), rule=FrozenRuleConfig())
    lives = read(fitted)
    assert len(lives) == N
    assert (lives["born"] == 0).all()
    assert lives["died"].isna().all()
    assert [list(steps) for steps in lives["steps"]] == [[0, 10, 17, 27, STEPS]] * N
    assert {path.name for path in (fitted.recorder.directory / "figures").iterdir()} == {
        "biography.png",
        "final_tokens.png",
    }


def test_without_any_log_of_the_patterns_only_the_final_tokens_are_drawn(training: Training) -> None:
    fitted, _ = trained(training)
    assert not (fitted.recorder.directory / "tokens").exists()
    assert [path.name for path in (fitted.recorder.directory / "figures").iterdir()] == ["final_tokens.png"]


def record(step, *patterns):
    return Record(step, patterns, np.arange(len(patterns), dtype=np.float32)[:, None] + step)


def test_characters_that_move_end_a_life_at_the_record_that_shows_it() -> None:
    lives = token_history.sampled_lives([record(0, "ab", "cd"), record(10, "ab", "ce"), record(25, "aa", "ce")])
    columns = ["neuron", "pattern", "born", "died", "reason"]
    assert lives[columns].astype(object).where(lives[columns].notna(), None).to_numpy().tolist() == [
        [0, "ab", 0, 25, "changed"],
        [0, "aa", 25, None, ""],
        [1, "cd", 0, 10, "changed"],
        [1, "ce", 10, None, ""],
    ]
    assert [vector.tolist() for vector in lives["last_vector"]] == [[10.0], [25.0], [1.0], [26.0]]


def test_more_records_than_wanted_are_thinned_evenly() -> None:
    rows = [(step, n, f"p{n}", [float(step)]) for step in range(0, 100, 10) for n in (1, 0)]
    log = pd.DataFrame(rows, columns=["step", "neuron", "pattern", "embedding"])
    found = token_history.records(log, record(95, "p0", "p1"), at_most=4)
    assert [entry.step for entry in found] == [0, 30, 60, 90, 95]
    assert found[1].patterns == ["p0", "p1"]
    assert found[1].vectors.tolist() == [[30.0], [30.0]]


def test_a_tested_model_of_an_earlier_step_holds_the_lives_of_that_step() -> None:
    lives = token_history.sampled_lives([record(0, "ab", "cd"), record(10, "ab", "ce"), record(25, "ab", "cd")])
    assert lives["pattern"].tolist() == ["ab", "cd", "ce", "cd"]
    assert token_history.tested(lives, ["ab", "ce"]).tolist() == [True, False, True, False]
    assert token_history.tested(lives, ["ab", "cd"]).tolist() == [True, False, False, True]
    assert token_history.tested(lives, ["xx", "cd"]).tolist() == [False, False, False, True]

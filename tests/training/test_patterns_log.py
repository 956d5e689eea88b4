import json

import numpy as np
from tiny_training import Training

from tokenlayer.rules.frozen import FrozenRuleConfig
from tokenlayer.training.callbacks.checkpoints import CheckpointsConfig
from tokenlayer.training.callbacks.patterns_log import PatternsLogConfig


def test_without_gradients_of_characters_the_table_begins_with_the_longest_vectors(training: Training) -> None:
    training.rule = FrozenRuleConfig()
    training.model.embedding_dim = 2
    fitted = training.fit(PatternsLogConfig(), CheckpointsConfig())
    log = fitted.recorder.load_log("logs/patterns_log")
    assert log["gradient"].isna().all()
    latest = log[log["step"] == log["step"].max()]
    lengths = np.linalg.norm(np.stack(latest["embedding"].tolist()), axis=1)
    path = fitted.recorder.directory / "patterns" / f"step_{latest['step'].iloc[0]}.json"
    table = json.loads(path.read_text())
    token_id = table["columns"].index("neuron")
    assert [row[token_id] for row in table["data"]] == np.argsort(-lengths, kind="stable").tolist()

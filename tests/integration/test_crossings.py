"""Parts of the original and of the recommended setting together: every start fits every rule, every rule every head."""

from pathlib import Path

import pytest
import torch
from tiny_runs import QUIET, Recorded, Store

from tokenlayer.cli.main import main

N = 30
SETTINGS = [
    "dataset=planted",
    "dataset.n_texts=200",
    "dataset.text_length=60",
    "dataset.n_words=12",
    "dataset.batch_size=8",
    f"model.vocab_size={N}",
    "trainer=cpu",
    "trainer.threads=1",
    "trainer.max_epochs=1",
    *QUIET,
]
GRAFT = [
    "learning_rule=graft",
    "learning_rule.ngram_lengths=[2,3,4]",
    "learning_rule.edit_interval=0.3",
    "learning_rule.min_texts=3",
]
RANDOM_NGRAMS = ["initializer=random_ngrams", "initializer.ngram_lengths=[2,3,4]"]


@pytest.fixture
def store(output_dir: Path) -> Store:
    return Store(output_dir)


def trained(store: Store, *settings: str) -> Recorded:
    """The run, tested and restored from its checkpoint."""
    output = f"output_dir={store.output_dir}"
    assert main(["train", *SETTINGS, *settings, output]) == 0
    (run,) = store.runs()
    assert main(["evaluate", f"run={run.run_id}", output]) == 0
    return run


def final_codes(run: Recorded) -> torch.Tensor:
    saved = torch.load(run.artifacts / "checkpoints" / "last.ckpt", weights_only=True)
    codes: torch.Tensor = saved["state_dict"]["model.tokenization.codes"]
    return codes


@pytest.mark.parametrize("head", ["pool", "flatten"])
def test_graft_replaces_the_originals_random_tokens(store: Store, head: str) -> None:
    run = trained(store, "initializer=original_gaussian", f"model/head={head}", *GRAFT)
    log = run.log("patterns_log")
    first, last = (set(log[log.step == step].pattern) for step in (log.step.min(), log.step.max()))
    assert first != last
    replaced = run.log("edits")
    assert len(replaced) > 0
    assert final_codes(run).shape == (N, 13)


def test_the_originals_random_tokens_stay_under_a_frozen_rule(store: Store) -> None:
    run = trained(store, "initializer=original_gaussian", "learning_rule=frozen", "model/head=pool")
    log = run.log("patterns_log")
    first, last = (list(log[log.step == step].pattern) for step in (log.step.min(), log.step.max()))
    assert len(first) == N
    assert first == last
    assert final_codes(run).min() >= 0, "random characters in every column"


def test_graft_edits_beneath_the_flatten_head(store: Store) -> None:
    run = trained(store, *RANDOM_NGRAMS, "model/head=flatten", *GRAFT)
    assert len(run.log("edits")) > 0


@pytest.mark.parametrize(
    ("model", "pooling"), [("tokens", "presence"), ("tokens", "sum"), ("tokens", "mean"), ("original", "presence")]
)
def test_the_originals_rule_moves_patterns_beneath_a_pooled_head(store: Store, model: str, pooling: str) -> None:
    run = trained(
        store,
        *RANDOM_NGRAMS,
        "learning_rule=original",
        f"model={model}",
        "model/head=pool",
        f"model.head.pooling={pooling}",
    )
    assert (run.log("grads_log")["tokenization.patterns_std"] > 0).all()
    values = run.log("vals_log")["tokenization.patterns_mean"]
    assert values.iloc[0] != values.iloc[-1]

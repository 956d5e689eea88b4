"""Every initializer of a fixed vocabulary, from training to evaluation, by the real command."""

from collections.abc import Callable

import pytest
import torch
from tiny_runs import Recorded, Store

from tokenlayer.cli.main import main

TINY = (
    "dataset=planted",
    "dataset.n_texts=200",
    "dataset.text_length=60",
    "dataset.n_words=12",
    "dataset.batch_size=8",
    "learning_rule=frozen",
    "model/head=pool",
    "optimizer.lr=0.02",
    "trainer.accelerator=cpu",
    "trainer.threads=1",
    *(
        f"callbacks.{name}=null"
        for name in ("figures", "token_history", "token_effects", "grads_log", "vals_log", "preview", "live_view")
    ),
)
SHORT = ["initializer.ngram_lengths=[2,3,4]", "initializer.min_texts=3"]
VOCABULARIES = {
    "random_ngrams": ["initializer.ngram_lengths=[2,3,4]"],
    "frequent_ngrams": ["initializer.ngram_lengths=[2,3,4]"],
    "chi2_ngrams": SHORT,
    "l1_ngrams": SHORT,
    "l0_ngrams": SHORT,
    "frequent_words": ["initializer.longest=12", "initializer.min_texts=2"],
    "chi2_words": ["initializer.longest=12", "initializer.min_texts=2"],
    "l1_words": ["initializer.longest=12", "initializer.min_texts=2"],
    "bpe_segmented": [],
    "unigram_segmented": [],
    "characters": [],
}
SEGMENTED = ("bpe_segmented", "unigram_segmented")


def weights(run: Recorded) -> dict[str, object]:
    checkpoint = torch.load(run.artifacts / "checkpoints" / "last.ckpt", weights_only=True)
    return {name: value for name, value in checkpoint["state_dict"].items() if name.startswith("model.")}


def settings(name: str) -> list[str]:
    return [f"initializer={name}", *VOCABULARIES[name], f"model.vocab_size={18 if name == 'characters' else 40}"]


@pytest.mark.parametrize("name", VOCABULARIES)
def test_an_evaluation_finds_what_the_run_found(name: str, store: Store, train: Callable[..., Recorded]) -> None:
    run = train(*settings(name), "trainer.max_epochs=2", tiny=TINY)
    metrics = {key: value for key, value in run.run.data.metrics.items() if key.startswith("test/")}
    device = ["trainer.accelerator=cpu", "trainer.threads=1"]
    assert main(["evaluate", run.run_id, f"output_dir={store.output_dir}", *device]) == 0
    evaluation = store.runs()[-1]
    assert {key: evaluation.run.data.metrics[key] for key in metrics} == metrics
    assert "test/accuracy" in metrics


@pytest.mark.parametrize("name", ["chi2_words", *SEGMENTED])
def test_a_resumed_run_is_the_run_that_was_not_stopped(name: str, store: Store, train: Callable[..., Recorded]) -> None:
    # A schedule that ends with the first epoch could not go on.
    constant = (*settings(name), "lr_scheduler=none")
    whole = train(*constant, "trainer.max_epochs=2", tiny=TINY)
    stopped = train(*constant, "trainer.max_epochs=1", tiny=TINY)
    resume = ["train", f"resume={stopped.run_id}", f"output_dir={store.output_dir}", "trainer.max_epochs=2"]
    assert main(resume) == 0
    (resumed,) = [run for run in store.runs() if run.run_id == stopped.run_id]
    theirs, ours = weights(whole), weights(resumed)
    assert set(theirs) == set(ours)
    assert ("model.tokenization.matcher._extra_state" in ours) is (name in SEGMENTED)
    for key, value in theirs.items():
        assert torch.equal(value, ours[key]) if isinstance(value, torch.Tensor) else value == ours[key], key


@pytest.mark.parametrize("name", ["chi2_words", "bpe_segmented"])
def test_a_rule_that_replaces_patterns_has_no_use_for_them(
    name: str, store: Store, capsys: pytest.CaptureFixture[str]
) -> None:
    line = [text for text in (*TINY, *settings(name)) if text != "learning_rule=frozen"]
    assert main(["train", *line, f"output_dir={store.output_dir}", "learning_rule=graft"]) == 2
    assert "add learning_rule=frozen" in capsys.readouterr().err
    assert store.runs() == []


def test_words_of_an_alphabet_without_a_space(store: Store, capsys: pytest.CaptureFixture[str]) -> None:
    line = [*TINY, *settings("chi2_words"), "dataset.alphabet.characters=abcdefghijklmnop"]
    assert main(["train", *line, f"output_dir={store.output_dir}"]) == 2
    assert "has no space" in capsys.readouterr().err

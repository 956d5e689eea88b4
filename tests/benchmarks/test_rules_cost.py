"""The cost of rules on tiny shapes; the figures themselves are not tested."""

import io
import json

import pytest
from benchmarks import rules
from rich.console import Console

TINY = (
    "dataset=planted",
    "dataset.n_texts=200",
    "dataset.text_length=60",
    "dataset.n_words=12",
    "dataset.batch_size=8",
    "model.vocab_size=20",
    "initializer.ngram_lengths=[2,3,4]",
    "learning_rule.ngram_lengths=[2,3,4]",
    "learning_rule.edit_interval=0.5",
    "trainer.accelerator=cpu",
    "trainer.threads=1",
    "trainer.max_epochs=4",
)


def in_this_process(target, *, overrides, **settings):
    if "learning_rule=frozen" in overrides or "data" in target:
        overrides = [text for text in overrides if not text.startswith("learning_rule.")]
    module, function = target.split(":")
    measure = getattr(__import__(module, fromlist=[function]), function)
    return {**json.loads(json.dumps(measure(overrides=overrides, **settings))), "peak_mb": 100.0}


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rules, "in_child", in_this_process)
        overrides = [*TINY, f"dataset.cache_dir={tmp_path_factory.mktemp('cache')}"]
        return {"source": "planted", **rules.measured(overrides, 6, Console(file=io.StringIO()))}


def test_every_rule_is_taken_apart(results):
    for rule in rules.RULES:
        assert set(results[rule]["parts_ms"]) == {"forward", "backward", "observe", "optimizer"}
        assert all(ms > 0 for ms in results[rule]["parts_ms"].values())
        assert results[rule]["batches"] == 17


def test_edits_of_rules_that_edit(results):
    assert (results["frozen"]["edits"], results["frozen"]["edit_s"]) == (0, [])
    for rule in rules.RULES[1:]:
        assert results[rule]["edits"] > 0.5
        assert len(results[rule]["edit_s"]) == 3


def test_an_epoch_is_its_steps_and_its_edits():
    of_rule = {"parts_ms": {"forward": 3.0, "observe": 2.0}, "edit_s": [1.0, 2.0, 9.0], "edits": 1.5, "batches": 1000}
    assert rules.epoch_s(of_rule) == pytest.approx(5 + 1.5 * 2)
    assert rules.rest_ms(of_rule) == 3
    assert rules.epoch_s(of_rule | {"edit_s": [], "edits": 0}) == pytest.approx(5)


def test_a_row_for_each_rule(results):
    output = io.StringIO()
    Console(file=output, width=200).print(rules.table(results))
    assert all(rule in output.getvalue() for rule in rules.RULES)


def test_the_recommended_experiment_is_what_is_measured(tmp_path):
    overrides = rules.configured(tmp_path / "a b.csv", tmp_path, 2, ["model.vocab_size=50"])
    assert overrides[0] == "experiment=learned_imdb"
    assert overrides[-2:] == ["trainer.threads=2", "model.vocab_size=50"]

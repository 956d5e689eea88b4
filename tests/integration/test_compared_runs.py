"""Real trainings of a small sweep, compared, listed, and their local copies pruned."""

import json
import os
import re
import shutil
from pathlib import Path

import pytest
from tiny_runs import TINY, Store, without

from tokenlayer.cli.main import main
from tokenlayer.comparison import compare_runs
from tokenlayer.tracking.sweep_tags import KEYS_TAG, KIND_TAG, NAME_TAG, SWEEP, job_tags, keys_tag

README = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory, empty_database: Path) -> Store:
    """Two learning rules, two seeds each, under one parent; and a baseline, which belongs to no sweep."""
    folder = tmp_path_factory.mktemp("trained")
    shutil.copyfile(empty_database, folder / "mlflow.db")
    store = Store(folder)
    tags = {KIND_TAG: SWEEP, NAME_TAG: "rules", KEYS_TAG: keys_tag(["learning_rule", "seed"])}
    parent = store.client.create_run("0", tags=tags, run_name="rules").info.run_id
    own = without("learning_rule")
    for rule in ("frozen", "random_regrow"):
        for seed in ("0", "1"):
            os.environ["MLFLOW_RUN_CONTEXT"] = json.dumps(job_tags(parent, {"learning_rule": rule, "seed": seed}))
            few = ["trainer.max_epochs=1", f"learning_rule={rule}", f"seed={seed}", f"output_dir={folder}"]
            assert main(["train", *own, *few]) == 0
    del os.environ["MLFLOW_RUN_CONTEXT"]
    store.client.set_terminated(parent)
    texts = [setting for setting in TINY if setting.startswith("dataset")]
    assert main(["baseline", "baseline=tfidf", *texts, f"output_dir={folder}"]) == 0
    return store


def test_a_sweep_of_trainings(trained: Store, capsys: pytest.CaptureFixture[str]) -> None:
    compared = compare_runs("rules", output_dir=trained.output_dir)
    assert compared.names == ["frozen", "random_regrow"]
    runs = [run.run for run in trained.runs() if "learning_rule" in run.run.data.tags]
    by_rule = {rule: [run for run in runs if run.data.tags["learning_rule"] == rule] for rule in compared.names}
    expected = [sum(run.data.metrics["test/accuracy"] for run in of) / 2 for of in by_rule.values()]
    assert compared.table["test/accuracy mean"].tolist() == pytest.approx(expected)
    assert compared.missing == []
    assert compared.pairs["seeds"].tolist() == [2]
    assert abs(compared.pairs["difference"].iloc[0]) == pytest.approx(abs(expected[0] - expected[1]))
    assert compared.curves.groupby("run_id")["value"].last().to_dict() == {
        run.info.run_id: run.data.metrics["validation/accuracy"] for run in runs
    }
    assert compared.overlaps["pairs"].tolist() == [1, 1]
    assert set(compared.tokens["condition"]) == {"frozen", "random_regrow"}
    assert "learning_rule._target_" in compared.differences["setting"].tolist()
    assert compared.shared["model.vocab_size"] == "30"
    assert main(["compare", "rules", f"output_dir={trained.output_dir}"]) == 0
    assert "All runs share dataset=planted, initializer=random_ngrams, " in capsys.readouterr().out


def test_trainings_beside_a_baseline(trained: Store) -> None:
    """Without a sweep; a baseline has predictions and no tokens."""
    compared = compare_runs(output_dir=trained.output_dir)
    assert len(compared.table) == 3
    assert compared.table["runs"].sum() == 5
    assert len(compared.pairs) == 2
    (missing,) = compared.missing_tokens
    assert "1 run is without recorded tokens" in missing


def test_the_sample_of_the_readme(trained: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    (sample,) = re.findall(r"```python\n(from tokenlayer\.comparison import .*?)```", README, re.DOTALL)
    monkeypatch.chdir(trained.output_dir.parent)
    (trained.output_dir.parent / "outputs").symlink_to(trained.output_dir)
    names: dict[str, object] = {}
    try:
        exec(sample, names)
    finally:
        (trained.output_dir.parent / "outputs").unlink()
    assert list(names["table"].columns[:2]) == ["learning_rule", "runs"]
    assert len(names["accuracies"]) == 2


def test_pruned_trainings_are_compared_all_the_same(trained: Store, capsys: pytest.CaptureFixture[str]) -> None:
    before = compare_runs("rules", output_dir=trained.output_dir)
    assert main(["runs", "--prune", f"output_dir={trained.output_dir}"]) == 0
    assert "5 local copies removed" in capsys.readouterr().out
    after = compare_runs("rules", output_dir=trained.output_dir)
    assert after.table.equals(before.table)
    assert after.pairs.equals(before.pairs)
    run_id = after.runs["run_id"].iloc[0]
    place = [f"output_dir={trained.output_dir}", "trainer.accelerator=cpu"]
    assert main(["evaluate", run_id, *place]) == 0
    assert main(["explain", run_id, "a text", f"output_dir={trained.output_dir}"]) == 0

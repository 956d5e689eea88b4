"""What the benchmark is built from."""

import ast
import sys
from types import SimpleNamespace

import numpy as np
import pytest
from benchmarks import against_original, source, training
from benchmarks.against_original import NotInstallableError, installed
from benchmarks.child import ROOT, in_child
from benchmarks.run import original_configuration
from benchmarks.setup import configuration
from benchmarks.stopwatch import median_ms

from tokenlayer.data.sources.imdb import ImdbConfig
from tokenlayer.original.flatten import FlattenHeadConfig
from tokenlayer.original.rule import OriginalRuleConfig


def test_steps_count_from_one_commit_to_the_next():
    steps = [float(step) for step in range(330)]
    assert training.window({"steps_ms": steps, "commit_every": 218}) == steps[330 - 218 :]
    assert training.window({"steps_ms": steps, "commit_every": 100}) == steps[30:]
    assert training.window({"steps_ms": steps, "commit_every": 301}) == steps[30:]


def test_summary_is_over_all_runs():
    runs = [{"steps_ms": [1.0] * 40, "commit_every": 5}, {"steps_ms": [3.0] * 40, "commit_every": 5}]
    summary = training.summary(runs)
    assert (summary["mean_ms"], summary["mean_ms_of_each"], summary["steps_of_each"]) == (2.0, [1.0, 3.0], [20, 20])


def test_the_median_leaves_the_warm_up_out():
    calls = []
    assert median_ms(lambda: calls.append(1), 3) >= 0
    assert len(calls) == 4


def test_a_child_answers_with_its_memory():
    held = np.ones(60_000_000)  # 480 MB that are this process's, not the child's
    result = in_child("collections:Counter", texts=3)
    assert held.all()
    assert result["texts"] == 3
    assert 1 < result["peak_mb"] < 200


def test_a_child_that_fails_says_why():
    with pytest.raises(RuntimeError, match="no attribute 'absent'"):
        in_child("benchmarks.child:absent")


def test_generated_texts_are_read_like_reviews(tmp_path):
    path = tmp_path / "generated.csv"
    source.generate(path, n_texts=60)
    raw = ImdbConfig(source=str(path)).load()
    lengths = np.array([len(text) for text in raw.texts])
    assert len(raw.texts) == 60
    assert raw.labels.sum() == 30
    assert 600 < np.median(lengths) < 2000


def test_the_original_s_experiment_is_measured(tmp_path):
    config = configuration(original_configuration(tmp_path / "a b.csv", tmp_path / "cache", 2))
    assert isinstance(config.dataset, ImdbConfig)
    assert config.dataset.source == str(tmp_path / "a b.csv")
    assert (config.dataset.batch_size, config.dataset.text_length) == (32, 2000)
    assert (config.model.vocab_size, config.initializer.default_token_length()) == (500, 13)
    assert config.trainer.threads == 2
    assert isinstance(config.model.head, FlattenHeadConfig)
    assert isinstance(config.learning_rule, OriginalRuleConfig)


def test_the_original_s_script_needs_nothing_of_this_repository():
    tree = ast.parse((ROOT / "benchmarks" / "original.py").read_text(encoding="utf-8"))
    imports = [node for node in ast.walk(tree) if isinstance(node, ast.Import | ast.ImportFrom)]
    modules = {node.module for node in imports if isinstance(node, ast.ImportFrom)}
    modules |= {alias.name for node in imports if isinstance(node, ast.Import) for alias in node.names}
    there = {*sys.stdlib_module_names, "numpy", "tensorflow", "tokenization_layer"}
    assert "tokenization_layer" in modules
    assert {str(module).partition(".")[0] for module in modules} <= there
    arguments = {node.arg for node in ast.walk(tree) if isinstance(node, ast.keyword)}
    assert {"pattern_lens", "embedding_length"} <= arguments, "the original's names"


def test_no_python_for_the_original(tmp_path, monkeypatch):
    monkeypatch.setattr(against_original, "VENV", tmp_path / "venv")
    monkeypatch.setattr(against_original, "sys", SimpleNamespace(version_info=(3, 13, 0)))
    monkeypatch.setattr(against_original.shutil, "which", lambda name: None)
    with pytest.raises(NotInstallableError, match=r"needs Python 3\.11"):
        installed()

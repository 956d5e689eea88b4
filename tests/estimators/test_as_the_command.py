"""A fit learns what the command learns from the same training texts, and needs nothing that the command needs."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from small_texts import labelled

from tokenlayer import TokenClassifier, TokenSelector, Vocabulary
from tokenlayer.cli.main import main


@pytest.mark.parametrize("n_classes", [2, pytest.param(3, marks=pytest.mark.slow)])
def test_tokens_and_predictions_are_those_of_the_command(
    n_classes: int, tmp_path: Path, output_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TOKENLAYER_CACHE", str(tmp_path / "cache"))
    texts, labels = labelled(n_classes, 90)
    frame = pd.DataFrame({"text": texts, "label": labels, "part": ["train"] * 60 + ["validation", "test"] * 15})
    frame.sample(frac=1, random_state=0).to_csv("table.csv", index=False)
    columns = ["dataset=table", "dataset.source=table.csv", "dataset.text_column=text", "dataset.label_column=label"]
    settings = ["dataset.split_column=part", "model.vocab_size=8", "seed=3", "test_weights=last"]
    settings += ["callbacks.figures=null", "callbacks.token_history=null", "trainer.accelerator=cpu"]
    assert main(["train", *columns, *settings, f"output_dir={output_dir}"]) == 0
    (artifacts,) = output_dir.glob("artifacts/tokenlayer/*/artifacts")
    saved = torch.load(artifacts / "checkpoints" / "last.ckpt", weights_only=True)["state_dict"]
    expected = pd.read_parquet(artifacts / "predictions" / "test.parquet").filter(like="probability").to_numpy()

    classifier = TokenClassifier(n_tokens=8, random_state=3).fit(texts[:60], labels[:60])
    alphabet = classifier._fitted.reader.alphabet
    tokens = Vocabulary(saved["model.tokenization.codes"]).decode(alphabet)
    assert classifier.tokens_ == [token.rstrip("█") for token in tokens]
    effects = saved["model.embedding.weight"] @ saved["model.head.out.weight"].T
    np.testing.assert_allclose(classifier._fitted.weights, effects, rtol=1e-6)
    found = classifier.predict_proba(frame["text"][frame["part"] == "test"])[:, -expected.shape[1] :]
    np.testing.assert_allclose(np.sort(found, axis=0), np.sort(expected, axis=0), atol=1e-6)
    assert TokenSelector(n_tokens=8, random_state=3).fit(texts[:60], labels[:60]).tokens_ == classifier.tokens_


ALONE = """\
import sys
from tokenlayer import TokenClassifier
texts = [f"{word} {i % 3}" for i, word in enumerate(["splendid", "tedious"] * 10)]
classifier = TokenClassifier(n_tokens=2).fit(texts, ["good", "bad"] * 10)
assert set(classifier.predict(texts)) <= {"good", "bad"}
sys.exit(sorted({"hydra", "omegaconf", "mlflow"} & set(sys.modules)) or 0)
"""


def test_neither_hydra_nor_mlflow_is_imported_and_nothing_is_said(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, "-c", ALONE], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert list(tmp_path.iterdir()) == []

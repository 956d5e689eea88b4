"""`tokenlayer explain`: a text and a model that a run left behind."""

import io
import re
import shutil
import sys
from pathlib import Path

import pytest
import torch
from tiny_runs import Recorded, Store

from tokenlayer.cli.main import main


def explain(store: Store, *arguments: str) -> int:
    return main(["explain", *arguments, f"output_dir={store.output_dir}"])


def pages(run: Recorded) -> list[Path]:
    return sorted((run.artifacts / "explanations").glob("*")) if (run.artifacts / "explanations").exists() else []


TEXT = "The film was LONG, and lovely!"


def test_a_run(trained: tuple[Store, Recorded], capsys: pytest.CaptureFixture[str]) -> None:
    store, run = trained
    before = set(pages(run))
    assert explain(store, run.run_id, TEXT) == 0
    shown = capsys.readouterr().out
    assert re.match(r"(neg|pos) 0\.\d{4}  (neg|pos) 0\.\d{4}\n", shown)
    assert "to lower case, punctuation deleted" in shown
    assert "the film was long and lovely" in shown
    (page,) = set(pages(run)) - before
    assert f"\npage: {page}\n" in shown
    assert re.fullmatch(r"[0-9a-f]{16}\.html", page.name)
    html = page.read_text(encoding="utf-8")
    assert run.run_id in html
    assert "<h2>Its tokens</h2>" in html
    assert explain(store, run.run_id[:10], TEXT) == 0
    assert set(pages(run)) - before == {page}, "the same text has the same page, however the run is named"
    artifacts = [file.path for file in store.client.list_artifacts(run.run_id, "explanations")]
    assert f"explanations/{page.name}" in artifacts


def test_what_it_says_is_what_the_model_says(
    trained: tuple[Store, Recorded], capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    store, run = trained
    assert explain(store, run.run_id, "lovely", "--output", str(tmp_path / "page.html")) == 0
    shown = capsys.readouterr().out
    weights = torch.load(run.artifacts / "checkpoints" / "best.ckpt", weights_only=True)["state_dict"]
    scale = float(weights["model.head.out.weight"][0, 0])  # D = 1, pooled by presence: a weight a token
    effects = sorted((weights["model.embedding.weight"][:, 0] * scale).tolist())
    table = re.findall(r'^  "(.+)" +(\d+) +([+-]\d\.\d{4})  (neg|pos)', shown, re.MULTILINE)
    assert table
    for token, matches, effect, towards in table:
        assert int(matches) == len(re.findall(f"(?={re.escape(token)})", "lovely"))
        assert min(abs(float(effect) - known) for known in effects) < 1e-4
        assert towards == ("pos" if float(effect) > 0 else "neg")
    probability = float(re.search(r"pos (0\.\d+)", shown)[1])
    logit = float(weights["model.head.out.bias"][0]) + sum(float(effect) for _, _, effect, _ in table)
    assert probability == pytest.approx(1 / (1 + 2.718281828**-logit), abs=1e-3)


def test_standard_input_and_a_page_of_ones_own(
    trained: tuple[Store, Recorded],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    store, run = trained
    before, page = pages(run), tmp_path / "my page.html"
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"lovely\n\n")))
    assert explain(store, run.run_id, "-", f"html={page}") == 0
    shown = capsys.readouterr().out
    assert "dropped: 1 (“␊”)" in shown, "of the two line breaks only the last is no part of the text"
    assert f"page: {page}" in shown
    assert page.read_text(encoding="utf-8").startswith("<!doctype html>")
    assert [path.name for path in tmp_path.iterdir()] == [page.name]
    assert pages(run) == before


def test_a_bare_checkpoint(trained: tuple[Store, Recorded], capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    store, run = trained
    checkpoint = tmp_path / "it's, v=2.ckpt"
    shutil.copyfile(run.artifacts / "checkpoints" / "best.ckpt", checkpoint)
    assert explain(store, run.run_id, TEXT) == 0
    of_the_run = capsys.readouterr().out.split("\npage: ")[0]
    assert explain(store, str(checkpoint), TEXT) == 0
    shown = capsys.readouterr().out
    assert shown == f"{of_the_run}\npage: none is kept for a bare checkpoint; --output FILE writes it there\n"
    assert list(tmp_path.iterdir()) == [checkpoint]


@pytest.mark.parametrize("text", ["", "☃☃", "[bold]x[/bold] \x1b[31m <b>", "- not a flag", "\udcff"])
def test_odd_texts(trained: tuple[Store, Recorded], capsys: pytest.CaptureFixture[str], text: str) -> None:
    store, run = trained
    assert explain(store, run.run_id, text) == 0
    shown = capsys.readouterr().out
    assert "\x1b" not in shown
    assert ("nothing is left: the model sees an empty text" in shown) == (text in ("", "☃☃", "\udcff"))


def test_a_text_that_looks_like_a_setting(
    trained: tuple[Store, Recorded], capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    store, run = trained
    page = tmp_path / "never.html"
    assert explain(store, run.run_id, f"html={page}") == 2, "the text is missing, and nothing is written"
    assert "the following arguments are required: TEXT" in capsys.readouterr().err
    assert not page.exists()
    assert main(["explain", f"output_dir={store.output_dir}", run.run_id, "--", "html=lovely"]) == 0
    assert "htmllovely" in capsys.readouterr().out


def test_errors(trained: tuple[Store, Recorded], capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    store, run = trained
    for arguments, message in (
        (["nosuchrun", "x"], "there is no run 'nosuchrun'"),
        ([str(tmp_path / "no.ckpt"), "x"], "no.ckpt: no such checkpoint file"),
        ([run.run_id, "x", f"html={tmp_path / 'no' / 'page.html'}"], "cannot be written (No such file or directory)"),
        ([run.run_id, "x", f"html={tmp_path}"], "cannot be written"),
        ([run.run_id, "x", "tracking.uri=ftp://x"], "the scheme 'ftp' is not supported"),
        ([run.run_id], "the following arguments are required: TEXT"),
        ([run.run_id, "x", "y"], "unrecognized arguments: y"),
    ):
        assert explain(store, *arguments) == 2
        error = capsys.readouterr().err
        assert message in error
        assert "Traceback" not in error
    assert list(tmp_path.iterdir()) == []


def test_standard_input_that_is_no_text(
    trained: tuple[Store, Recorded], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    store, run = trained
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"good\xff")))
    assert explain(store, run.run_id, "-") == 2
    assert capsys.readouterr().err == "error: standard input, byte 4: not UTF-8: save the text as UTF-8\n"


def test_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", "--help"]) == 0
    assert "RUN_OR_CHECKPOINT TEXT" in capsys.readouterr().out

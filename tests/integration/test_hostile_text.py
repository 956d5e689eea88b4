"""Texts, class names, file names and settings that a terminal, rich or matplotlib would act on: all are shown."""

import json
import re
import unicodedata
from pathlib import Path

import pytest
from mlflow.tracking import MlflowClient
from tiny_runs import CPU, Store

from tokenlayer.cli.main import main

CLASSES = ["$\\frac{1$ \x1b]0;pwn\x07", "[bold]x[/bold]\u202e\u2066", "=1+1\x9b31m\x00 :smile: \u5b57"]
NASTY = "\x1b[2J\x1b]8;;http://e.org\x07 [red]b[/] $x^{$ \u202egnp \x9b1m\x85\u2028 \u200b\ufeff\r\n\t\x7f \U0001f600"
RUN_NAME = "[bold]run[/bold]\x1b]0;pwn\x07\u202e"
SHORT = ["dataset.text_length=80", "dataset.batch_size=8", "model.vocab_size=30", "trainer.max_epochs=2", *CPU]


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "a\x1b[31m\u202e[red]\x07 $b.jsonl"
    words = ["alpha", "beta", "gamma"]
    rows = [{"t": f"{NASTY} {words[i % 3]} {i % 7} {NASTY[i % 9 :]}", "l": CLASSES[i % 3]} for i in range(120)]
    path.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    return path


def quoted(text: object) -> str:
    escaped = str(text).replace("'", "\\'")
    return f"'{escaped}'"


def acted_on(told: str) -> set[str]:
    """The characters of an output that are not shown as themselves, but for the ends of lines."""
    return {f"U+{ord(sign):04X}" for sign in told if sign != "\n" and unicodedata.category(sign) in BAD}


BAD = ("Cc", "Cf", "Cs", "Zl", "Zp")


def test_a_run_on_hostile_texts(source: Path, store: Store, capfd: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    place = f"output_dir={store.output_dir}"
    dataset = ["dataset=table", f"dataset.source={quoted(source)}", "dataset.text_column=t", "dataset.label_column=l"]
    named = [f"tracking.run_name={quoted(RUN_NAME)}", f"tracking.tags.note={quoted(RUN_NAME)}"]
    assert main(["train", *dataset, *named, *SHORT, place]) == 0
    (run,) = store.runs()
    assert run.run.info.status == "FINISHED"
    assert run.run.info.run_name == RUN_NAME
    figures = ["biography", "final_tokens", "grads_log", "loss_accuracy", "pattern_turnover", "vals_log"]
    assert sorted(path.stem for path in (run.artifacts / "figures").iterdir()) == figures

    assert main(["evaluate", run.run_id, place, *CPU]) == 0
    assert main(["explain", run.run_id, NASTY, place, f"html={tmp_path / 'page.html'}"]) == 0
    assert main(["baseline", *dataset, "dataset.text_length=80", place]) == 0
    told = capfd.readouterr()
    assert acted_on(told.out + told.err) == set()
    assert "Glyph" not in told.err
    shown = " ".join(told.out.split())
    for name in ("$\\frac{1$ ␛]0;pwn␇", "[bold]x[/bold]‹U+202E›‹U+2066›", "=1+1‹U+009B›31m␀ :smile: 字"):
        assert name in shown
    page = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert acted_on(page) == set()


@pytest.mark.parametrize(
    "arguments",
    [
        ["train", f"initializer={quoted(NASTY)}"],
        ["train", f"trainer.max_epochs={quoted(NASTY)}"],
        ["train", f"optimizer._target_={quoted('os.' + NASTY)}"],
        ["train", f"+model.{chr(0x202E)}x=1"],
        ["train", "dataset=table", f"dataset.source={quoted('no' + NASTY.replace(chr(0), ''))}"],
        ["train", f"resume={quoted(NASTY)}"],
        ["train", f"tracking.uri={quoted(NASTY)}"],
        ["train", NASTY],
        ["train", f"--{NASTY}"],
        ["evaluate", NASTY],
        ["explain", NASTY, "text"],
        ["ui", "--port", NASTY],
        ["ui", "--uri", NASTY],
        ["ui", "--output-dir", NASTY.replace("\0", "")],
        [NASTY],
        ["train", "seed=\udcff\ud800"],
    ],
)
def test_errors_repeat_hostile_settings_as_signs(
    arguments: list[str], tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(arguments) == 2
    told = capfd.readouterr()
    assert "error: " in told.err
    assert "Traceback" not in told.err
    assert acted_on(told.out + told.err) == set()


def test_the_last_line_of_a_failure_is_safe_too(
    store: Store, tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Tracebacks, logs and warnings of other packages go through the same place."""

    def fails(*_: object, **__: object) -> None:
        raise RuntimeError(f"{NASTY} http://me:hunter@host")

    monkeypatch.setattr(MlflowClient, "create_run", fails)
    text = ["dataset=planted", "dataset.n_texts=100", "dataset.n_words=12", "dataset.text_length=60"]
    assert main(["train", *text, *SHORT[1:], f"output_dir={store.output_dir}"]) == 1
    told = capfd.readouterr().err
    assert "Traceback" in told
    assert re.search(r"RuntimeError: ␛\[2J.* http://\*\*\*@host", told.replace("\n", " "))
    assert acted_on(told) == set()

"""`tokenlayer explain --texts`: the texts of a table that tell most, and one token in all of them."""

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from tiny_runs import Recorded, Store

import tokenlayer
from tokenlayer.cli.main import main
from tokenlayer.inference import galleries, tables, token_use

Trained = tuple[Store, Recorded]


@pytest.fixture(autouse=True)
def few_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tables, "_MOST_ROWS", 25)
    monkeypatch.setattr(galleries, "_SHOWN", 4)
    monkeypatch.setattr(token_use, "_SHOWN", 6)


@pytest.fixture
def source(trained: Trained, tmp_path: Path) -> Path:
    """The texts that the model was trained on, the labels of some of them turned round."""
    reviews = pd.read_csv(trained[0].output_dir.parent / "reviews.csv").head(80)
    turned = reviews.index % 13 == 0
    reviews.loc[turned, "label"] = reviews.loc[turned, "label"].map({"neg": "pos", "pos": "neg"})
    reviews.to_csv(tmp_path / "table.csv", index=False)
    return tmp_path / "table.csv"


def explain(trained: Trained, source: Path, *arguments: str) -> int:
    given = [trained[1].run_id, f"--texts={source}", "--text-column=text", f"--output-dir={trained[0].output_dir}"]
    return main(["explain", *given, *arguments])


def lines(html: str) -> list[int]:
    return [int(line) for line in re.findall(r'<span class="dim">line (\d+)', html)]


def test_errors_come_first_then_the_least_and_the_most_certain(
    trained: Trained, source: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page = source.with_name("page.html")
    assert explain(trained, source, "--label-column=label", f"--output={page}") == 0
    frame = pd.read_csv(source)
    model = tokenlayer.load(trained[1].run_id, output_dir=trained[0].output_dir)
    probabilities = model.predict_proba(frame["text"])
    sure, right = probabilities.max(1), model.classes(probabilities) == frame["label"].to_numpy()
    assert (~right).sum() >= 4
    line = np.arange(len(frame)) + 2
    wrong = sorted(line[~right], key=lambda n: (-sure[n - 2], n))[:4]
    unsure = sorted(line[right], key=lambda n: (sure[n - 2], n))[:4]
    most = sorted(line[right], key=lambda n: (-sure[n - 2], n))[:4]
    html = page.read_text(encoding="utf-8")
    assert lines(html) == [*wrong, *unsure, *most]
    shown = capsys.readouterr().out
    assert f"80 texts, the model is right about {right.sum()} of them" in shown
    assert "Wrong, the most certain first: 4 shown" in shown
    assert f"page: {page}" in shown


def test_without_labels_and_with_few_texts_each_is_shown_once(
    trained: Trained, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = tmp_path / "few.jsonl"
    source.write_text('{"text": "lovely"}\n{"text": ""}\n{"text": "awful, a waste"}\n', encoding="utf-8")
    assert explain(trained, source) == 0
    page = Path(re.search(r"page: (.+)\n", capsys.readouterr().out)[1])
    assert page.parent.name == "explanations", "kept with the run"
    assert sorted(lines(page.read_text(encoding="utf-8"))) == [1, 2, 3]


def test_a_token_is_taken_out_of_the_texts_that_hold_it(
    trained: Trained, source: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = tokenlayer.load(trained[1].run_id, output_dir=trained[0].output_dir)
    tokens = model.tokens[~model.tokens["token"].duplicated(keep=False)]
    frame = pd.read_csv(source)
    counts = tokens["token"].map(lambda token: frame["text"].str.contains(token, regex=False).sum())
    token, weight, towards = tokens.loc[counts.idxmax(), ["token", "weight", "towards"]]
    page = source.with_name("page.html")
    assert explain(trained, source, f"--token={token}", "--label-column=label", f"--output={page}") == 0
    shown = capsys.readouterr().out
    holding = frame[frame["text"].str.contains(token, regex=False)]
    assert f'"{token}": in {len(holding)} of 80 texts' in shown
    for name in ("neg", "pos"):
        assert f"  {name}: in {(holding['label'] == name).sum()} of {(frame['label'] == name).sum()}\n" in shown
    # With presence and D = 1 the effect is the token's weight, in every text.
    assert f"mean effect where it is, on the logit of pos: {weight:+.4f}, towards {towards}" in shown
    html = page.read_text(encoding="utf-8")
    rows = re.findall(
        r'<tr><td class="n">(\d+)</td><td class="n \w+">([+-][\d.]+)</td><td><bdi>(\w+)</bdi> ([\d.]+)</td>'
        r"<td><bdi>(\w+)</bdi> ([\d.]+)</td><td><bdi>(\w+)</bdi></td>",
        html,
    )
    assert len(rows) == min(6, len(holding))
    probability = model.predict_proba(frame["text"])[:, 1]
    logit = np.log(probability / (1 - probability))
    without = 1 / (1 + np.exp(weight - logit))
    change = pd.Series(np.abs(probability - without))[holding.index]
    decided = pd.Series((probability > 0.5) != (without > 0.5))[holding.index]
    assert f"texts whose class is another without it: {decided.sum()}\n" in shown
    expected = sorted(holding.index, key=lambda place: (not decided[place], -round(change[place], 9)))
    for line, effect, before, of_before, after, of_after, label in rows:
        place = int(line) - 2
        assert float(effect) == pytest.approx(weight, abs=1e-4)
        assert before == ("pos" if probability[place] > 0.5 else "neg")
        assert after == ("pos" if without[place] > 0.5 else "neg")
        assert float(of_before) == pytest.approx(max(probability[place], 1 - probability[place]), abs=1e-4)
        assert float(of_after) == pytest.approx(max(without[place], 1 - without[place]), abs=1e-4)
        assert label == frame["label"][place]
    assert [round(change[int(row[0]) - 2], 5) for row in rows] == [round(change[place], 5) for place in expected[:6]]


def test_errors(trained: Trained, source: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = source.read_bytes()
    run, place = trained[1].run_id, f"--output-dir={trained[0].output_dir}"
    for arguments, message in (
        (["--token=nosuchtoken!"], "the model has no such token"),
        (["a text"], "unrecognized arguments: a text"),
        ([f"--output={source}"], "is the table of texts itself"),
        (["--label-column=no"], "--label-column no: no such column in"),
        (["--label-column=text"], "line 2: the model knows no class"),
    ):
        assert explain(trained, source, *arguments) == 2
        assert message in capsys.readouterr().err
    for arguments, message in (
        (["--token=x"], "the texts to look for it in are missing: add --texts FILE --text-column NAME"),
        (["--texts=no.csv", "--text-column=text"], "--texts=no.csv: there is no such file"),
        (["a text", "--text-column=text"], "--texts FILE and --text-column NAME go together"),
        ([], "the following arguments are required: TEXT"),
    ):
        assert main(["explain", run, place, *arguments]) == 2
        assert message in capsys.readouterr().err
    assert source.read_bytes() == before
    assert [path.name for path in source.parent.iterdir()] == [source.name]

"""The Python of the site's pages is run, beside runs of the names that the pages use."""

import importlib.util
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from made_sweeps import copy_sweep
from tiny_runs import Recorded, Store

sys.path.insert(0, str(Path(__file__).parents[1] / "docs"))
from pages import DOCS, PAGES, ROOT, blocks

EXAMPLES = [path.read_text(encoding="utf-8") for path in (ROOT / "examples").glob("*.py")]
TUTORIAL = DOCS / "tutorial.md"

# The run that stands for `hotels` knows of films alone.
HOTEL_TO_FILM = ("spotless, but not quiet", "the film was long with songs and rain, awful, boring and superb")


def is_run_elsewhere(text: str) -> bool:
    """A part of the user's own (`test_readme`), the end of an example (`test_examples`), or what needs a server."""
    training = text[text.find("training = Training(") :]
    return (
        text.startswith("# my_package/")
        or any(elsewhere in text for elsewhere in ('"models:/', "push_to_hub("))
        or ("training = Training(" in text and any(training in e for e in EXAMPLES))
    )


SAMPLES = {
    page: texts
    for page in PAGES
    if page != TUTORIAL
    and (texts := [b.text for b in blocks(page) if b.language == "python" and not is_run_elsewhere(b.text)])
}


@pytest.fixture
def workplace(trained: tuple[Store, Recorded], tmp_path: Path) -> Path:
    """A folder with a table, a run `hotels` of the experiment `quickstart`, and a sweep `rules`."""
    store, recorded = trained
    folder = shutil.copytree(store.output_dir.parent, tmp_path / "workplace")
    client, run = Store(folder / "outputs").client, recorded.run
    client.update_run(recorded.run_id, name="hotels")
    rules = [{"learning_rule": rule, "seed": seed} for rule in ("graft", "frozen") for seed in ("0", "1")]
    elsewhere = client.create_experiment("rules")
    client.rename_experiment(run.info.experiment_id, "quickstart")
    copy_sweep(client, run, "rules", rules, elsewhere)
    return folder


@pytest.mark.parametrize("page", SAMPLES, ids=lambda page: page.stem)
def test_python_of_a_page_runs(page: Path, workplace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(workplace)
    names: dict[str, object] = {}
    for text in SAMPLES[page]:
        exec(compile(text.replace(*HOTEL_TO_FILM), str(page), "exec"), names)
    if "explained" in names:  # a loop over no tokens would hide a wrong attribute
        assert names["explained"].tokens


def test_python_of_many_pages_runs() -> None:
    assert {"compare", "export", "python", "scikit_learn"} <= {page.stem for page in SAMPLES}


@pytest.mark.slow
def test_the_tutorial_from_its_first_line_to_its_last(tmp_path: Path) -> None:
    program = tmp_path / "bin" / "tokenlayer"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m tokenlayer "$@"\n')
    program.chmod(0o755)
    environment = os.environ | {"PATH": f"{program.parent}:{os.environ['PATH']}", "COLUMNS": "200"}
    work = tmp_path / "work"
    work.mkdir()
    output = ""
    for block in blocks(TUTORIAL):
        if block.language == "text":
            said = [plain(line) for line in output.splitlines()]
            for line in block.text.splitlines():
                shown = plain(line.partition("…")[0])
                assert any(words.startswith(shown) for words in said), line
            continue
        if not block.language:  # a server, which goes on until it is stopped, and what it is asked
            continue
        text = block.text
        if importlib.util.find_spec("onnxscript") is None:
            text = "".join(line for line in text.splitlines(keepends=True) if "--to onnx" not in line)
        command = [sys.executable, "-c", text] if block.language == "python" else ["sh", "-ec", text]
        done = subprocess.run(command, cwd=work, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{text}\n{done.stderr}"
        output = output * (block.language == "python") + done.stdout + done.stderr
    assert (work / "tokenizer" / "tokenizer.json").is_file()


def plain(line: str) -> str:
    """A line without its numbers, the ids of runs and the width of its columns: these differ by machine."""
    return " ".join(re.sub(r"\b[0-9a-f]{32}\b|[+-]?\d+(?:\.\d+)?", "#", line).split())

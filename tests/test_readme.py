"""What the README shows runs, and what it lists is there."""

import re
import shlex
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from tokenlayer.cli.main import main

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(\w*)\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)
RECIPES = [*BLOCKS, *re.findall(r"^```(\w*)\n(.*?)^```$", CONTRIBUTING, re.MULTILINE | re.DOTALL)]
PARTS = [
    (named[1], block)
    for _, block in RECIPES
    if (named := re.match(r"# ((?:my_package|conf)/[\w/]+\.(?:py|yaml))\n", block))
]
OWN = [block.strip() for _, block in RECIPES if block.startswith("PYTHONPATH=. tokenlayer train")]
SMALL = (
    *("trainer=debug", "trainer.threads=1", "dataset.n_texts=300"),
    *("callbacks.figures=null", "callbacks.token_history=null"),
)
PAGES = [ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "docs/decisions.md")]


@pytest.fixture
def own_parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A working directory with the parts that README and CONTRIBUTING add."""
    for name, content in PARTS:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    yield
    for module in [name for name in sys.modules if name.split(".")[0] == "my_package"]:
        del sys.modules[module]


def test_each_kind_of_part_has_a_recipe() -> None:
    files = [name for name, _ in PARTS]
    assert [name for name in files if name.endswith(".yaml")] == [
        "conf/initializer/suffixes.yaml",
        "conf/dataset/weather.yaml",
        "conf/learning_rule/chi2_regrow.yaml",
        "conf/model/head/hidden.yaml",
        "conf/callbacks/token_lengths.yaml",
    ]
    assert len(files) == 2 * len(OWN)


@pytest.mark.parametrize("command", OWN, ids=lambda command: command.split()[3])
def test_an_added_part_runs(
    command: str, own_parts: None, output_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _, program, *arguments = shlex.split(command)
    assert program == "tokenlayer"
    assert main([*arguments, *SMALL, f"output_dir={output_dir}"]) == 0, capsys.readouterr().err


def test_the_layers_by_themselves() -> None:
    core, original = (block for _, block in BLOCKS if block.startswith("import torch\nfrom tokenlayer"))
    names: dict[str, object] = {}
    exec(core, names)
    found, layer, alphabet = (names[name] for name in ("found", "layer", "alphabet"))
    assert found.matches.token_id.tolist() == [1, 0, 2]
    assert found.matches.position.tolist() == [2, 14, 19]
    assert layer.vocabulary().decode(alphabet) == [" not ", "good█", "ever█"]
    assert names["embedding"].pooled(found).shape == (1, 4)
    names = {}
    exec(original, names)
    names["embedded"].sum().backward()
    assert names["embedded"].shape == (1, 23, 4)
    assert isinstance(names["layer"].patterns.grad, torch.Tensor)


@pytest.mark.parametrize(
    "group",
    ["dataset", "initializer", "learning_rule", "optimizer", "lr_scheduler", "trainer", "tracking", "experiment"],
)
def test_the_options_of_a_group(group: str) -> None:
    (row,) = re.findall(rf"^\| `{group}` \| (.*?) \|", README, re.MULTILINE)
    assert sorted(re.findall(r"`(\w+)`", row)) == sorted(path.stem for path in (ROOT / "conf" / group).glob("*.yaml"))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    links = [link for link in re.findall(r"\]\(([^)\s]+)\)", text) if "://" not in link]
    assert [link for link in links if link[0] != "#" and not (page.parent / link.partition("#")[0]).exists()] == []
    headings = [
        re.sub(r"[^\w -]", "", line.lstrip("# ").lower()).replace(" ", "-")
        for line in text.splitlines()
        if line.startswith("#")
    ]
    assert [link for link in links if link[0] == "#" and link[1:] not in headings] == []


@pytest.mark.parametrize("name", ["notebook_training", "own_training_loop"])
def test_the_readme_shows_the_examples(name: str) -> None:
    script = (ROOT / "examples" / f"{name}.py").read_text(encoding="utf-8")
    shown = script[script.index("training = Training(") :]
    assert shown in README

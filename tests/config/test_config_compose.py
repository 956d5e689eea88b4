"""What the composer says where Hydra's own words would not help."""

import os
import re
from pathlib import Path

import pytest
from hydra.core.hydra_config import HydraConfig
from omegaconf import OmegaConf

from tokenlayer.config.compose import composing
from tokenlayer.config.problems import ConfigError


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        (["model=sequence", "model/head=conv"], "model/head: model=sequence has no such group; known: model/reader"),
        (["model/reader=recurrent"], "model/reader: model=tokens has no such group; known: model/head"),
        (
            ["model/reader=recurrent", "model=original"],
            "model/reader: model=original has no such group; known: model/head",
        ),
    ],
)
def test_a_group_of_another_option_of_its_parent(texts: list[str], message: str) -> None:
    with composing("train") as composer, pytest.raises(ConfigError) as caught:
        composer.compose(["dataset=imdb", *texts])
    assert [str(problem) for problem in caught.value.problems] == [message]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("model=null", "model=null: no option; give one of original, sequence, tokens"),
        ("dataset=[null]", "dataset=null: no option; give one of huggingface, imdb, "),
        ("hydra/launcher=null", "hydra/launcher=null: no option; give one of basic, joblib, "),
    ],
)
def test_null_is_no_option(text: str, message: str) -> None:
    with composing("train") as composer, pytest.raises(ConfigError, match=re.escape(message)):
        composer.compose([text, "resume=null", "model.embedding_l2=null"])


def test_a_parent_without_groups_of_its_own(tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "conf" / "model"
    folder.mkdir(parents=True)
    (folder / "mine.yaml").write_text("vocab_size: 5\n")
    with composing("train") as composer, pytest.raises(ConfigError, match="model=mine has no such group; known: none"):
        composer.compose(["model=mine", "model/head=conv"])


def test_each_job_of_a_launcher_has_its_own_secret(monkeypatch) -> None:
    monkeypatch.setattr(os, "environ", dict(os.environ))
    lines = [[f"tracking.uri=http://me:{password}@host"] for password in ("one", "two", "one")]
    with composing("train") as composer:
        first, second, again = (composer.launchable(line) for line in lines)
    assert first == again != second
    assert not any(word in text for text in (*first, *second) for word in ("one", "two"))
    for given, line in zip((first, second, again), lines, strict=True):
        name = re.search(r"oc\.env:(\w+)", given[0])[1]
        assert os.environ[name] == line[0].removeprefix("tracking.uri=")


def test_what_was_composed_of_packaged_files_is_kept(tmp_path, monkeypatch) -> None:
    def job(text: str) -> tuple[object, dict[str, object]]:
        with composing("train") as composer:
            config = composer.compose_job(composer.split([composer.parse(text)]))
            return composer, {"config": OmegaConf.to_container(config), "cwd": HydraConfig.get().runtime.cwd}

    def fresh(text: str) -> dict[str, object]:
        with composing("train") as composer:
            config = composer.compose([text])
            del config["hydra"]
            return {"config": OmegaConf.to_container(config), "cwd": str(Path.cwd())}

    first, found = job("dataset=table")
    monkeypatch.chdir(tmp_path)
    again, other = job("dataset=planted")
    assert again is first
    assert other == fresh("dataset=planted")
    changed = job("dataset=table")[1]
    assert changed == fresh("dataset=table")
    assert changed["config"] == found["config"]
    assert changed["cwd"] == str(tmp_path)
    (tmp_path / "conf" / "dataset").mkdir(parents=True)
    (tmp_path / "conf" / "dataset" / "table.yaml").write_text("mine: 1\n")
    own, with_own_files = job("dataset=table")
    assert own is not first
    assert with_own_files["config"]["dataset"] == {"mine": 1}


def test_changes_of_a_composition_stay_with_it() -> None:
    for _ in range(2):
        with composing("train") as composer:
            config = composer.compose_job(composer.split([]))
            assert config.seed != 12345
            config.seed = 12345

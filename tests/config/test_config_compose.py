"""What the composer says where Hydra's own words would not help."""

import os
import re

import pytest

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

"""What the composer says where Hydra's own words would not help."""

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

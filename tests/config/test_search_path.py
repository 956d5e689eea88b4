import pytest
from omegaconf import OmegaConf

from tokenlayer.config import search_path
from tokenlayer.config.compose import composing
from tokenlayer.config.search_path import local_conf, packaged_conf
from tokenlayer.errors import InputError


@pytest.fixture
def installed(tmp_path, monkeypatch):
    """The package as a wheel lays it out: its files inside it."""
    package = tmp_path / "site-packages" / "tokenlayer"
    (package / "conf").mkdir(parents=True)
    monkeypatch.setattr(search_path, "__file__", str(package / "config" / "search_path.py"))
    return package


def test_files_inside_an_installed_package(installed):
    (installed / "conf/train.yaml").touch()
    assert packaged_conf() == installed / "conf"


def test_damaged_installation_says_so(installed):
    with pytest.raises(InputError, match="install the package again"):
        packaged_conf()


def test_local_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert local_conf() is None
    (tmp_path / "conf").mkdir()
    assert local_conf() == tmp_path / "conf"


def test_packaged_files_are_parsed_once_and_a_composition_gets_its_own(monkeypatch):
    parsed = []
    load = OmegaConf.load
    monkeypatch.setattr(OmegaConf, "load", lambda file: parsed.append(getattr(file, "name", file)) or load(file))
    search_path._packaged_file.cache_clear()
    with composing("train") as composer:
        first = composer.compose(["optimizer=adam"])
        before = OmegaConf.to_container(first.optimizer)
        first.optimizer.lr = "changed"
        second = composer.compose(["optimizer=adam", "seed=1"])
    ours = [name for name in parsed if str(packaged_conf()) in str(name)]
    assert len(ours) > 10
    assert len(ours) == len(set(ours))
    assert OmegaConf.to_container(second.optimizer) == before


def test_a_local_file_is_read_each_time(tmp_path, monkeypatch):
    """A notebook or a test may write it anew."""
    monkeypatch.chdir(tmp_path)
    file = tmp_path / "conf/dataset/mine.yaml"
    file.parent.mkdir(parents=True)
    for source in ("a.csv", "b.csv"):
        file.write_text(f"source: {source}\n")
        with composing("train") as composer:
            assert composer.compose(["dataset=mine"]).dataset.source == source

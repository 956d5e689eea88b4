import pytest

from tokenlayer.config import search_path
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

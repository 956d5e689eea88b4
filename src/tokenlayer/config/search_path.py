"""The folders in which configuration files are looked for: `./conf`, then the packaged ones."""

from pathlib import Path

from hydra.core.config_search_path import ConfigSearchPath, SearchPathQuery
from hydra.core.plugins import Plugins
from hydra.plugins.search_path_plugin import SearchPathPlugin

from tokenlayer.errors import InputError


def packaged_conf() -> Path:
    """The files that come with tokenlayer: inside an installed package, at the top of a checkout."""
    package = Path(__file__).resolve().parents[1]
    for folder in (package / "conf", package.parents[1] / "conf"):
        if (folder / "train.yaml").is_file():
            return folder
    raise InputError(f"{package / 'conf'}: tokenlayer's configuration files are missing; install the package again")


def local_conf() -> Path | None:
    """`./conf`, unless there is none or it is the packaged folder itself."""
    folder = Path.cwd() / "conf"
    if not folder.is_dir() or folder.samefile(packaged_conf()):
        return None
    return folder


class LocalConf(SearchPathPlugin):
    """Puts `./conf` before the packaged files, for groups and for primary configurations alike."""

    def manipulate_search_path(self, search_path: ConfigSearchPath) -> None:
        """Called by Hydra whenever it makes a search path."""
        folder = local_conf()
        if folder is not None:
            search_path.prepend("local", f"file://{folder}", anchor=SearchPathQuery(provider="main"))


def register() -> None:
    """Tells Hydra about `LocalConf`."""
    Plugins.instance().register(LocalConf)

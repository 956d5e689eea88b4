"""The folders in which configuration files are looked for: `./conf`, then the packaged ones."""

from copy import deepcopy
from functools import cache
from pathlib import Path
from typing import Any

from hydra.core.config_search_path import ConfigSearchPath, SearchPathQuery
from hydra.core.plugins import Plugins
from hydra.plugins.config_source import ConfigResult, ConfigSource
from hydra.plugins.search_path_plugin import SearchPathPlugin

from tokenlayer.errors import InputError
from tokenlayer.yaml_files import check_yaml


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


def checked(folder: Path) -> str:
    """The folder as an element of Hydra's search path whose files are checked before they are read."""
    return f"{CheckedFiles.scheme()}://{folder}"


class LocalConf(SearchPathPlugin):
    """Puts `./conf` before the packaged files, for groups and for primary configurations alike."""

    def manipulate_search_path(self, search_path: ConfigSearchPath) -> None:
        """Called by Hydra whenever it makes a search path."""
        for element in search_path.get_path():
            if element.provider == "main":
                main = Path(element.path.removeprefix("file://"))
                is_packaged = main.samefile(packaged_conf())
                element.path = f"{PackagedFiles.scheme()}://{main}" if is_packaged else checked(main)
        folder = local_conf()
        if folder is not None:
            search_path.prepend("local", checked(folder), anchor=SearchPathQuery(provider="main"))


_sources: list[Any] = list(Plugins.instance().discover(ConfigSource))
_Files: Any = next(source for source in _sources if source.scheme() == "file")


class CheckedFiles(_Files):  # type: ignore[misc]  # Hydra gives the class by its registry alone
    """Hydra's reader of files, which are checked first: OmegaConf would write out whatever aliases stand for."""

    @staticmethod
    def scheme() -> str:
        """Its mark in a search path."""
        return "checked"

    def load_config(self, config_path: str) -> ConfigResult:
        """As Hydra's.

        Raises:
            InputError: the file cannot be read, or is no configuration.

        """
        path = Path(self.path, self._normalize_file_name(config_path))
        if path.exists():
            check_yaml(path)
        loaded: ConfigResult = super().load_config(config_path)
        return loaded


class PackagedFiles(_Files):  # type: ignore[misc]  # Hydra gives the class by its registry alone
    """Hydra's reader of files, which reads each once: a sweep composes the packaged ones for each of its jobs."""

    @staticmethod
    def scheme() -> str:
        """Its mark in a search path."""
        return "packaged"

    def load_config(self, config_path: str) -> ConfigResult:
        """As Hydra's; a copy, for a composition changes what it is given."""
        return deepcopy(_packaged_file(self.provider, self.path, config_path))


@cache
def _packaged_file(provider: str, folder: str, config_path: str) -> ConfigResult:
    loaded: ConfigResult = _Files(provider, folder).load_config(config_path)
    return loaded


def register() -> None:
    """Tells Hydra about `LocalConf` and the readers of files."""
    for plugin in (LocalConf, CheckedFiles, PackagedFiles):
        Plugins.instance().register(plugin)

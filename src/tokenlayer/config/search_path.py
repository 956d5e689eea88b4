"""The folders in which configuration files are looked for: `./conf`, then the packaged ones."""

from pathlib import Path

from hydra._internal.core_plugins import file_config_source
from hydra._internal.sources_registry import SourcesRegistry
from hydra.core.config_search_path import ConfigSearchPath, SearchPathQuery
from hydra.core.plugins import Plugins
from hydra.plugins.config_source import ConfigResult
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


class LocalConf(SearchPathPlugin):
    """Puts `./conf` before the packaged files, for groups and for primary configurations alike."""

    def manipulate_search_path(self, search_path: ConfigSearchPath) -> None:
        """Called by Hydra whenever it makes a search path."""
        folder = local_conf()
        if folder is not None:
            search_path.prepend("local", f"file://{folder}", anchor=SearchPathQuery(provider="main"))


class CheckedFiles(file_config_source.FileConfigSource):
    """Hydra's reader of files, which are checked first: OmegaConf would write out whatever aliases stand for."""

    def load_config(self, config_path: str) -> ConfigResult:
        """As Hydra's.

        Raises:
            InputError: the file cannot be read, or is no configuration.

        """
        path = Path(self.path, self._normalize_file_name(config_path))
        if path.exists() and not path.is_relative_to(packaged_conf()):
            check_yaml(path)
        return super().load_config(config_path)


def register() -> None:
    """Tells Hydra about `LocalConf` and `CheckedFiles`."""
    plugins = Plugins.instance()
    plugins.register(LocalConf)
    # Plugins.register leaves a source alone whose scheme is taken.
    SourcesRegistry.instance().types[CheckedFiles.scheme()] = CheckedFiles

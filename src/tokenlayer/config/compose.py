"""Hydra's composition, asked piece by piece: which groups and options there are, who set a key."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from hydra import compose, initialize_config_dir
from hydra._internal.config_repository import IConfigRepository
from hydra.core.config_loader import ConfigLoader
from hydra.core.global_hydra import GlobalHydra
from hydra.core.object_type import ObjectType
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.errors import HydraException
from hydra.plugins.config_source import ConfigResult
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from tokenlayer.config import renamed
from tokenlayer.config.problems import ConfigError, Problem
from tokenlayer.config.search_path import packaged_conf, register

# The behaviour of Hydra that this program is written for.
HYDRA_VERSION_BASE = "1.3"


@dataclass(frozen=True)
class Line:
    """The overrides of one job, by kind."""

    choices: tuple[Override, ...]
    """Options of groups: `dataset=table`."""
    settings: tuple[Override, ...]
    """Values: `dataset.text_length=500`, `~callbacks.live_view`."""
    hydra: tuple[Override, ...]
    """Hydra's own: `hydra.verbose=true`."""

    def chosen(self, group: str) -> Override | None:
        """The choice of an option of `group`, if the line has one."""
        return next((choice for choice in self.choices if choice.key_or_group == group), None)


class Composer:
    """One primary configuration (`train`) over a search path."""

    def __init__(self, config_name: str, loader: ConfigLoader, search: Sequence[str] = ()) -> None:
        self.config_name = config_name
        self._loader = loader
        self._search = list(search)
        self._parser = OverridesParser.create(config_loader=loader)

    def parse(self, text: str) -> Override:
        """One override. Raises `ConfigError` where it breaks Hydra's grammar."""
        try:
            return self._parser.parse_overrides([text])[0]
        except HydraException as error:
            detail = str(error).split("\nSee https://", maxsplit=1)[0]
            remedy = "write key=value, and quote values with special characters: 'key=\"value\"'"
            raise ConfigError([Problem(text, f"cannot be read ({detail}); {remedy}")]) from error

    def split(self, overrides: Sequence[Override]) -> Line:
        """Tells choices of options from values, as Hydra does: by whether a group of that name exists."""
        own = [override for override in overrides if not override.is_hydra_override()]
        choices = tuple(override for override in own if self._is_choice(override))
        return Line(
            choices=choices,
            settings=tuple(override for override in own if override not in choices),
            hydra=tuple(override for override in overrides if override.is_hydra_override()),
        )

    def _is_choice(self, override: Override) -> bool:
        group = override.key_or_group
        return "/" in group or (bool(self.options(group)) and not isinstance(override.value(), dict))

    def options(self, group: str) -> list[str]:
        """The options of a group; none where there is no such group."""
        return self._loader.get_group_options(group, ObjectType.CONFIG, overrides=self._search)

    def groups(self, parent: str = "") -> list[str]:
        """Every group below `parent`, Hydra's own left out."""
        found = []
        for name in self._loader.get_group_options(parent, ObjectType.GROUP, overrides=self._search):
            group = f"{parent}/{name}" if parent else name
            if group != "hydra":
                found += [group, *self.groups(group)]
        return found

    def compose(self, overrides: Sequence[Override]) -> DictConfig:
        """Hydra's composition, without its own section. Raises `ConfigError` naming the file at fault."""
        try:
            config = compose(self.config_name, [*self._search, *_texts(overrides)])
        except yaml.YAMLError as error:  # its message names file, line and column
            raise ConfigError([Problem("", f"a configuration file is no valid YAML: {error}")]) from error
        except (HydraException, OmegaConfBaseException, OSError, ValueError) as error:
            reason = _reason(error)
            raise ConfigError([Problem("", "".join([reason, *renamed.options_in(reason)]))]) from error
        OmegaConf.set_struct(config, False)
        return config

    def _load_file(self, path: str | None) -> ConfigResult | None:
        repository: IConfigRepository = self._loader.repository  # type: ignore[attr-defined]  # on its only subclass
        return repository.load_config(path) if path else None

    def origin(self, key: str, line: Line) -> str | None:
        """Return who set `key`: the override, or the last file of the composition that has it."""
        for override in reversed(line.settings):
            if _overlaps(override.key_or_group, key):
                return f"{override.input_line} on the command line"
        composed = [*self._search, *_texts([*line.choices, *line.hydra])]
        defaults = self._loader.compute_defaults_list(self.config_name, composed, RunMode.RUN).defaults
        for default in reversed(defaults):
            loaded = self._load_file(default.config_path)
            inside = _inside(key, default.package or "")
            if loaded and inside and _has(loaded.config, inside):
                folder = Path(loaded.path.removeprefix("file://"))
                return str(folder / f"{default.config_path}.yaml")
        return None


@contextmanager
def composing(config_name: str, config_dir: Path | None = None, search: Sequence[Path] = ()) -> Iterator[Composer]:
    """A composer over the packaged files (or `config_dir`), `./conf` before them, and folders after them."""
    register()
    folder = config_dir or packaged_conf()
    with initialize_config_dir(str(folder), version_base=HYDRA_VERSION_BASE):
        loader = GlobalHydra.instance().config_loader()
        paths = ",".join(f"'file://{path}'" for path in search)
        yield Composer(config_name, loader, [f"hydra.searchpath=[{paths}]"] if search else [])


def _texts(overrides: Sequence[Override]) -> list[str]:
    return [override.input_line for override in overrides if override.input_line is not None]


def _reason(error: BaseException) -> str:
    """The message of an exception of Hydra's with that of its cause, which it leaves out."""
    cause = error.__cause__
    messages = [str(error), str(cause) if cause else ""]
    return ": ".join(message.strip() for message in dict.fromkeys(messages) if message)


def _overlaps(setting: str, key: str) -> bool:
    """Return whether a setting concerns `key`: they are the same, or one is a part of the other."""
    return setting == key or key.startswith((f"{setting}.", f"{setting}[")) or setting.startswith(f"{key}.")


def _inside(key: str, package: str) -> str:
    """`key` as a file sees it whose content stands at `package`; empty where it cannot hold it."""
    if package in ("", "_global_"):
        return key
    return key.removeprefix(f"{package}.") if key.startswith(f"{package}.") else ""


def _has(config: Any, key: str) -> bool:
    node: object = OmegaConf.to_container(config, resolve=False)
    for part in key.split("[", maxsplit=1)[0].split("."):
        if not isinstance(node, Mapping) or part not in node:
            return False
        node = node[part]
    return True

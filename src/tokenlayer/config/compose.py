"""Hydra's composition, asked piece by piece: which groups and options there are, who set a key."""

import itertools
import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass
from functools import cache, cached_property, lru_cache
from pathlib import Path
from typing import Any

import yaml
from hydra import compose, initialize_config_dir
from hydra.core.config_loader import ConfigLoader
from hydra.core.default_element import ResultDefault
from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
from hydra.core.object_type import ObjectType
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.errors import HydraException
from hydra.plugins.config_source import ConfigResult
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf, read_write
from omegaconf.errors import OmegaConfBaseException

from tokenlayer.config import renamed
from tokenlayer.config.problems import ConfigError, Problem
from tokenlayer.config.search_path import checked, packaged_conf, register
from tokenlayer.errors import InputError
from tokenlayer.hints import shortened
from tokenlayer.redaction import redacted_setting

# The behaviour of Hydra that this program is written for.
HYDRA_VERSION_BASE = "1.3"
_LONGEST_OVERRIDE, _DEEPEST_OVERRIDE, _LONGEST_KEY = 20_000, 30, 200

# Compositions that are kept for the next jobs of a sweep or a study; one takes about a megabyte.
_KEPT = 64


@dataclass(frozen=True)
class Line:
    """The overrides of one job, by kind."""

    own: tuple[Override, ...]
    """Choices and settings, in the order of the command line."""
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
        self.loader = loader
        self._search = list(search)
        self._parser = OverridesParser.create(config_loader=loader)
        # Jobs of a sweep, and conditions of a study, often differ in values alone.
        self._composed = lru_cache(_KEPT)(self.compose)
        self._files = lru_cache(_KEPT)(self._merged_files)
        self._options: dict[str, list[str]] = {}

    def parse(self, text: str) -> Override:
        """One override. Raises `ConfigError` where it breaks Hydra's grammar, or is too much for its parser."""
        if len(text) > _LONGEST_OVERRIDE or _depth(text) > _DEEPEST_OVERRIDE:
            remedy = f"more than {_LONGEST_OVERRIDE:,} characters or {_DEEPEST_OVERRIDE} levels: write it into a file"
            raise ConfigError([Problem(shortened(text), remedy)])
        try:
            override = self._parser.parse_overrides([text])[0]
        except HydraException as error:
            detail = str(error).split("\nSee https://", maxsplit=1)[0]
            remedy = "write key=value, and quote values with special characters: 'key=\"value\"'"
            raise ConfigError([Problem(text, f"cannot be read ({detail}); {remedy}")]) from error
        if len(override.key_or_group) > _LONGEST_KEY:  # Hydra looks for a file of that name
            raise ConfigError([Problem(text, f"no key has more than {_LONGEST_KEY} characters; write key=value")])
        return override

    def split(self, overrides: Sequence[Override]) -> Line:
        """Tells choices of options from values, as Hydra does: by whether a group of that name exists."""
        own = tuple(override for override in overrides if not override.is_hydra_override())
        choices = tuple(override for override in own if self._is_choice(override))
        return Line(
            own=own,
            choices=choices,
            settings=tuple(override for override in own if override not in choices),
            hydra=tuple(override for override in overrides if override.is_hydra_override()),
        )

    def _is_choice(self, override: Override) -> bool:
        group = override.key_or_group
        return "/" in group or (bool(self.options(group)) and not isinstance(override.value(), dict))

    def options(self, group: str) -> list[str]:
        """The options of a group; none where there is no such group."""
        if group.partition("/")[0] not in self._top_groups:
            return []
        if group not in self._options:
            self._options[group] = self._names(group, ObjectType.CONFIG)
        return self._options[group]

    @cached_property
    def _top_groups(self) -> frozenset[str]:
        return frozenset(self._names("", ObjectType.GROUP))

    def _names(self, group: str, kind: ObjectType) -> list[str]:
        if self._search:
            return self.loader.get_group_options(group, kind, overrides=self._search)
        # The same without a copy of all of Hydra's sources, which would be made for every key of a line.
        names: list[str] = self._repository.get_group_options(group, kind)
        return names

    @property
    def _repository(self) -> Any:
        return self.loader.repository  # type: ignore[attr-defined]  # the only subclass of ConfigLoader has it

    def groups(self, parent: str = "") -> list[str]:
        """Every group below `parent`, Hydra's own left out."""
        found = []
        for name in self._names(parent, ObjectType.GROUP):
            group = f"{parent}/{name}" if parent else name
            if group != "hydra":
                found += [group, *self.groups(group)]
        return found

    def compose(self, texts: Sequence[str]) -> DictConfig:
        """Hydra's composition with its own section, which is `HydraConfig` from here on.

        Raises:
            ConfigError: the overrides fit no file, or a file is at fault, which it names.

        """
        if nothing := list(self._chosen_nothing(texts)):
            raise ConfigError(nothing)
        try:
            config = compose(self.config_name, [*self._search, *texts], return_hydra_config=True)
        except yaml.YAMLError as error:  # its message names file, line and column
            raise ConfigError([Problem("", f"a configuration file is no valid YAML: {error}")]) from error
        except InputError as error:  # of a file that is no configuration
            raise ConfigError([Problem("", str(error))]) from error
        except RecursionError as error:
            what = "the configuration is nested too deeply, or its files or values refer to each other in a circle"
            raise ConfigError([Problem("", f"{what}: look at the defaults of those that you have changed")]) from error
        except (HydraException, OmegaConfBaseException, OSError, ValueError) as error:
            reason = _reason(error)
            if (foreign := self._foreign_group(reason, texts)) is not None:
                raise ConfigError([foreign]) from error
            raise ConfigError([Problem("", "".join([reason, *renamed.options_in(reason)]))]) from error
        HydraConfig.instance().set_config(config)  # what an interpolation of the form ${hydra:…} reads
        OmegaConf.set_struct(config, False)
        return config

    def _chosen_nothing(self, texts: Sequence[str]) -> Iterator[Problem]:
        """Choices of null, for which Hydra's messages name neither group nor options."""
        for override in (self.parse(text) for text in texts if "null" in text):
            group, value = override.key_or_group, override.value()
            options = [] if override.is_delete() or not self._is_choice(override) else self.options(group)
            if options and None in (value if isinstance(value, list) else [value]):
                yield Problem(f"{group}=null", f"no option; give one of {', '.join(options)}, or leave it out")

    def _foreign_group(self, reason: str, texts: Sequence[str]) -> Problem | None:
        """The problem if `reason` is Hydra's for the choice of a group that the chosen option of its parent lacks."""
        found = re.match(r"Could not override '((.+)/[^/]+)'\. No match in the defaults list", reason)
        if found is None:
            return None
        group, parent = found.groups()
        others = [text for text in texts if not self.parse(text).key_or_group.startswith(f"{parent}/")]
        self.compose(others)
        chosen = group_choices()
        if parent not in chosen:
            return None
        known = ", ".join(name for name in chosen if name.startswith(f"{parent}/")) or "none below it"
        return Problem(group, f"{parent}={chosen[parent]} has no such group; known: {known}")

    def compose_job(self, line: Line) -> DictConfig:
        """The composition of a job's choices, without Hydra's section."""
        config = self._copy_composed(_deciding(line))
        HydraConfig.instance().set_config(config)  # another job's may have been composed since
        del config["hydra"]
        return config

    def _copy_composed(self, texts: tuple[str, ...]) -> DictConfig:
        config = deepcopy(self._composed(texts))
        with read_write(config.hydra):
            config.hydra.runtime.cwd = str(Path.cwd())  # the one thing in it that may have changed
        return config

    def compose_sweep(self, texts: Sequence[str]) -> DictConfig:
        """The composition, with Hydra's section, by which a launcher runs the jobs of a sweep.

        It has the first of the options that are swept, and of the values none but the folder for runs: these may fit
        only one of the options. Raises `ConfigError` as `compose` does.
        """
        line = self.split([self._first(self.parse(text)) for text in texts])
        places = [own for own in line.settings if own.key_or_group == "output_dir"]
        before = HydraConfig.instance().cfg
        try:
            return self._copy_composed(tuple(str(own.input_line) for own in (*line.choices, *line.hydra, *places)))
        finally:
            HydraConfig.instance().cfg = before

    def _first(self, override: Override) -> Override:
        if not override.is_sweep_override() or not override.is_discrete_sweep():
            return override
        value = next(iter(override.sweep_string_iterator()), "")
        return self.parse(f"{override.get_key_element()}={value}")

    def launchable(self, texts: Sequence[str]) -> list[str]:
        """The overrides of a job as Hydra's launchers take them.

        Raises `ConfigError` where a secret cannot be handed on.
        """
        texts = [self._without_secret(text) for text in texts]
        settings = self.split([self.parse(text) for text in texts]).settings
        values = {setting.input_line for setting in settings if not setting.is_delete()}
        # ++: Hydra refuses values that are in a dataclass but in none of the files at hand (a dataset of the
        # user's, a callback of a resumed run). The check before is the stricter one, and has passed.
        return [f"++{text.lstrip('+')}" if text in values else text for text in texts]

    def _without_secret(self, text: str) -> str:
        """The override, with a value that holds a secret put into the environment: launchers write jobs to files."""
        override = self.parse(text)
        if redacted_setting(text) == text:
            return text
        key, value = override.get_key_element(), override.value()
        if not isinstance(value, str):
            remedy = "launchers write the values of jobs to files: give it by an environment variable, ${oc.env:NAME}"
            raise ConfigError([Problem(override.key_or_group, f"holds secrets, and {remedy}")])
        name = f"TOKENLAYER_SETTING_{re.sub(r'[^A-Z0-9]', '_', override.key_or_group.upper())}"
        # The jobs of a sweep may have a value each.
        names = (f"{name}_{number}" for number in itertools.count(1))
        own = next(each for each in names if os.environ.setdefault(each, value) == value)
        return f"{key}=${{oc.env:{own}}}"

    def show_info(self, kind: str, texts: Sequence[str]) -> None:
        """Prints what Hydra has to say of its files: `defaults`, `searchpath`, …."""
        _hydra().show_info(kind, self.config_name, [*self._search, *texts])

    def _load_file(self, path: str | None) -> ConfigResult | None:
        loaded: ConfigResult | None = self._repository.load_config(path) if path else None
        return loaded

    def origin(self, key: str, line: Line) -> str | None:
        """Return who set `key`: the override, or the last file of the composition that has it."""
        for override in reversed(line.settings):
            if _overlaps(override.key_or_group, key):
                return f"{redacted_setting(str(override.input_line))} on the command line"
        for default, loaded in reversed(self._files(_deciding(line))):
            inside = _inside(key, default.package or "")
            if inside and _has(loaded.config, inside):
                return str(_folder(loaded) / f"{default.config_path}.yaml")
        return None

    def is_packaged(self, section: str, line: Line) -> bool:
        """Whether all of a section comes from the packaged files. `line` is that of the latest composition."""
        if any(_overlaps(override.key_or_group, section) for override in line.settings):
            return False
        # Reading the files again takes as long as composing them, and seldom are there others.
        if _all_packaged(HydraConfig.get().runtime.config_sources):
            return True
        packaged = packaged_conf()
        foreign = [(default, loaded) for default, loaded in self._files(_deciding(line)) if _folder(loaded) != packaged]
        return not any(_sets(loaded, default.package or "", section) for default, loaded in foreign)

    def _merged_files(self, texts: Sequence[str]) -> list[tuple[ResultDefault, ConfigResult]]:
        """The files of a composition, in the order in which they are merged."""
        given = [*self._search, *texts]
        defaults = self.loader.compute_defaults_list(self.config_name, given, RunMode.RUN).defaults
        loaded = [(default, self._load_file(default.config_path)) for default in defaults]
        return [(default, file) for default, file in loaded if file is not None]


@contextmanager
def composing(config_name: str, config_dir: Path | None = None, search: Sequence[Path] = ()) -> Iterator[Composer]:
    """A composer over the packaged files (or `config_dir`), `./conf` before them, and folders after them."""
    register()
    folder = config_dir or packaged_conf()
    before = HydraConfig.instance().cfg
    try:
        with initialize_config_dir(str(folder), config_name, version_base=HYDRA_VERSION_BASE):
            paths = ",".join(f"'{checked(path)}'" for path in search)
            loader = _hydra().config_loader
            if not search and _all_packaged(loader.repository.sources):
                yield _of_packaged_files(config_name)
            else:
                yield Composer(config_name, loader, [f"hydra.searchpath=[{paths}]"] if search else [])
    finally:
        HydraConfig.instance().cfg = before


@cache  # these files stay as they are: what was composed of them serves the next command of a session, too
def _of_packaged_files(config_name: str) -> Composer:
    return Composer(config_name, _hydra().config_loader)


def composer_of_job() -> Composer:
    """The composer of the job of a sweep that Hydra is running, in this process or one of a launcher's."""
    hydra = HydraConfig.get()
    search = tuple(text for text in hydra.overrides.hydra if text.startswith("hydra.searchpath="))
    return _latest_composer(str(hydra.job.config_name), _hydra().config_loader, search)


@lru_cache(1)  # the jobs of a sweep that one process runs have the same
def _latest_composer(config_name: str, loader: ConfigLoader, search: tuple[str, ...]) -> Composer:
    return Composer(config_name, loader, search)


def _all_packaged(sources: Iterable[Any]) -> bool:
    """Whether all of these sources of files come with tokenlayer or Hydra."""
    return {source.path for source in sources} <= {str(packaged_conf()), "hydra.conf", ""}


def group_choices() -> dict[str, str]:
    """The option of each group in the latest composition, Hydra's own groups left out."""
    chosen = HydraConfig.get().runtime.choices
    return {
        group: str(option) for group, option in chosen.items() if option is not None and not group.startswith("hydra/")
    }


def _hydra() -> Any:
    """Hydra's own object behind the compose API, which knows how to sweep."""
    return GlobalHydra.instance().hydra


def _depth(text: str) -> int:
    """The levels of a key, and of the brackets of a value: at least as many as Hydra's parser will see."""
    opened = itertools.accumulate(1 if c in "[({" else -1 if c in "])}" else 0 for c in text)
    return max(text.partition("=")[0].count(".") + 1, *opened, 0)


def _deciding(line: Line) -> tuple[str, ...]:
    """The overrides that decide which files are composed."""
    return tuple(text for override in (*line.choices, *line.hydra) if (text := override.input_line) is not None)


def _reason(error: BaseException) -> str:
    """The message of an exception of Hydra's with that of its cause, which it leaves out."""
    cause = error.__cause__
    messages = [str(error), str(cause) if cause else ""]
    return ": ".join(message.strip() for message in dict.fromkeys(messages) if message)


def _overlaps(setting: str, key: str) -> bool:
    """Return whether a setting concerns `key`: they are the same, or one is a part of the other."""
    return setting == key or key.startswith((f"{setting}.", f"{setting}[")) or setting.startswith(f"{key}.")


def _folder(loaded: ConfigResult) -> Path:
    return Path(loaded.path.partition("://")[2])


def _sets(loaded: ConfigResult, package: str, section: str) -> bool:
    """Return whether a file whose content stands at `package` has something of a section."""
    if package == section or package.startswith(f"{section}."):
        return True
    inside = _inside(section, package)
    return bool(inside) and _has(loaded.config, inside)


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

"""What `--help`, `--cfg` and `--info` print of a command whose settings Hydra composes."""

import argparse
from typing import Any

from hydra.core.hydra_config import HydraConfig
from omegaconf import Container, DictConfig, OmegaConf

from tokenlayer.cli.flags import composing_parser
from tokenlayer.config.compose import Composer
from tokenlayer.errors import InputError
from tokenlayer.redaction import redacted_settings
from tokenlayer.terminal import safe

_ABSENT = object()


def only_shows(flags: argparse.Namespace) -> bool:
    """Whether nothing is to be run."""
    return bool(flags.help or flags.cfg or flags.info)


def show(flags: argparse.Namespace, composer: Composer) -> None:
    """Prints what the flags ask for. Raises `InputError` where there is no such section."""
    if flags.info:
        composer.show_info(flags.info, flags.overrides)
        return
    composed = composer.compose(flags.overrides)
    if flags.help:
        usage = str(HydraConfig.get().help.app_name)
        print(_help(composer, _section(composed, "job"), flags.resolve, usage))
    else:
        _show_section(_section(composed, flags.cfg), flags.package, flags.resolve)


def _section(composed: DictConfig, kind: str) -> DictConfig:
    """The job's configuration, Hydra's own, or both."""
    if kind == "job":
        del composed["hydra"]
    elif kind == "hydra":
        # A copy under the same name: its interpolations begin with hydra.
        return OmegaConf.masked_copy(composed, ["hydra"])
    return composed


def _show_section(config: DictConfig, package: str | None, resolve: bool) -> None:
    shown: Any = config
    if package is not None and package != "_global_":
        shown = OmegaConf.select(config, package, default=_ABSENT)
        if shown is _ABSENT:
            raise InputError(f"--package {package}: the configuration has no such section")
        print(f"# @package {package}")
    if isinstance(shown, Container):
        print(_yaml(shown, resolve), end="")
    else:
        print("null" if shown is None else safe(str(redacted_settings(shown, str(package)))))


def _yaml(config: Container, resolve: bool) -> str:
    """The YAML, with the secrets in it masked."""
    plain = OmegaConf.to_container(config, resolve=resolve)
    masked = redacted_settings(plain)
    return safe(OmegaConf.to_yaml(config, resolve=resolve) if masked == plain else OmegaConf.to_yaml(masked))


def _help(composer: Composer, config: DictConfig, resolve: bool, usage: str) -> str:
    groups = [f"{group}: {', '.join(options)}" for group in composer.groups() if (options := composer.options(group))]
    made = composing_parser(composer.config_name)
    made.usage = f"{usage} [FLAG] … [SETTING] …"
    return "\n".join(
        [
            made.format_help(),
            "groups of the configuration (group=option):",
            *(f"  {line}" for line in sorted(groups)),
            "\nthe configuration (key=value):\n",
            _yaml(config, resolve),
        ]
    )

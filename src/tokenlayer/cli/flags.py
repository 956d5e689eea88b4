"""The flags of all commands: Hydra's, of those that compose a configuration, and the ordinary ones of all others."""

import argparse
from collections.abc import Mapping, Sequence

from tokenlayer.cli.environment import say_store
from tokenlayer.terminal import ArgumentParser
from tokenlayer.tracking.uri import LOCAL, environment_uri

_INFO = ("all", "config", "defaults", "defaults-tree", "plugins", "searchpath")

_NOT_GIVEN = "\0"

STORE_SETTINGS = {"tracking.uri": "--tracking-uri", "output_dir": "--output-dir"}
"""Settings of the commands that compose a configuration, and the flags of the same meaning."""
MODEL_SETTINGS = {**STORE_SETTINGS, "allow_targets": "--allow-targets"}
"""The same, of commands that rebuild a model."""


def composing_parser(command: str) -> ArgumentParser:
    """Hydra's flags, as far as the command has a use for them."""
    made = ArgumentParser(f"tokenlayer {command}", add_help=False)
    made.add_argument("overrides", nargs="*", metavar="SETTING", help="group=option or key=value (nested.key=value)")
    made.add_argument("--help", "-h", action="store_true", help="show this, all groups and the configuration")
    made.add_argument("--multirun", "-m", action="store_true", help="run a job for each combination of values")
    made.add_argument("--cfg", "-c", choices=["job", "hydra", "all"], help="show the configuration instead of running")
    made.add_argument("--resolve", action="store_true", help="with --cfg or --help: with interpolations resolved")
    made.add_argument("--package", "-p", metavar="KEY", help="with --cfg: show this section of it")
    made.add_argument("--info", "-i", const="all", nargs="?", choices=_INFO, help="show what Hydra knows of its files")
    made.add_argument("--config-name", "-cn", metavar="NAME", help=f"another primary configuration than {command}")
    made.add_argument("--config-path", "-cp", metavar="FOLDER", help="files in place of the packaged ones")
    made.add_argument("--config-dir", "-cd", metavar="FOLDER", help="more files, behind the packaged ones")
    return made


def add_store_flags(parser: argparse.ArgumentParser) -> None:
    """Adds the flags by which an ordinary command finds runs: `uri` and `output_dir`."""
    parser.add_argument(
        "--tracking-uri",
        "--uri",
        dest="uri",
        metavar="URI",
        type=_uri,
        default=_NOT_GIVEN,
        help="the store of the runs, also as tracking.uri=… (default: that of MLFLOW_TRACKING_URI, else mlflow.db in "
        "the output folder; tracking=local: the latter)",
    )
    parser.add_argument(
        "--output-dir",
        metavar="FOLDER",
        default="outputs",
        help="the folder that runs were written to, also as output_dir=… (default: outputs)",
    )


def add_allow_targets(parser: argparse.ArgumentParser) -> None:
    """Adds the flag `allow_targets` of commands that rebuild a model from its configuration."""
    parser.add_argument(
        "--allow-targets",
        metavar="PACKAGES",
        type=_names,
        default="",
        help="packages that the run's configuration may name, also as allow_targets=[…]",
    )


def _names(listed: str) -> list[str]:
    """`[a,b]` → a, b."""
    return [name for part in listed.strip("[]").split(",") if (name := part.strip())]


def _uri(text: str) -> str | None:
    """The address that is given. `argparse` hands over its default only where none is."""
    if text != _NOT_GIVEN:
        return text
    say_store()
    return None


def with_settings_as_flags(arguments: Sequence[str], flags: Mapping[str, str] = STORE_SETTINGS) -> list[str]:
    """`output_dir=…`, as a command that composes a configuration takes it, → `--output-dir=…`.

    `tracking=server` is the store that the environment names, `tracking=local` that of the output folder.

    Args:
        arguments: of an ordinary command; what follows `--` is left alone.
        flags: by setting.

    """
    end = arguments.index("--") if "--" in arguments else len(arguments)
    given = []
    for argument in arguments[:end]:
        if argument == "tracking=server":
            given.append(f"--tracking-uri={environment_uri()}")
            continue
        if argument == "tracking=local":
            given.append(f"--tracking-uri={LOCAL}")
            continue
        name, is_setting, value = argument.partition("=")
        given.append(f"{flags[name]}={value}" if is_setting and name in flags else argument)
    return [*given, *arguments[end:]]

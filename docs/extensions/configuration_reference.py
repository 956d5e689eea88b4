"""The reference of the configuration, made from `conf/` and from the dataclasses that its files name."""

from __future__ import annotations

import ast
import dataclasses
import inspect
import re
import textwrap
import typing
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from tokenlayer.baselines.config import BaselineRunConfig
from tokenlayer.config.check import look
from tokenlayer.config.compose import Composer, composing
from tokenlayer.config.signatures import argument_types, keyword_parameters
from tokenlayer.config.targets import locate
from tokenlayer.config.typed import describe
from tokenlayer.search.config import SearchRunConfig
from tokenlayer.training.config import EvaluateConfig, TrainConfig

CONF = Path(__file__).resolve().parents[2] / "conf"

_ROOTS = {"train": TrainConfig, "evaluate": EvaluateConfig, "baseline": BaselineRunConfig, "search": SearchRunConfig}
# Groups in the order of the page, with the command that has them, and what is said of them.
_GROUPS = {
    "dataset": ("train", "The texts: where they come from, how they are cleaned, encoded, split and put into batches."),
    "initializer": ("train", "The first tokens; with `learning_rule=frozen`, a fixed vocabulary."),
    "learning_rule": ("train", "How tokens are replaced while the network is trained."),
    "model": ("train", "The network."),
    "model/head": ("train", "What reads the tokens."),
    "model/reader": ("train", "With `model=sequence`: what reads the tokens in their order."),
    "optimizer": ("train", "What updates the weights."),
    "lr_scheduler": ("train", "What changes the learning rate."),
    "trainer": ("train", "Device, length, precision, early stopping, threads."),
    "callbacks": ("train", "What watches, records and keeps. `callbacks.NAME=null` takes one away."),
    "tracking": ("train", "Where runs are recorded."),
    "baseline": ("baseline", "The classifiers of `tokenlayer baseline`."),
}
# What an option of a group is composed with.
_WITH = {"model/reader": ("model=sequence",)}
# Groups whose files are shown as they are.
_SHOWN = {
    "experiment": "Recipes on top of everything else: `tokenlayer train experiment=NAME`.",
    "search": "What `tokenlayer search search=NAME` searches.",
}


def configuration() -> str:
    """The page's Markdown: the root of each command, then group by group, option by option."""
    return "\n".join([*_roots(), *_groups(), *_shown()])


def _roots() -> Iterator[str]:
    yield "## Settings of a command\n\nWhat stands at the top of the configuration, beside the groups.\n"
    for name, schema in _ROOTS.items():
        plain = _composed(name, ())
        own = {key: value for key, value in plain.items() if not _is_group(key)}
        yield f"### `tokenlayer {name}`\n\n`conf/{name}.yaml`, {_named(schema)}\n"
        yield from _table(schema, own, "")


def _is_group(key: str) -> bool:
    return key in _GROUPS and (CONF / key).is_dir()


def _groups() -> Iterator[str]:
    for group, (command, about) in _GROUPS.items():
        yield f"## `{group}`\n\n{about}\n"
        options = sorted(path.stem for path in (CONF / group).glob("*.yaml"))
        for option in options:
            yield from _option(command, group, option)


def _option(command: str, group: str, option: str) -> Iterator[str]:
    yield f"### `{group}={option}`\n" if group != "callbacks" or option == "default" else f"### `callbacks.{option}`\n"
    if group == "callbacks" and option == "default":
        yield "All callbacks below.\n"
        return
    key = group.replace("/", ".")
    chosen = () if group == "callbacks" else (*_WITH.get(group, ()), f"{group}={option}")
    section = _select(_composed(command, chosen), f"callbacks.{option}" if group == "callbacks" else key)
    if not section:
        yield f"{_about(group, option)}\n"
        return
    cls = locate(section["_target_"]) if "_target_" in section else _annotated(_ROOTS[command], key)
    yield f"{_about(group, option)}\n\n{_named(cls)}\n"
    yield from _table(cls, section, f"callbacks.{option}" if group == "callbacks" else key, _comments(group, option))


def _shown() -> Iterator[str]:
    for group, about in _SHOWN.items():
        yield f"## `{group}`\n\n{about}\n"
        for path in sorted((CONF / group).glob("*.yaml")):
            yield f"### `{group}={path.stem}`\n\n```yaml\n{path.read_text(encoding='utf-8').strip()}\n```\n"


@cache
def _composed(command: str, overrides: tuple[str, ...]) -> dict[str, Any]:
    with composing(command, CONF) as composer:
        return _look(composer, overrides)


def _look(composer: Composer, overrides: tuple[str, ...]) -> dict[str, Any]:
    return look(composer, list(overrides))


def _select(plain: Mapping[str, Any], key: str) -> Any:
    found: Any = plain
    for name in key.split("."):
        found = found[name]
    return found


def _annotated(root: type, key: str) -> type:
    """The dataclass that is the annotation of a field: `model.head`."""
    found: Any = root
    for name in key.split("."):
        found = _dataclass_in(typing.get_type_hints(found)[name])
    return typing.cast(type, found)


def _dataclass_in(annotation: Any) -> Any:
    members = [annotation, *typing.get_args(annotation)]
    return next((member for member in members if dataclasses.is_dataclass(member)), annotation)


def _about(group: str, option: str) -> str:
    """The comment at the top of an option's file."""
    lines = (CONF / group / f"{option}.yaml").read_text(encoding="utf-8").splitlines()
    comment = []
    for line in lines:
        if not line.startswith("#"):
            break
        comment.append(line.removeprefix("#").strip())
    return _markdown(" ".join(word for word in comment if not word.startswith("@package")))


def _comments(group: str, option: str) -> dict[str, str]:
    """The comment above each key of an option's file."""
    found, comment = {}, []
    for line in (CONF / group / f"{option}.yaml").read_text(encoding="utf-8").splitlines():
        key, is_key, _ = line.partition(":")
        if line.startswith("#"):
            comment.append(line.removeprefix("#").strip())
        elif is_key:
            found[key] = " ".join(comment)
            comment = []
    return found


def _named(cls: type) -> str:
    return f"`{cls.__module__}.{cls.__qualname__}`"


def _table(
    cls: type, section: Mapping[str, Any], prefix: str, comments: Mapping[str, str] | None = None
) -> Iterator[str]:
    """A row for each field: key, type, default, meaning; the fields of nested sections behind it."""
    yield "| setting | type | default | |\n|---|---|---|---|"
    yield from _rows(cls, section, prefix, comments or {})
    yield ""


def _rows(cls: type, section: Mapping[str, Any], prefix: str, comments: Mapping[str, str]) -> Iterator[str]:
    is_own = dataclasses.is_dataclass(cls)
    types = typing.get_type_hints(cls) if is_own else argument_types(cls, keyword_parameters(cls))
    about = field_docstrings(cls) if is_own else comments
    for name, value in section.items():
        key = f"{prefix}.{name}" if prefix else name
        if name == "_target_" or (isinstance(value, dict) and "_target_" in value):
            continue
        inner = _dataclass_in(types.get(name, Any))
        if isinstance(value, dict) and value and dataclasses.is_dataclass(inner):
            yield from _rows(typing.cast(type, inner), value, key, {})
            continue
        yield f"| `{key}` | {_type(types.get(name, Any))} | {_value(value)} | {_cell(about.get(name, ''))} |"


def _type(annotation: Any) -> str:
    if annotation is Any:
        return ""
    if typing.get_origin(annotation) is dict:
        return "a section"
    return _cell(describe(annotation))


def _value(value: Any) -> str:
    if value == "???":
        return "must be given"
    shown = yaml.safe_dump(value, default_flow_style=True, width=10**6, allow_unicode=True).strip()
    return f"`{_escaped_bars(shown.removesuffix('...').strip())}`"


def _cell(text: str) -> str:
    return _escaped_bars(_markdown(" ".join(text.split())))


def _escaped_bars(text: str) -> str:
    return text.replace("|", "\\|")


def _markdown(text: str) -> str:
    """Text in which characters that Markdown would act on stand for themselves, code in backticks left alone."""
    parts = text.split("`")
    parts[::2] = [re.sub(r"[*_<$\[]", r"\\\g<0>", part) for part in parts[::2]]
    return "`".join(parts)


@cache
def field_docstrings(cls: type) -> dict[str, str]:
    """The string beneath each field of a dataclass and of its bases."""
    found: dict[str, str] = {}
    for base in reversed(cls.__mro__):
        if dataclasses.is_dataclass(base):
            found |= _strings_beneath(base)
    return found


def _strings_beneath(cls: type) -> dict[str, str]:
    (tree,) = ast.parse(textwrap.dedent(inspect.getsource(cls))).body
    assert isinstance(tree, ast.ClassDef)
    found = {}
    for field, below in zip(tree.body, tree.body[1:], strict=False):
        if isinstance(field, ast.AnnAssign) and isinstance(below, ast.Expr) and isinstance(below.value, ast.Constant):
            assert isinstance(field.target, ast.Name)
            found[field.target.id] = inspect.cleandoc(str(below.value.value))
    return found

"""A composed section of the configuration → the dataclass object that it describes.

Generic over dataclasses: what may stand in a section is read off the annotations of its class, so a new
initializer or callback needs no registration here. Sections are plain containers (`tokenlayer.config.plain`).
"""

import dataclasses
import functools
import inspect
import types
import typing
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Annotated, Any, Literal, TypeVar, Union, cast

from tokenlayer.config import renamed, scalars
from tokenlayer.config.problems import ConfigError, Problem, shown
from tokenlayer.config.signatures import argument_types, keyword_parameters
from tokenlayer.config.targets import TargetError, locate
from tokenlayer.errors import InputError
from tokenlayer.hints import did_you_mean, listed, near
from tokenlayer.outside import Imported, Kind

T = TypeVar("T")

MISSING = "???"
TARGET = "_target_"


class _Failed:
    """Stands for a value whose problems are on the list already."""


_FAILED = _Failed()


def load(
    section: Mapping[str, Any],
    expected: type[T],
    *,
    key: str = "",
    allow_targets: Sequence[str] = (),
    is_right: Callable[[str], bool] = lambda _key: False,
) -> T:
    """`section` as an object of `expected`, a dataclass, or of the subclass that its `_target_` names.

    Args:
        section: plain containers.
        expected: a dataclass.
        key: the dotted place of the section, for messages.
        allow_targets: packages that a `_target_` may name besides the trusted ones.
        is_right: says of the key of another package's class whether its section is known to be right; that package
            is not imported then.

    Raises:
        ConfigError: with all problems: unknown keys, wrong types, values that must be given, classes that do not fit,
            and what the classes' own `problems()` say.

    """
    loader = _Loader(section, key, allow_targets, is_right)
    loaded = loader.value(section, expected, key)
    if loader.problems:
        raise ConfigError(loader.problems)
    return cast(T, loaded)


def flatten(section: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Every leaf of nested sections with its dotted key."""
    for name, value in section.items():
        key = f"{prefix}.{name}" if prefix else str(name)
        if isinstance(value, Mapping) and value:
            yield from flatten(value, key)
        else:
            yield key, value


class _Loader:
    """Turns values into what annotations ask for, and keeps a list of what does not fit."""

    def __init__(
        self, root: Mapping[str, Any], root_key: str, allow_targets: Sequence[str], is_right: Callable[[str], bool]
    ) -> None:
        self.problems: list[Problem] = []
        self._known = [key for key, _ in flatten(root, root_key)]
        self._allow_targets = allow_targets
        self._is_right = is_right

    def value(self, raw: Any, annotation: Any, key: str) -> Any:
        """`raw` as `annotation`, or `_FAILED`."""
        if raw == MISSING and isinstance(raw, str):
            return self._fail(key, f"must be given ({describe(annotation)})")
        if annotation is Any:
            return raw
        if annotation in scalars.CONVERSIONS:
            return self._scalar(raw, annotation, key)
        if typing.get_origin(annotation) is not None:
            return self._generic(raw, annotation, key)
        return self._object(raw, annotation, key)

    def _generic(self, raw: Any, annotation: Any, key: str) -> Any:
        """`raw` as one of the types with brackets or bars."""
        origin, members = typing.get_origin(annotation), typing.get_args(annotation)
        if origin in (Union, types.UnionType):
            return self._union(raw, members, annotation, key)
        if origin is Literal:
            return self._literal(raw, members, key)
        if origin is Annotated:
            made = typing.get_origin(members[0]) or members[0]
            return self._partial(raw, cast(Kind, annotation.__metadata__[0]).load, key, made)
        if origin is dict:
            return self._mapping(raw, members[1], key)
        if origin is functools.partial:
            return self._partial(raw, lambda: members[0], key, functools.partial)
        if origin in (list, tuple, Sequence):
            return self._sequence(raw, list if origin is Sequence else origin, members, key)
        raise TypeError(f"{key}: fields of type {annotation} cannot be configured")

    def _fail(self, key: str, message: str, *, is_of_key: bool = False) -> _Failed:
        self.problems.append(Problem(key, message, is_of_key))
        return _FAILED

    def _scalar(self, raw: Any, scalar: type, key: str) -> Any:
        try:
            return scalars.convert(raw, scalar)
        except ValueError:
            return self._fail(key, f"expected {scalars.NAMES[scalar]}, got {shown(raw)}")

    def _literal(self, raw: Any, choices: tuple[Any, ...], key: str) -> Any:
        for choice in choices:
            if raw == choice and type(raw) is type(choice):
                return choice
        new = renamed.VALUES.get(key, {}).get(str(raw))
        if new in choices:
            return self._fail(key, f"{raw} is now called {new}")
        close = near(str(raw), [str(choice) for choice in choices])
        expected = ", ".join(str(choice) for choice in choices)
        return self._fail(key, f"expected one of {expected}, got {shown(raw)}{did_you_mean(close)}")

    def _union(self, raw: Any, members: tuple[Any, ...], annotation: Any, key: str) -> Any:
        if raw is None and types.NoneType in members:
            return None
        choices = [member for member in members if member is not types.NoneType]
        # 1 and 1.0 differ where `int | float` means batches or a share of them: an exact type goes first.
        choices.sort(key=lambda member: type(raw) is not member)
        if len(choices) == 1:
            return self.value(raw, choices[0], key)
        for choice in choices:
            before = len(self.problems)
            converted = self.value(raw, choice, key)
            if converted is not _FAILED:
                return converted
            del self.problems[before:]
        return self._fail(key, f"expected {describe(annotation)}, got {shown(raw)}")

    def _sequence(self, raw: Any, kind: type, members: tuple[Any, ...], key: str) -> Any:
        if not isinstance(raw, list | tuple):
            return self._fail(key, f"expected a list, got {shown(raw)}; write {key}=[…]")
        if kind is list or members[1:] == (...,):
            annotations = [members[0]] * len(raw)
        elif len(raw) == len(members):
            annotations = list(members)
        else:
            return self._fail(key, f"expected a list of {len(members)} values, got {len(raw)}")
        pairs = zip(raw, annotations, strict=True)
        loaded = [self.value(item, wanted, f"{key}[{i}]") for i, (item, wanted) in enumerate(pairs)]
        return _FAILED if _FAILED in loaded else kind(loaded)

    def _mapping(self, raw: Any, annotation: Any, key: str) -> Any:
        if not isinstance(raw, Mapping):
            return self._fail(key, f"expected a section with keys, got {shown(raw)}")
        loaded = {str(name): self._item(item, annotation, f"{key}.{name}") for name, item in raw.items()}
        return _FAILED if any(item is _FAILED for item in loaded.values()) else loaded

    def _item(self, raw: Any, annotation: Any, key: str) -> Any:
        if key in renamed.KEYS:
            return self._fail(key, f"is now called {renamed.KEYS[key]}")
        return self.value(raw, annotation, key)

    def _object(self, raw: Any, base: type, key: str) -> Any:
        if not isinstance(raw, Mapping):
            return self._fail(key, f"expected a section ({base.__name__}), got {shown(raw)}")
        cls = self._class(raw, base, key)
        if cls is None:
            return _FAILED
        arguments = {name: item for name, item in raw.items() if name != TARGET}
        hints = typing.get_type_hints(cls, include_extras=True)
        fields = {field.name: field for field in dataclasses.fields(cls) if field.init}
        arguments = self._under_new_names(arguments, fields, key)
        self._check_names(arguments, list(fields), cls, key)
        loaded = {
            name: self.value(arguments[name], hints[name], _join(key, name)) for name in fields if name in arguments
        }
        for name, field in fields.items():
            if name not in arguments and _is_required(field):
                loaded[name] = self._fail(_join(key, name), f"must be given ({describe(hints[name])})")
        if any(item is _FAILED for item in loaded.values()):
            return _FAILED
        return self._construct(cls, loaded, key)

    def _construct(self, cls: type, arguments: dict[str, Any], key: str) -> Any:
        try:
            made = cls(**arguments)
        except InputError as error:
            return self._fail(key, str(error))
        if hasattr(made, "problems"):
            self.problems += [Problem(_join(key, name), message) for name, message in made.problems()]
        return made

    def _class(self, raw: Mapping[str, Any], base: type, key: str) -> Any:
        """The dataclass that a section asks for: `base`, or the subclass in its `_target_`; else None."""
        if TARGET not in raw:
            if dataclasses.is_dataclass(base) and not inspect.isabstract(base):
                return base
            self._fail(_join(key, TARGET), f"must name a kind of {base.__name__}")
            return None
        cls = self._locate(raw, key)
        if cls is None:
            return None
        objection = None
        if not issubclass(cls, base):
            objection = f"is no kind of {base.__module__}.{base.__qualname__}"
        elif not dataclasses.is_dataclass(cls):
            objection = "is no dataclass, whose fields would say what may be set: decorate it with @dataclass"
        elif inspect.isabstract(cls):
            lacks = ", ".join(sorted(cls.__abstractmethods__))
            objection = f"is abstract: it lacks {lacks}; name a class that defines them all"
        if objection is not None:
            self._fail(_join(key, TARGET), f"{raw[TARGET]} {objection}")
            return None
        return cls

    def _locate(self, raw: Mapping[str, Any], key: str) -> type | None:
        try:
            return locate(raw[TARGET], self._allow_targets)
        except TargetError as error:
            self._fail(_join(key, TARGET), str(error))
            return None

    def _partial(self, raw: Any, kind: Callable[[], type], key: str, made: type[functools.partial[Any]]) -> Any:
        """A class with its arguments, as `made`; the first (what it optimizes, or schedules) the program gives."""
        if not isinstance(raw, Mapping):
            return self._fail(key, f"expected a section with _target_, got {shown(raw)}")
        if TARGET in raw and self._is_right(key):
            return made(Imported(raw[TARGET]), **{name: raw[name] for name in raw if name != TARGET})
        base = kind()
        if TARGET not in raw:
            return self._fail(_join(key, TARGET), f"must name a kind of {base.__name__}")
        cls = self._locate(raw, key)
        if cls is None:
            return _FAILED
        if not issubclass(cls, base):
            return self._fail(_join(key, TARGET), f"{raw[TARGET]} is no kind of {base.__module__}.{base.__qualname__}")
        return self._with_arguments(cls, {name: item for name, item in raw.items() if name != TARGET}, key, made)

    def _with_arguments(self, cls: type, given: Mapping[str, Any], key: str, made: type[functools.partial[Any]]) -> Any:
        parameters = keyword_parameters(cls)
        self._check_names(given, list(parameters), cls, key)
        hints = argument_types(cls, parameters)
        may_be_open = getattr(made, "open_fields", ())
        loaded = {
            name: None if item is None and name in may_be_open else self.value(item, hints[name], _join(key, name))
            for name, item in given.items()
            if name in parameters
        }
        for name, parameter in parameters.items():
            if parameter.default is inspect.Parameter.empty and name not in given:
                loaded[name] = self._fail(_join(key, name), f"must be given: {cls.__name__} has no default for it")
        return _FAILED if any(item is _FAILED for item in loaded.values()) else made(cls, **loaded)

    def _under_new_names(self, given: Mapping[str, Any], known: Collection[str], key: str) -> dict[str, Any]:
        """Report old names; their values are kept under the new ones, so that they are checked like all others."""
        arguments = dict(given)
        for name in given:
            new = renamed.KEYS.get(_join(key, name), "")
            new_name = new.rsplit(".", 1)[-1]
            if name not in known and new_name in known:
                self._fail(_join(key, name), f"is now called {new}", is_of_key=True)
                arguments.setdefault(new_name, arguments.pop(name))
        return arguments

    def _check_names(self, given: Mapping[str, Any], known: Sequence[str], cls: type, key: str) -> None:
        for name in given:
            if name in known:
                continue
            wrong = _join(key, name)
            # `text_length=100` means dataset.text_length: the same name elsewhere is better than a near one.
            close = [other for other in self._known if other.rsplit(".", 1)[-1] == name and other != wrong]
            close += [_join(key, candidate) for candidate in near(name, known)]
            told = f"no such key{did_you_mean(close)} ({cls.__name__} has {listed(known)})"
            self._fail(wrong, told, is_of_key=True)


def describe(annotation: Any) -> str:
    """Describe in words what a field takes: `an integer or null`."""
    origin, members = typing.get_origin(annotation), typing.get_args(annotation)
    if origin in (Union, types.UnionType):
        return " or ".join(describe(member) for member in members)
    if annotation is types.NoneType:
        return "null"
    if origin is Literal:
        return "one of " + ", ".join(str(member) for member in members)
    if origin in (list, tuple, Sequence):
        return "a list"
    if annotation in scalars.NAMES:
        return scalars.NAMES[annotation]
    return "a section"


def _join(key: str, name: str) -> str:
    return f"{key}.{name}" if key else name


def _is_required(field: "dataclasses.Field[Any]") -> bool:
    return field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING

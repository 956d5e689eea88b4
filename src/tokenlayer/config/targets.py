"""`_target_`: which class a section of the configuration asks for."""

import importlib
import pkgutil
from collections.abc import Sequence
from types import ModuleType

from tokenlayer.config import renamed
from tokenlayer.hints import did_you_mean, near
from tokenlayer.progress import working

# Classes that a configuration may name without being allowed to: ours, and torch's optimizers and schedulers.
TRUSTED_PACKAGES = ("tokenlayer", "torch")


class TargetError(Exception):
    """A `_target_` that names no class, or none that may be named; the message says which."""


def locate(target: object, allow_targets: Sequence[str] = ()) -> type:
    """The class that `target`, a dotted path, names.

    The package is checked before anything is imported: a configuration from elsewhere must not run code of
    its choosing. Raises `TargetError`.
    """
    if not isinstance(target, str) or not all(part.isidentifier() for part in target.split(".")):
        raise TargetError(f"must be the dotted path of a class, got {target!r}")
    if target in renamed.CLASSES:
        raise TargetError(f"{target} is now called {renamed.CLASSES[target]}")
    allowed = (*TRUSTED_PACKAGES, *allow_targets)
    if not any(target.startswith(f"{package}.") for package in allowed):
        package = target.split(".", maxsplit=1)[0]
        raise TargetError(
            f"{target} is outside {', '.join(allowed)}; if you trust it, allow it: allow_targets=[{package}]"
        )
    with working(f"loading {target.split('.', maxsplit=1)[0]}"):  # torch takes seconds, and so may what imports it
        module, names = _import_longest(target)
    found: object = module
    for name in names:
        if not hasattr(found, name):
            where = getattr(found, "__name__", target)
            raise TargetError(f"{where} has no {name}{did_you_mean(near(name, _names_in(found)))}")
        found = getattr(found, name)
    if not isinstance(found, type):
        raise TargetError(f"{target} is no class")
    return found


def _import_longest(target: str) -> tuple[ModuleType, list[str]]:
    """The innermost module on the path, and the names that remain to be looked up in it."""
    parts = target.split(".")
    try:
        module = importlib.import_module(parts[0])
    except ModuleNotFoundError as missing:
        raise TargetError(f"{target}: no package {parts[0]} is installed") from missing
    for count in range(2, len(parts)):
        path = ".".join(parts[:count])
        try:
            module = importlib.import_module(path)
        except ModuleNotFoundError as missing:
            # A module that exists but misses a dependency of its own is another story than a wrong path.
            if missing.name != path:
                raise TargetError(f"{target} needs the package {missing.name}, which is not installed") from missing
            return module, parts[count - 1 :]
    return module, parts[-1:]


def _names_in(found: object) -> list[str]:
    """The public names of a module or class; of a package also its modules that nobody has imported yet."""
    modules = [info.name for info in pkgutil.iter_modules(getattr(found, "__path__", None) or [])]
    return modules + [name for name in dir(found) if not name.startswith("_")]

"""Classes of other packages, by name: they are imported when they are needed, for torch takes seconds."""

import gc
import importlib
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

from tokenlayer.errors import InputError


@dataclass(frozen=True)
class Kind:
    """Says in the annotation of a partial what its class has to be a kind of: `torch.optim.Optimizer`."""

    path: str
    """Dotted path of the class."""

    def load(self) -> type:
        """The class, and a word about the wait for it."""
        say_loading(self.path.split(".", maxsplit=1)[0])
        found: type = _class_at(self.path)
        return found


@dataclass(frozen=True)
class Imported:
    """Stands for a class until it is called."""

    path: str
    """Dotted path of the class."""

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """An object of the class."""
        return _class_at(self.path)(*args, **kwargs)


def check_installed(package: str, need: str, extra: str) -> None:
    """Look whether a package that is no dependency, but of an extra, is there; imports nothing.

    Args:
        package: the package.
        need: what needs it, in words: "search needs Optuna".
        extra: the extra that brings it.

    Raises:
        InputError: it is not installed.

    """
    if sys.modules.get(package) is None and (package in sys.modules or find_spec(package) is None):
        raise InputError(f"{need}, which is not installed: pip install 'tokenlayer[{extra}]'")


def say_loading(*packages: str) -> None:
    """Print what is about to be loaded, as far as it has not been loaded before."""
    missing = [package for package in packages if package not in sys.modules]
    if missing:
        print(f"loading {', '.join(missing)} …", flush=True)


@contextmanager
def loading(*packages: str, told: bool = True) -> Iterator[None]:
    """Within, what needs these packages is imported, a fifth faster than without this.

    Where one of them is new, the garbage collector waits, which would look through all that is loaded again and again,
    and leaves it alone from then on.

    Args:
        packages: the slow ones.
        told: whether to print which of them are new.

    """
    is_new = any(package not in sys.modules for package in packages)
    if told:
        say_loading(*packages)
    if not is_new or not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


def _class_at(path: str) -> Any:
    module, _, name = path.rpartition(".")
    return getattr(importlib.import_module(module), name)

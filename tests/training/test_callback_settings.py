"""Every number that a callback takes: none means anything below 0."""

import importlib
import pkgutil
from dataclasses import fields, replace

import pytest

import tokenlayer.training.callbacks
from tokenlayer.training.callbacks.base import CallbackConfig

MODULES = [module.name for module in pkgutil.iter_modules(tokenlayer.training.callbacks.__path__)]
CLASSES = {
    found
    for name in MODULES
    if not name.endswith("_callback")
    for found in vars(importlib.import_module(f"tokenlayer.training.callbacks.{name}")).values()
    if isinstance(found, type) and issubclass(found, CallbackConfig) and found is not CallbackConfig
}
NUMBERS = sorted(
    (made.__name__, field.name)
    for made in CLASSES
    for field in fields(made)
    if isinstance(field.default, int) and not isinstance(field.default, bool) and field.default >= 1
)


@pytest.mark.parametrize(("name", "field"), NUMBERS)
def test_a_negative_number_is_refused_by_name(name: str, field: str) -> None:
    (config,) = [made() for made in CLASSES if made.__name__ == name]
    assert list(getattr(config, "problems", list)()) == []
    assert [key for key, _ in replace(config, **{field: -1}).problems()] == [field]


def test_all_callbacks_are_looked_at() -> None:
    assert len(CLASSES) >= 14
    assert len(NUMBERS) >= 8

import functools
import gc
import subprocess
import sys
from fractions import Fraction

import pytest

from tokenlayer.config.problems import ConfigError
from tokenlayer.config.typed import load
from tokenlayer.outside import Imported, Kind, loading, say_loading
from tokenlayer.training.config import TrainConfig


def test_a_class_is_made_when_it_is_called():
    half = functools.partial(Imported("fractions.Fraction"), denominator=2)
    assert half(1) == Fraction(1, 2)
    assert Kind("fractions.Fraction").load() is Fraction


def test_it_is_imported_no_sooner():
    code = "import sys; from tokenlayer.outside import Imported; Imported('fractions.Fraction'); "
    code += "print('fractions' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"


def test_only_what_is_still_to_be_loaded_is_told(capsys):
    say_loading("sys", "a_package_of_nobody")
    assert capsys.readouterr().out == "loading a_package_of_nobody …\n"
    say_loading("sys")
    assert capsys.readouterr().out == ""


@pytest.fixture
def frozen(monkeypatch):
    """Of each time that what is loaded is exempted from collection: whether the collector waited."""
    waited = []
    monkeypatch.setattr(gc, "freeze", lambda: waited.append(not gc.isenabled()))
    return waited


@pytest.mark.parametrize("told", [True, False])
def test_the_collector_waits_for_what_is_new(told, frozen, capsys):
    with loading("sys", "a_package_of_nobody", told=told):
        assert not gc.isenabled()
        assert frozen == []
    assert gc.isenabled()
    assert frozen == [True]
    assert capsys.readouterr().out == ("loading a_package_of_nobody …\n" if told else "")


def test_the_collector_is_as_it_was(frozen, capsys):
    with loading("sys"):
        assert gc.isenabled()
    gc.disable()
    try:
        with loading("a_package_of_nobody", told=False), pytest.raises(KeyError):
            raise KeyError
        assert not gc.isenabled()
    finally:
        gc.enable()
    assert frozen == [], "in the second job of a sweep, what the first has left is still collected"
    with pytest.raises(ImportError), loading("a_package_of_nobody", told=False):
        raise ImportError
    assert gc.isenabled()
    assert capsys.readouterr().out == ""


def test_what_is_known_to_be_right_is_not_looked_at():
    hint = {"optimizer": {"_target_": "torch.optim.Adam", "lr": "abc"}}
    with pytest.raises(ConfigError) as caught:
        load(hint, TrainConfig)
    assert "optimizer.lr" in {problem.key for problem in caught.value.problems}
    with pytest.raises(ConfigError) as caught:
        load(hint, TrainConfig, is_right=lambda key: key == "optimizer")
    assert "optimizer.lr" not in {problem.key for problem in caught.value.problems}

"""Every test here declares the keys of the golden file that it checks; `test_every_key.py` adds them up.

`@pytest.mark.golden("layer_{layer}_codes")`: a name in braces is a parameter of the test. A test must read
what it declares, and may read nothing else.
"""

from pathlib import Path

import pytest
from golden_file import Golden

HERE = Path(__file__).parent
DECLARED = pytest.StashKey[set[str]]()
COMPLETE = pytest.StashKey[bool]()


def pytest_configure(config):
    config.addinivalue_line("markers", "golden(*keys): the keys of the golden file that a test checks")


@pytest.hookimpl(tryfirst=True)  # before -k and -m take tests away
def pytest_collection_modifyitems(config, items):
    mine = [item for item in items if item.path.parent == HERE]
    config.stash[DECLARED] = set().union(*map(declared_keys, mine))
    config.stash[COMPLETE] = {item.path for item in mine} == set(HERE.glob("test_*.py"))


def declared_keys(item):
    parameters = item.callspec.params if hasattr(item, "callspec") else {}
    keys = [key for mark in item.iter_markers("golden") for key in mark.args]
    return {key.format(**parameters) for key in keys}


@pytest.fixture
def golden(request):
    return Golden(declared_keys(request.node))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item):
    result = yield  # a test that fails raises here
    unread = item.funcargs["golden"].unread if "golden" in item.funcargs else set()
    assert not unread, f"declared, but not read: {sorted(unread)}"
    return result


@pytest.fixture(scope="session")
def declared(pytestconfig):
    if not pytestconfig.stash[COMPLETE]:
        pytest.skip("only a run of the whole folder can tell which keys are checked")
    return pytestconfig.stash[DECLARED]

"""The processor time of commands that do no work."""

import pytest
from benchmarks.start import COMMANDS, ratios


@pytest.mark.slow
def test_commands_that_do_no_work_take_little_time():
    found = ratios(rounds=5)
    assert found.pop("import tokenlayer") < 1
    assert set(found) == set(COMMANDS)
    for name, ratio in found.items():
        assert ratio < 12, f"{name}: {ratio:.1f} times an import of numpy"

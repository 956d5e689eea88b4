import pytest

from tokenlayer.errors import InputError
from tokenlayer.tracking.format import FORMAT, check_format


@pytest.mark.parametrize("noted", [FORMAT, str(FORMAT)])
def test_the_format_of_this_version_is_taken(noted: object) -> None:
    check_format(noted, "run a")


def test_none_is_that_of_0_1() -> None:
    with pytest.raises(InputError, match=r"run a was recorded by tokenlayer 0\.1 .*pip install 'tokenlayer<0\.2'"):
        check_format(None, "run a")


def test_a_later_format_is_refused() -> None:
    with pytest.raises(InputError, match=r"run a was recorded in format 3, .*uses format 2"):
        check_format(3, "run a")

from golden_file import arrays


def test_no_key_is_left_unchecked(declared):
    assert set(arrays()) - declared == set()


def test_no_check_is_of_a_key_that_does_not_exist(declared):
    assert declared - set(arrays()) == set()

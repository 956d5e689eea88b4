from tokenlayer.hints import did_you_mean, hint, listed, near

KNOWN = ["train", "test", "validation"]


def test_near_names_the_nearest_first() -> None:
    assert near("trian", KNOWN) == ["train"]
    assert near("tet", ["test", "text", "tests", "tent"]) == ["text", "test", "tent"]
    assert len(near("tet", ["test", "text", "tests", "tent"], at_most=1)) == 1
    assert near("nothing alike", KNOWN) == []


def test_a_name_that_is_known_twice_is_suggested_once() -> None:
    assert near("trian", ["train", "train"]) == ["train"]


def test_did_you_mean() -> None:
    assert did_you_mean(["a", "b"]) == "; did you mean a or b?"
    assert did_you_mean([]) == ""


def test_long_lists_are_cut() -> None:
    assert listed(["b", "a"]) == "a, b"
    assert listed([]) == "none"
    assert listed(f"{number:02}" for number in range(21)).endswith("18, 19, …")


def test_hint_of_an_iterator() -> None:
    assert hint("trian", iter(KNOWN)) == "; did you mean train?; known: test, train, validation"
    assert hint("x", []) == "; known: none"

import functools

import pytest
import torch

from tokenlayer.config.problems import ConfigError
from tokenlayer.config.typed import load


def root(**changes):
    section = {
        "seed": 0,
        "dataset": {"_target_": "toy.Generated", "text_length": 10},
        "optimizer": {"_target_": "torch.optim.Adam", "lr": "1e-3", "betas": [0.9, 0.99]},
        "lr_scheduler": None,
        "callbacks": {"live_view": {"_target_": "toy.Live"}, "other": None},
    }
    return {**section, **changes}


def problems(section, expected, **options):
    with pytest.raises(ConfigError) as caught:
        load(section, expected, **options)
    return {problem.key: problem.message for problem in caught.value.problems}


def root_problems(toy, **changes):
    return problems(root(**changes), toy.Root, allow_targets=["toy"])


def test_loads_the_whole_tree(toy):
    loaded = load(root(), toy.Root, allow_targets=["toy"])
    assert loaded.dataset == toy.Generated(text_length=10, cleaning=toy.Cleaning(lower=True, keep=30))
    assert loaded.callbacks == {"live_view": toy.Live(every=10, rows=15), "other": None}
    assert loaded.lr_scheduler is None
    assert isinstance(loaded.optimizer, functools.partial)
    made = loaded.optimizer([torch.nn.Parameter(torch.zeros(1))])
    assert made.defaults["lr"] == 0.001
    assert made.defaults["betas"] == (0.9, 0.99)


def test_all_problems_come_at_once(toy):
    dataset = {"_target_": "toy.Read", "text_lenght": 5, "rate": "fast", "cleaning": {"lower": "maybe"}}
    found = root_problems(toy, seed=True, dataset=dataset, optimizer={"_target_": "torch.optim.Adam", "lrr": 1})
    assert set(found) == {
        "seed",
        "dataset.text_lenght",
        "dataset.rate",
        "dataset.cleaning.lower",
        "dataset.source",
        "optimizer.lrr",
    }
    assert "did you mean dataset.text_length?" in found["dataset.text_lenght"]
    assert found["dataset.rate"] == "expected a number, got 'fast'"
    assert found["dataset.source"] == "must be given (text)"
    assert found["seed"] == "expected an integer, got true"


def test_message_lists_every_problem(toy):
    with pytest.raises(ConfigError) as caught:
        load({"every": "x", "rows": "y"}, toy.Live, key="callbacks.live")
    assert str(caught.value).startswith("2 problems in the configuration\n  - callbacks.live.every: ")


@pytest.mark.parametrize(
    ("field", "raw", "value"),
    [
        ("share", 10, 10),
        ("share", 0.5, 0.5),
        ("share", 1.0, 1.0),
        ("share", "7", 7),
        ("share", "0.1", 0.1),
        ("seed", "3", 3),
        ("output_dir", 2024, "2024"),
        ("resume", None, None),
    ],
)
def test_converts_scalars(toy, field, raw, value):
    loaded = getattr(load(root(**{field: raw}), toy.Root, allow_targets=["toy"]), field)
    assert loaded == value
    assert type(loaded) is type(value)


@pytest.mark.parametrize(("raw", "value"), [("true", True), ("off", False), ("1", True), (False, False)], ids=repr)
def test_flags_from_text(toy, raw, value):
    assert load({"lower": raw}, toy.Cleaning).lower is value


@pytest.mark.parametrize(
    ("field", "raw", "expected"),
    [
        ("seed", 1.0, "an integer"),
        ("seed", None, "an integer"),
        ("seed", "one", "an integer"),
        ("output_dir", True, "text"),
        ("share", "much", "an integer or a number or null, got 'much'"),
        ("callbacks", [1], "a section with keys"),
        ("dataset", 3, "a section (Source)"),
        ("allow_targets", "toy", "a list, got 'toy'; write allow_targets=[…]"),
    ],
)
def test_names_what_was_expected(toy, field, raw, expected):
    assert expected in root_problems(toy, **{field: raw})[field]


def test_flag_is_no_number(toy):
    assert "every" in problems({"every": False}, toy.Live)
    assert "lower" in problems({"lower": 1}, toy.Cleaning)


def test_literal_names_choices_and_near_ones(toy):
    found = root_problems(toy, dataset={"_target_": "toy.Generated", "kind": "shrt"})
    assert found["dataset.kind"] == "expected one of short, long, got 'shrt'; did you mean short?"


def test_item_of_a_list_is_named(toy):
    found = root_problems(toy, dataset={"_target_": "toy.Generated", "lengths": [5, "x"]})
    assert found == {"dataset.lengths[1]": "expected an integer, got 'x'"}


def test_a_class_may_object_to_its_values(toy):
    found = root_problems(toy, dataset={"_target_": "toy.Generated", "text_length": 0})
    assert found == {"dataset.text_length": "0 is below 1"}


def test_missing_value_must_be_given(toy):
    found = root_problems(toy, dataset={"_target_": "toy.Read", "source": "???"}, seed="???")
    assert found == {"dataset.source": "must be given (text)", "seed": "must be given (an integer)"}


def test_same_name_elsewhere_is_offered(toy):
    found = root_problems(toy, text_length=5)
    assert "did you mean dataset.text_length?" in found["text_length"]


@pytest.mark.parametrize(
    ("target", "message"),
    [
        (
            "subprocess.Popen",
            "outside tokenlayer, torch, toy; if you trust it, allow it: allow_targets=[subprocess]",
        ),
        ("torchvision.Thing", "outside tokenlayer, torch, toy"),
        ("toy.Generatd", "toy has no Generatd; did you mean Generated"),
        ("toy.Cleaning", "toy.Cleaning is no kind of toy.Source"),
        ("toy.Source", "toy.Source is abstract: it lacks load; name a class that defines"),
        ("toy.no_run_before", "is no class"),
        ("tokenlayer.confg.typed.Loader", "did you mean config?"),
        (3, "must be the dotted path of a class, got 3"),
    ],
)
def test_target_must_be_a_kind_of_what_is_wanted(toy, target, message):
    assert message in root_problems(toy, dataset={"_target_": target})["dataset._target_"]


def test_target_without_fields_cannot_be_configured():
    found = problems({"_target_": "collections.OrderedDict"}, dict, key="x", allow_targets=["collections"])
    assert "collections.OrderedDict is no dataclass" in found["x._target_"]


def test_target_outside_is_not_even_imported(toy, tmp_path, monkeypatch):
    (tmp_path / "harmful.py").write_text("raise SystemExit('imported')\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    assert "harmful" in root_problems(toy, dataset={"_target_": "harmful.Thing"})["dataset._target_"]


def test_target_is_needed_where_there_are_several_kinds(toy):
    assert root_problems(toy, dataset={"text_length": 5}) == {"dataset._target_": "must name a kind of Source"}


def test_missing_dependency_of_a_target_is_told_from_a_wrong_path(toy, tmp_path, monkeypatch):
    package = tmp_path / "extra"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "data.py").write_text("import a_package_that_nobody_has\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    found = problems(root(dataset={"_target_": "extra.data.X"}), toy.Root, allow_targets=["toy", "extra"])
    assert "needs the package a_package_that_nobody_has" in found["dataset._target_"]


@pytest.mark.parametrize(
    ("section", "key", "message"),
    [
        ({"lr": "fast"}, "optimizer.lr", "expected a number, got 'fast'"),
        ({"lr": True}, "optimizer.lr", "expected a number, got true"),
        ({"betas": [0.9]}, "optimizer.betas", "expected a list of 2 values, got 1"),
        ({"betas": [0.9, "x"]}, "optimizer.betas[1]", "expected a number, got 'x'"),
        ({"weight_deca": 0}, "optimizer.weight_deca", "did you mean optimizer.weight_decay or "),
        ({"amsgrad": 3}, "optimizer.amsgrad", "expected true or false"),
        ({"params": []}, "optimizer.params", "no such key"),
    ],
)
def test_arguments_of_foreign_classes_are_checked_against_their_signature(toy, section, key, message):
    found = root_problems(toy, optimizer={"_target_": "torch.optim.Adam", **section})
    assert message in found[key]


def test_required_argument_of_a_foreign_class(toy):
    found = root_problems(toy, lr_scheduler={"_target_": "torch.optim.lr_scheduler.CosineAnnealingLR"})
    assert found == {"lr_scheduler.T_max": "must be given: CosineAnnealingLR has no default for it"}


def test_foreign_class_must_be_of_the_right_kind(toy):
    found = root_problems(toy, optimizer={"_target_": "torch.nn.Linear"})
    assert "torch.nn.Linear is no kind of torch.optim.optimizer.Optimizer" in found["optimizer._target_"]

"""What the site's references are made of."""

from collections.abc import Iterable

import configuration_reference as reference

from tokenlayer.cli.main import COMMANDS, main
from tokenlayer.rules.graft import GraftRuleConfig


def rows(lines: Iterable[str]) -> dict[str, list[str]]:
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in "\n".join(lines).splitlines()]
    return {row[0].strip("`"): row[1:] for row in cells if len(row) == 4}


def test_an_option_has_its_settings_with_type_default_and_meaning() -> None:
    table = rows(reference._option("train", "learning_rule", "graft"))
    assert table["learning_rule.candidates"][:2] == ["an integer", "`4`"]
    assert table["learning_rule.candidates"][2].startswith("N-grams that a round looks at for each token")
    assert table["learning_rule.edit_until"][1] == "`0.6`", "settings of the base are there"
    assert "learning_rule._target_" not in table


def test_an_option_of_torch_has_the_comments_of_its_file() -> None:
    assert rows(reference._option("train", "optimizer", "adam"))["optimizer.lr"] == [
        "a number",
        "`0.01`",
        "Learning rate.",
    ]


def test_nested_settings_have_their_key_and_sections_of_other_groups_are_left_out() -> None:
    table = rows(reference._option("train", "dataset", "table"))
    assert table["dataset.cleaning.lower_case"][:2] == ["true or false", "`true`"]
    assert table["dataset.source"][1] == "must be given"
    assert not any(key.startswith("model.head") for key in rows(reference._option("train", "model", "tokens")))


def test_an_option_of_one_model_alone_is_composed_with_it() -> None:
    table = rows(reference._option("train", "model/reader", "recurrent"))
    assert table.keys() - {"setting", "---"} == {"model.reader.width", "model.reader.dropout"}


def test_what_markdown_would_act_on_is_escaped() -> None:
    assert reference._cell("a_b <c> $d `e_f`\n| g") == r"a\_b \<c> \$d `e_f` \| g"


def test_fields_of_a_base_have_their_docstrings() -> None:
    found = reference.field_docstrings(GraftRuleConfig)
    assert "penalty" in found
    assert "edit_until" in found


def test_every_command_has_a_help(capsys) -> None:
    for name in COMMANDS:
        assert main([name, "--help"]) == 0
        assert capsys.readouterr().out.startswith(f"usage: tokenlayer {name}")

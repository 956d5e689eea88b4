"""Settings of runs as MLflow holds them."""

import pandas as pd

from tokenlayer.comparison.settings import differing, is_relevant, settings_of_runs, shared, telling

RUNS = pd.DataFrame(
    {
        "params.group.rule": ["graft", "graft", "grow", "grow"],
        "params.rule._target_": ["G", "G", "W", "W"],
        "params.rule.rounds": ["2", "2", None, None],
        "params.N": ["20", "50", "20", "50"],
        "params.D": ["8"] * 4,
        "params.seed": ["0", "1", "2", "3"],
        "params.dataset.split_seed": ["0", "1", "2", "3"],
        "params.output_dir": list("abcd"),
        "params.tracking.run_name": list("abcd"),
        "params.baseline.C": ["1", "2", "3", "4"],
        "tags.resumed.N": [None, None, None, "60"],
    }
)


def test_options_come_first_and_what_changes_no_result_is_left_out() -> None:
    settings = settings_of_runs(RUNS)
    assert list(settings) == ["rule", "D", "N", "dataset.split_seed", "rule._target_", "rule.rounds"]
    assert settings["N"].tolist() == ["20", "50", "20", "60"], "a resumed run has what it was changed to"
    assert shared(settings).to_dict() == {"D": "8"}
    assert differing(settings) == ["rule", "N", "rule._target_", "rule.rounds"]


def test_few_settings_tell_the_runs_apart() -> None:
    assert sorted(telling(settings_of_runs(RUNS))) == ["N", "rule"]
    assert telling(settings_of_runs(RUNS.iloc[:1])) == []


def test_what_can_change_a_result() -> None:
    keys = ("seed", "tracking.uri", "trainer.threads", "trainer.max_epochs", "seeds", "dataset.source")
    assert [key for key in keys if is_relevant(key)] == ["trainer.max_epochs", "seeds"]

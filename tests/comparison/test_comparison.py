"""Sweeps and runs compared, on a store with every kind of gap; numbers are computed by hand."""

import math
import re
from pathlib import Path

import pytest
from recorded_sweeps import Job, Recording, sizes

from tokenlayer.comparison import Comparison, compare_runs
from tokenlayer.errors import InputError


@pytest.fixture(scope="module")
def of_sizes(swept: Path) -> Comparison:
    return compare_runs("sizes", output_dir=swept)


@pytest.fixture(scope="module")
def of_rules(swept: Path) -> Comparison:
    return compare_runs("rules", output_dir=swept)


def test_a_sweep_is_compared_by_its_keys_but_the_seed(of_sizes: Comparison) -> None:
    assert of_sizes.by == ("model.vocab_size",)
    assert of_sizes.averaged == ["seed"]
    assert of_sizes.table["model.vocab_size"].tolist() == ["20", "100", "500"]
    assert of_sizes.table["test/accuracy mean"].tolist() == pytest.approx([0.625, 0.875, 11 / 12])
    assert of_sizes.table["test/accuracy n"].tolist() == [3, 3, 3]
    assert of_sizes.missing == []


def test_the_best_is_chosen_on_validation_texts(of_sizes: Comparison) -> None:
    """500 tokens are the best on test texts; 100 on validation texts."""
    assert of_sizes.best is not None
    assert of_sizes.best.condition == "vocab_size=100"
    assert of_sizes.best.metric == "validation/accuracy"
    assert of_sizes.best.mean.mean == pytest.approx(0.95)
    assert of_sizes.ranked == ["vocab_size=100", "vocab_size=500", "vocab_size=20"]


def test_of_a_loss_the_lowest_is_the_best(recording: Recording, output_dir: Path) -> None:
    recording.sweep("s", ["model.vocab_size", "seed"], sizes({"20": [0.7, 0.7], "100": [0.9, 0.9]}))
    found = compare_runs("s", metrics=["test/loss"], output_dir=output_dir)
    assert found.best is not None
    assert (found.best.metric, found.best.condition) == ("validation/loss", "vocab_size=100")


def test_conditions_are_compared_text_by_text(of_sizes: Comparison) -> None:
    pairs = of_sizes.pairs
    assert pairs["one"].tolist() == ["vocab_size=100"] * 2
    assert pairs["other"].tolist() == ["vocab_size=20", "vocab_size=500"]
    assert pairs["difference"].tolist() == pytest.approx([0.25, -1 / 24])
    assert pairs["seeds"].tolist() == [3, 3]
    # Of 40 texts the runs with 100 tokens get ten more right and none less: 2 / 2¹⁰.
    # The other way two, two and one: 2 / 2², 2 / 2², 1.
    assert pairs["median p"].tolist() == pytest.approx([2 / 2**10, 0.5])
    assert pairs["p after Holm"].tolist() == pytest.approx([4 / 2**10, 0.5])


def test_learning_curves(of_sizes: Comparison) -> None:
    curves = of_sizes.curves
    assert sorted(curves["condition"].unique()) == ["vocab_size=100", "vocab_size=20", "vocab_size=500"]
    assert curves.groupby("run_id")["step"].apply(list).tolist() == [[0, 20, 40, 60, 80, 100]] * 9
    last = curves[(curves["condition"] == "vocab_size=20") & (curves["seed"] == "seed=1")].iloc[-1]
    assert last["value"] == pytest.approx(0.625)


def test_tokens_and_their_overlap(of_sizes: Comparison) -> None:
    hundred = of_sizes.tokens[of_sizes.tokens["condition"] == "vocab_size=100"]
    assert hundred["token"].tolist()[:3] == ["␣good", "␣bad", "fine"]
    assert hundred["runs"].tolist() == [3, 3, 3, 1, 1, 1]
    overlap = of_sizes.overlaps.set_index("condition")
    assert overlap.index.tolist() == ["vocab_size=20", "vocab_size=100", "vocab_size=500"]
    # Of four tokens in each run three are in all: 3 / 5.
    assert overlap.loc["vocab_size=100", ["pairs", "mean", "in all"]].tolist() == pytest.approx([3, 0.6, 3])
    assert overlap.loc["vocab_size=20", "mean"] == 1


def test_what_differs_and_what_is_shared(of_sizes: Comparison) -> None:
    assert of_sizes.differences.to_dict("records") == [
        {"setting": "model.vocab_size", "value": size, "runs": 3, "conditions": [f"vocab_size={size}"]}
        for size in ("20", "100", "500")
    ]
    assert of_sizes.shared["dataset"] == "planted"
    assert "seed" not in of_sizes.shared
    assert "output_dir" not in of_sizes.shared


def without_ids(missing: list[str]) -> list[str]:
    return [re.sub(r" \[[0-9a-f]{8}\]", "", text) for text in missing]


def test_what_is_missing_is_named(of_rules: Comparison) -> None:
    assert without_ids(of_rules.missing) == [
        "sweep rules is running itself: more jobs may come",
        "of sweep rules, 1 job is killed and left out: learning_rule=grow seed=1",
        "of sweep rules, 1 job is running and left out: learning_rule=grow seed=2",
        "frozen has no run with seed=2",
        "grow has no run with seed=1, seed=2",
        "1 run is without test/accuracy: learning_rule=frozen seed=1",
        "1 run is without predictions on test texts: learning_rule=frozen seed=1 (none recorded)",
        "1 run was tested on other texts than 4 others, and test metrics cannot be compared: learning_rule=grow seed=0",
    ], "the failed job that was run again is not missing"


def test_nothing_is_averaged_over_in_silence(of_rules: Comparison) -> None:
    table = of_rules.table.set_index("learning_rule")
    assert table["runs"].to_dict() == {"frozen": 2, "graft": 3, "grow": 1}
    assert table["test/accuracy n"].to_dict() == {"frozen": 1, "graft": 3, "grow": 1}
    assert table.loc["graft", "test/accuracy mean"] == pytest.approx(0.9), "of a job run twice the later counts"
    assert of_rules.pairs["other"].tolist() == ["frozen"], "grow was tested on other texts"
    assert of_rules.pairs["seeds"].tolist() == [1]
    assert math.isnan(of_rules.pairs["low"].iloc[0])


def test_runs_on_other_texts_are_left_out_of_a_mean(recording: Recording, output_dir: Path) -> None:
    """The source was changed between two command lines: nothing in the settings tells these runs apart."""
    old, new = (sizes({"20": accuracies}) for accuracies in ([0.5, 0.6], [0.8, 0.9]))
    for job in old:
        job.texts = 1000
    for job in new:
        job.settings = {**job.settings, "seed": str(2 + int(job.settings["seed"]))}
    recording.sweep("s", ["model.vocab_size", "seed"], [*old, *new])
    found = compare_runs("s", output_dir=output_dir)
    assert found.table["test/accuracy mean"].tolist() == pytest.approx([0.85])
    assert found.table["runs"].tolist() == [2]
    assert without_ids(found.missing) == [
        "2 runs are left out, tested on other texts than the others of the same condition: "
        "model.vocab_size=20 seed=1, model.vocab_size=20 seed=0"
    ]


def test_splits_that_vary_are_averaged_over(recording: Recording, output_dir: Path) -> None:
    jobs = [Job({"dataset.split_seed": str(seed)}, 0.8 + 0.1 * seed, texts=1000 * seed) for seed in range(2)]
    recording.sweep("s", ["dataset.split_seed"], jobs)
    found = compare_runs("s", output_dir=output_dir)
    assert found.table["test/accuracy mean"].tolist() == pytest.approx([0.85])
    assert "left out" not in str(found.missing)


def test_sweeps_side_by_side_are_told_apart(swept: Path) -> None:
    found = compare_runs("sizes", "rules", output_dir=swept)
    assert found.by == ("sweep", "model.vocab_size", "learning_rule")
    assert len(found.table) == 6
    pooled = compare_runs("sizes", "rules", by=["dataset"], output_dir=swept)
    assert pooled.names == ["planted"]
    assert pooled.table["runs"].tolist() == [14], "grow was tested on other texts of the same dataset"
    assert "1 run is left out" in str(pooled.missing)
    assert pooled.averaged == ["model.vocab_size", "seed", "learning_rule"]


def test_single_runs_are_told_apart_by_what_differs(swept: Path) -> None:
    found = compare_runs("one", "other", output_dir=swept)
    assert found.by == ("learning_rule",)
    assert found.names == ["frozen", "graft"]
    assert found.pairs[["one", "other", "seeds"]].values.tolist() == [["graft", "frozen", 1]]
    run_id = found.runs["run_id"].iloc[0]
    assert compare_runs(run_id[:12], output_dir=swept).names == ["all runs"]


def test_a_filter_chooses_runs(swept: Path) -> None:
    found = compare_runs(where="params.seed = '0'", by=["group.learning_rule"], output_dir=swept)
    assert found.table["runs"].sum() == 8
    some = compare_runs("sizes", where="params.seed != '0'", output_dir=swept)
    assert some.table["runs"].tolist() == [2, 2, 2]


def test_runs_that_no_seed_tells_apart_count_as_independent(recording: Recording, output_dir: Path) -> None:
    for name in ("this", "that"):
        recording.run(Job({"seed": "3"}, 0.8), name=name)
    found = compare_runs("this", "that", output_dir=output_dir)
    assert found.table["runs"].tolist() == [2]
    assert found.missing == ["all runs has more than one run with seed=3: all count as independent"]


def test_a_damaged_file_is_a_gap(recording: Recording, output_dir: Path) -> None:
    _, first, *_ = recording.sweep("s", ["model.vocab_size", "seed"], sizes({"20": [0.7], "50": [0.8]}, tokens=["a"]))
    folder = output_dir / "artifacts" / "sweeps" / first / "artifacts"
    (folder / "predictions/test.parquet").write_bytes(b"PAR1 no table")
    (folder / "tokens/effects.json").write_text('{"columns": ["pattern"], "data": [[1]]}')
    found = compare_runs("s", output_dir=output_dir)
    (missing,) = found.missing
    assert "1 run is without predictions on test texts: model.vocab_size=20 seed=0" in missing
    assert "test.parquet is damaged" in missing
    assert found.pairs.empty
    assert found.tokens["condition"].tolist() == ["vocab_size=50"]
    (missing,) = found.missing_tokens
    assert "effects.json is damaged" in missing


def test_without_validation_no_condition_is_called_the_best(recording: Recording, output_dir: Path) -> None:
    for size in ("20", "50"):
        run = recording.client.create_run(recording.experiment, tags={"size": size})
        recording.client.log_metric(run.info.run_id, "test/accuracy", 0.5)
        recording.client.set_terminated(run.info.run_id)
    found = compare_runs(by=["size"], metrics=["test/accuracy"], output_dir=output_dir)
    assert found.best is None
    assert found.pairs.empty
    assert found.curves.empty
    assert "no run has a validation metric: no condition is chosen as the best" in found.missing


@pytest.mark.parametrize(
    ("named", "more", "message"),
    [
        (["sizs"], {}, r"there is no run 'sizs' in sqlite:.*; did you mean .*\(sizes\)\?"),
        (["sizes"], {"metrics": ["test/acuracy"]}, r"--metric test/acuracy: none of the 9 finished runs has it; did "
         r"you mean test/accuracy.*; known: test/accuracy, test/loss, validation/accuracy, validation/loss"),
        (["sizes"], {"by": ["vocab_size"]}, r"--by vocab_size: none of the runs has such a setting or tag; did you "
         r"mean model\.vocab_size\?; known: .*project.*seed"),
        ([], {"where": "params.nothing = '1'"}, r"the filter \"params.nothing = '1'\" lets no run through"),
        (["one"], {"where": "params.seed = '7'"}, r"lets no run through of those named"),
        ([], {"where": "params.seed is odd"}, r"the filter 'params.seed is odd' does not work: .*params.seed = '0'"),
    ],
)  # fmt: skip
def test_what_cannot_be_compared(swept: Path, named: list[str], more: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        compare_runs(*named, **more, output_dir=swept)  # type: ignore[arg-type]


def test_what_has_not_come_far_enough(recording: Recording, output_dir: Path) -> None:
    recording.sweep("empty", ["seed"], [], status="RUNNING")
    with pytest.raises(InputError, match=r"sweep empty has no jobs in .* yet"):
        compare_runs("empty", output_dir=output_dir)
    jobs = [Job({"seed": str(seed)}, status=status) for seed, status in enumerate(["RUNNING", "FAILED", "FAILED"])]
    recording.sweep("young", ["seed"], jobs, status="RUNNING")
    with pytest.raises(InputError, match=r"none of the runs is finished \(2 FAILED, 1 RUNNING\).*own command line"):
        compare_runs("young", output_dir=output_dir)
    with pytest.raises(InputError, match=r"'xyz'.*; the latest are [0-9a-f]+ \(young\), [0-9a-f]+ \(empty\)"):
        compare_runs("xyz", output_dir=output_dir)
    for _ in range(2):
        recording.run(Job({"seed": "0"}), name="twin")
    with pytest.raises(InputError, match=r"'twin' names 2 runs"):
        compare_runs("twin", output_dir=output_dir)


def test_a_sweep_comes_before_a_run_of_its_name(recording: Recording, output_dir: Path) -> None:
    recording.sweep("same", ["model.vocab_size", "seed"], sizes({"20": [0.7, 0.8]}))
    recording.run(Job({"seed": "0"}), name="same")
    assert compare_runs("same", output_dir=output_dir).table["runs"].tolist() == [2]

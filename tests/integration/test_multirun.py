"""Several runs by one command line."""

import pytest
from tiny_runs import TINY, Store

from tokenlayer.cli.main import main


def test_every_combination_is_a_run_with_its_own_settings(store: Store) -> None:
    # Gaussian noise draws no n-grams; their settings belong to the other initializer.
    tiny = [text for text in TINY if not text.startswith("initializer.")]
    place = f"output_dir={store.output_dir}"
    sweep = ["initializer=max_cover,gaussian", "seed=0,1"]
    assert main(["train", "-m", *tiny, place, "trainer.max_steps=2", "callbacks.figures=null", *sweep]) == 0
    runs = [run.run for run in store.runs()]
    settings = [(run.data.params["group.initializer"], run.data.params["seed"]) for run in runs]
    assert settings == [("max_cover", "0"), ("max_cover", "1"), ("gaussian", "0"), ("gaussian", "1")]
    assert len({run.info.run_name for run in runs}) == 4
    assert {run.info.status for run in runs} == {"FINISHED"}
    targets = {run.data.params["initializer._target_"].rpartition(".")[2] for run in runs}
    assert targets == {"MaxCoverConfig", "GaussianConfig"}


def test_a_job_that_fails_does_not_stop_the_others(store: Store, capsys: pytest.CaptureFixture[str]) -> None:
    place = f"output_dir={store.output_dir}"
    assert (
        main(["train", "-m", *TINY, place, "trainer.max_steps=4", "callbacks.figures=null", "optimizer.lr=1e30,1e-3"])
        == 2
    )
    assert [run.run.info.status for run in store.runs()] == ["FAILED", "FINISHED"]
    told = capsys.readouterr().err
    assert "job 0 failed: " in told
    assert "optimizer.lr=1e+30" in told
    assert "job 1 failed" not in told


def test_a_wrong_value_in_one_job_stops_all_before_the_first(store: Store, capsys: pytest.CaptureFixture[str]) -> None:
    place = f"output_dir={store.output_dir}"
    assert main(["train", "-m", *TINY, place, "model.vocab_size=5,0"]) == 2
    assert "model.vocab_size: must be at least 1" in capsys.readouterr().err
    assert store.runs() == []

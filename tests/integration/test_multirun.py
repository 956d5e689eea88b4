"""Several runs by one command line."""

import pytest
from tiny_runs import TINY, Store, without

from tokenlayer.cli.main import main


def test_every_combination_is_a_run_with_its_own_settings(store: Store) -> None:
    place = f"output_dir={store.output_dir}"
    sweep = ["initializer=random_ngrams,original_gaussian", "seed=0,1"]
    tiny = without("initializer")
    assert main(["train", "-m", *tiny, place, "trainer.max_steps=2", *sweep]) == 0
    runs = [run.run for run in store.runs()]
    settings = [(run.data.params["group.initializer"], run.data.params["seed"]) for run in runs]
    assert settings == [(name, seed) for name in ("random_ngrams", "original_gaussian") for seed in ("0", "1")]
    assert len({run.info.run_name for run in runs}) == 4
    assert {run.info.status for run in runs} == {"FINISHED"}
    targets = {run.data.params["initializer._target_"].rpartition(".")[2] for run in runs}
    assert targets == {"RandomNgramsConfig", "GaussianConfig"}


def test_a_job_that_fails_does_not_stop_the_others(store: Store, capsys: pytest.CaptureFixture[str]) -> None:
    place = f"output_dir={store.output_dir}"
    assert main(["train", "-m", *TINY, place, "trainer.max_steps=4", "optimizer.lr=1e30,1e-3"]) == 2
    assert [run.run.info.status for run in store.runs()] == ["FAILED", "FINISHED"]
    message = capsys.readouterr().err
    assert "job 0 failed: " in message
    assert "optimizer.lr=1e+30" in message
    assert "job 1 failed" not in message


def test_a_wrong_value_in_one_job_stops_all_before_the_first(store: Store, capsys: pytest.CaptureFixture[str]) -> None:
    place = f"output_dir={store.output_dir}"
    assert main(["train", "-m", *TINY, place, "model.vocab_size=5,0"]) == 2
    assert "model.vocab_size: must be at least 1" in capsys.readouterr().err
    assert store.runs() == []

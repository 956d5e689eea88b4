"""What is recorded of a configuration has every value in effect."""

import copy

from tokenlayer.config.check import Spec, check
from tokenlayer.config.compose import composing
from tokenlayer.config.defaults import with_parts_completed
from tokenlayer.config.resume import SavedRun, continued
from tokenlayer.config.typed import load
from tokenlayer.training.config import TrainConfig
from tokenlayer.training.job import Job

SHORT = ["~dataset.n_words", "~dataset.cleaning", "~model.vocab_size", "~test_weights"]


def checked(*texts: str, saved: SavedRun | None = None) -> Job[TrainConfig]:
    complete = (lambda composed, _: composed) if saved is None else (lambda c, line: continued(c, line, saved))
    with composing("train") as composer:
        (job,) = check(composer, texts, Spec(TrainConfig, complete), multirun=False)
    return job


def test_values_that_no_file_names() -> None:
    job, whole = checked(*SHORT), checked()
    assert job.resolved == whole.resolved, "the packaged files name the defaults"
    assert job.resolved["dataset"]["cleaning"] == {
        "strip_br": True,
        "lower_case": True,
        "strip_punctuation": True,
        "keep_alphabet": True,
    }
    assert plainly(load(job.resolved, TrainConfig)) == plainly(job.config)


def plainly(config: TrainConfig) -> dict[str, object]:
    """Without partials, which compare by identity."""
    return {name: value for name, value in vars(config).items() if name not in ("optimizer", "lr_scheduler")}


def test_a_run_recorded_with_fewer_values_can_be_continued_by_the_same_choices() -> None:
    """Such as runs whose defaults stood in no file; with other values it cannot."""
    resolved = copy.deepcopy(dict(checked("dataset=planted").resolved))
    del resolved["dataset"]["cleaning"]
    del resolved["dataset"]["n_words"]
    saved = SavedRun("abc", resolved, ["dataset=planted"])
    assert checked("resume=a", "dataset=planted", saved=saved).config.resume == "abc"


def test_a_part_with_problems_stays_as_it_is() -> None:
    model = {"_target_": "tokenlayer.models.classifier.ModelConfig", "vocab_size": 9}
    broken = {"dataset": {"_target_": "tokenlayer.nowhere.Config"}, "model": model, "other": 1}
    found = with_parts_completed(broken, ())
    assert (found["dataset"], found["other"]) == (broken["dataset"], 1)
    assert found["model"]["vocab_size"] == 9
    assert found["model"]["head"]["pooling"] == "presence"

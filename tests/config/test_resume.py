import functools
from dataclasses import dataclass, field

import pytest

from tokenlayer.config.check import Spec, check
from tokenlayer.config.compose import composing
from tokenlayer.config.problems import ConfigError
from tokenlayer.config.resume import SavedRun, continued, find, with_saved_dataset
from tokenlayer.errors import InputError
from tokenlayer.tracking.config import TrackingConfig

STARTED_WITH = ["experiment=small", "dataset.source=a.csv", "dataset.text_length=20"]


@dataclass
class Place:
    uri: str | None = None
    experiment: str = "tokenlayer"


@pytest.fixture
def line_up(toy, conf, tmp_path, monkeypatch):
    """Checks a command line with `complete` put on top of a run that was started with STARTED_WITH."""
    monkeypatch.chdir(tmp_path)
    with (conf / "train.yaml").open("a") as file:
        file.write("tracking: {uri: null, experiment: tokenlayer}\n")

    @dataclass(kw_only=True)
    class Root(toy.Root):
        tracking: Place = field(default_factory=Place)

    def run(complete, *texts):
        with composing("train", conf) as composer:
            (before,) = check(composer, STARTED_WITH, Spec(Root, toy.no_run_before), multirun=False)
            saved = SavedRun("abc", before.resolved, STARTED_WITH)
            # The files of today are not those of the run.
            (conf / "dataset/read.yaml").write_text("_target_: toy.Read\nsource: ???\nrate: 0.9\n")
            spec = Spec(Root, lambda composed, line: complete(composed, line, saved))
            (job,) = check(composer, texts, spec, multirun=False)
        return job.config

    return functools.partial(run, continued), functools.partial(run, with_saved_dataset)


def problems_of(run, *texts):
    with pytest.raises(ConfigError) as caught:
        run(*texts)
    return {problem.key: problem.message for problem in caught.value.problems}


def test_continues_with_the_configuration_of_the_run(line_up, toy):
    resume, _ = line_up
    config = resume("resume=abc", "share=0.5", "~callbacks.live_view", "tracking.uri=sqlite:////x.db")
    assert config.dataset == toy.Read(source="a.csv", text_length=20, rate=0.5)
    assert config.seed == 7
    assert (config.share, config.resume, config.callbacks) == (0.5, "abc", {})
    assert config.tracking.uri == "sqlite:////x.db"


def test_the_first_command_may_be_repeated(line_up):
    resume, _ = line_up
    assert resume("resume=abc", *STARTED_WITH).dataset.text_length == 20


def test_what_the_checkpoint_does_not_allow_is_refused_all_at_once(line_up):
    resume, _ = line_up
    found = problems_of(
        resume,
        "resume=abc",
        "seed=1",
        "dataset.text_length=30",
        "tracking.experiment=other",
        "optimizer.lr=1",
    )
    assert set(found) == {"seed", "dataset.text_length", "tracking.experiment", "optimizer.lr"}
    assert found["seed"].startswith("is 7 in the run and cannot become 1")


def test_an_experiment_that_is_left_open_is_that_of_the_run(line_up):
    resume, _ = line_up
    assert resume("resume=abc", "tracking.experiment=null").tracking.experiment == "tokenlayer"


def test_another_dataset_is_refused(line_up):
    resume, _ = line_up
    assert "dataset._target_" in problems_of(resume, "resume=abc", "dataset=generated")


def test_another_experiment_is_refused(line_up, conf):
    (conf / "experiment/large.yaml").write_text("# @package _global_\nseed: 8\n")
    resume, _ = line_up
    found = problems_of(resume, "resume=abc", "experiment=large")
    assert "was started with experiment=small dataset.source=a.csv" in found["experiment=large"]


def test_unknown_keys_are_reported_with_a_saved_run_too(line_up):
    resume, _ = line_up
    assert set(problems_of(resume, "resume=abc", "shar=1")) == {"shar"}


def test_evaluation_takes_the_dataset_of_the_run(line_up, toy):
    _, evaluate = line_up
    config = evaluate("dataset.source=b.csv", "seed=1")
    assert config.dataset == toy.Read(source="b.csv", text_length=20, rate=0.5)
    assert config.seed == 1


def test_evaluation_takes_another_dataset_whole(line_up, toy):
    _, evaluate = line_up
    assert evaluate("dataset=generated").dataset == toy.Generated()


def test_find_asks_where_the_settings_say():
    asked = []

    def read(run, tracking, output_dir):
        asked.append((run, tracking, output_dir))
        return SavedRun("abc", {}, [])

    composed = {"resume": "abc", "tracking": {"experiment": "mine"}, "output_dir": "outputs"}
    assert find(composed, "resume", read) == SavedRun("abc", {}, [])
    assert asked == [("abc", TrackingConfig(experiment="mine"), "outputs")]


def test_find_reports_a_run_that_is_not_there():
    def read(run, tracking, output_dir):
        raise InputError("no such run")

    with pytest.raises(ConfigError, match="resume: no such run"):
        find({"resume": "abc", "tracking": {}, "output_dir": "outputs"}, "resume", read)

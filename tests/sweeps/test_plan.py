from dataclasses import dataclass

import pytest

from tokenlayer.errors import InputError
from tokenlayer.sweeps.plan import plan
from tokenlayer.training.job import Job


@dataclass
class Config:
    seed: int = 0


def jobs(fixed, *swept):
    return [
        Job(Config(), {}, [*fixed, *(f"{key}={value}" for key, value in settings.items())], swept=settings)
        for settings in swept
    ]


def seeds(*values):
    return [{"initializer": "bpe", "seed": str(value)} for value in values]


def test_more_values_are_the_same_sweep():
    one, more = (plan("train", jobs(["dataset=table"], *seeds(*values)), None) for values in ((0, 1), (0, 1, 2)))
    assert one.name == more.name
    assert one.name.startswith("initializer-seed-")
    assert [job.key for job in more.jobs][:2] == [job.key for job in one.jobs]
    assert (one.fixed, one.keys) == (("dataset=table",), ("initializer", "seed"))


@pytest.mark.parametrize(
    ("command", "fixed", "swept"),
    [
        ("baseline", ["dataset=table"], seeds(0, 1)),
        ("train", ["dataset=imdb"], seeds(0, 1)),
        ("train", [], seeds(0, 1)),
        ("train", ["dataset=table"], [{"seed": "0"}]),
    ],
)
def test_other_settings_are_another_sweep(command, fixed, swept):
    assert plan(command, jobs(fixed, *swept), None).name != plan("train", jobs(["dataset=table"], *seeds(0)), None).name


def test_the_place_is_no_part_of_the_name():
    here = ["output_dir=here", "tracking.experiment=a", "tracking=server", "sweep.fail_fast=true"]
    named = plan("train", jobs([*here, "dataset=table"], *seeds(0, 1)), None)
    assert named.name == plan("train", jobs(["dataset=table"], *seeds(0, 1)), None).name
    assert named.jobs[0].overrides[: len(here)] == tuple(here), "but the jobs keep it"


def test_order_of_the_command_line_does_not_matter():
    one = plan("train", jobs(["a=1", "b=2"], {"seed": "0", "kind": "x"}), None)
    other = plan("train", jobs(["b=2", "a=1"], {"kind": "x", "seed": "0"}), None)
    assert one.jobs[0].key == other.jobs[0].key
    assert one.jobs[0].name == other.jobs[0].name == "kind=x seed=0"
    assert one.name == other.name


def test_jobs_are_named_by_what_varies():
    planned = plan("train", jobs(["dataset=table"], *seeds(0, 1)), "mine")
    assert planned.name == "mine"
    assert [(job.number, job.name) for job in planned.jobs] == [
        (1, "initializer=bpe seed=0"),
        (2, "initializer=bpe seed=1"),
    ]


def test_files_are_shown_by_their_names_as_long_as_these_differ():
    files = [{"dataset.source": "/data/a/one.csv"}, {"dataset.source": "/data/b/two.csv"}]
    assert [job.name for job in plan("train", jobs([], *files), None).jobs] == [
        "dataset.source=one.csv",
        "dataset.source=two.csv",
    ]
    alike = [{"dataset.source": "/data/a/x.csv"}, {"dataset.source": "/data/b/x.csv"}]
    assert [job.name for job in plan("train", jobs([], *alike), None).jobs] == [
        "dataset.source=/data/a/x.csv",
        "dataset.source=/data/b/x.csv",
    ]


def test_a_value_twice_is_refused():
    with pytest.raises(InputError, match="the job initializer=bpe seed=0 more than once"):
        plan("train", jobs([], *seeds(0, 1, 0)), None)


@pytest.mark.parametrize("key", ["output_dir", "tracking.experiment", "tracking", "sweep.name", "resume"])
def test_the_place_cannot_be_swept(key):
    with pytest.raises(InputError, match=f"{key}: a sweep has one place"):
        plan("train", jobs([], {key: "a"}, {key: "b"}), None)


def test_one_run_cannot_be_resumed_by_many_jobs():
    with pytest.raises(InputError, match="resume: a sweep goes on by itself"):
        plan("train", jobs(["resume=0123"], *seeds(0, 1)), None)


def test_a_secret_cannot_be_swept():
    with pytest.raises(InputError, match="token: holds secrets") as raised:
        plan("train", jobs([], {"dataset.token": "hush1"}, {"dataset.token": "hush2"}), None)
    assert "hush" not in str(raised.value)


def test_what_shows_only_is_without_secrets():
    planned = plan("train", jobs(["dataset.source=https://u:hush@host/a.csv"], *seeds(0)), None)
    assert "hush" not in str(planned.fixed) + planned.name
    assert "hush" in str(planned.jobs[0].overrides)

import pytest

from tokenlayer.config.check import Spec, check
from tokenlayer.config.compose import composing
from tokenlayer.config.problems import ConfigError


@pytest.fixture
def checked(toy, conf, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def run(*texts, multirun=False):
        with composing("train", conf) as composer:
            return check(composer, texts, Spec(toy.Root, toy.no_run_before), multirun=multirun)

    return run


@pytest.fixture
def problems(checked):
    def run(*texts, multirun=False):
        with pytest.raises(ConfigError) as caught:
            checked(*texts, multirun=multirun)
        return {problem.key: problem.message for problem in caught.value.problems}

    return run


def test_defaults_and_overrides(checked, toy):
    (job,) = checked("dataset=read", "dataset.source=a.csv", "seed=3", "share=1.0")
    assert job.config.dataset == toy.Read(source="a.csv")
    assert job.config.seed == 3
    assert job.config.share == 1.0
    assert job.resolved["dataset"]["source"] == "a.csv"


def test_experiment_is_a_recipe_on_top(checked):
    (job,) = checked("experiment=small", "dataset.source=a.csv")
    assert (job.config.seed, job.config.dataset.source) == (7, "a.csv")


@pytest.mark.parametrize("text", ["~callbacks.live_view", "callbacks.live_view=null"])
@pytest.mark.parametrize("multirun", [False, True])
def test_a_callback_can_be_taken_away(checked, text, multirun):
    (job,) = checked(text, multirun=multirun)
    assert job.config.callbacks.get("live_view") is None


def test_every_kind_of_problem_at_once(problems):
    found = problems(
        "dataset=red",
        "optimzer.lr=1",
        "seed=x",
        "callbacks.live_view.evry=1",
        "lr_scheduler=cosine",
        "a=[1",
        "b/c=d",
    )
    assert found["dataset=red"] == "no such option; did you mean read?; known: generated, read"
    assert "did you mean optimizer?" in found["optimzer"]
    assert "[optimzer.lr=1 on the command line]" in found["optimzer"]
    assert found["seed"] == "expected an integer, got 'x' [seed=x on the command line]"
    assert "did you mean callbacks.live_view.every?" in found["callbacks.live_view.evry"]
    assert "cannot be read" in found["a=[1"]
    assert found["b/c"].startswith("no such group")
    assert len(found) == 6


def test_near_group(problems):
    found = problems("experimnt/x=small")
    assert "known: callbacks, dataset, experiment, lr_scheduler, optimizer" in found["experimnt/x"]


def test_wrong_choice_hides_what_it_would_have_set(problems):
    assert set(problems("dataset=red", "dataset.source=a.csv", "seed=x")) == {"dataset=red", "seed"}
    # An experiment may have set anything.
    assert set(problems("experiment=smal", "dataset.source=a.csv")) == {"experiment=smal"}


def test_value_below_a_value(problems):
    assert "seed" in next(iter(problems("seed.more=1")))


def test_nothing_to_remove(problems):
    found = problems("~callbacks.live_vew")
    assert found["~callbacks.live_vew"] == "there is nothing to remove; did you mean live_view?"


def test_value_that_must_be_given_names_its_file(problems, conf):
    found = problems("dataset=read")
    assert found == {"dataset.source": f"must be given (text) [{conf / 'dataset/read.yaml'}]"}


def test_wrong_key_in_a_file_names_the_file(problems, conf):
    (conf / "callbacks/default.yaml").write_text("live_view: {_target_: toy.Live, rws: 15}\n")
    found = problems()
    assert f"[{conf / 'callbacks/default.yaml'}]" in found["callbacks.live_view.rws"]


def test_wrong_value_in_an_experiment_names_the_experiment(problems, conf):
    (conf / "experiment/small.yaml").write_text("# @package _global_\ndataset: {kind: middle}\n")
    found = problems("experiment=small")
    assert f"[{conf / 'experiment/small.yaml'}]" in found["dataset.kind"]


def test_broken_yaml_names_file_and_line(problems, conf):
    (conf / "dataset/read.yaml").write_text("text_length: 10\nsource: [a\n")
    message = problems("dataset=read", "seed=x")[""]
    assert str(conf / "dataset/read.yaml") in message
    assert "line 3" in message


def test_file_that_a_file_asks_for_and_is_not_there(problems, conf):
    (conf / "experiment/small.yaml").write_text("# @package _global_\ndefaults:\n  - override /dataset: gone\n")
    message = problems("experiment=small")[""]
    assert "dataset/gone" in message
    assert "generated" in message


def test_interpolations(checked, problems, monkeypatch):
    monkeypatch.setenv("TOY_SEED", "11")
    (job,) = checked("seed=${oc.env:TOY_SEED}", "dataset.text_length=${seed}")
    assert (job.config.seed, job.config.dataset.text_length) == (11, 11)
    found = problems("seed=${oc.env:TOY_NOT_SET}", "share=${no.such.key}", "output_dir=${oc.nothing:1}")
    assert "TOY_NOT_SET" in found["seed"]
    assert "no.such.key" in found["share"]
    assert "oc.nothing" in found["output_dir"]
    assert len(found) == 3


def test_sweep_checks_every_value(checked, problems):
    jobs = checked("seed=0,1,2", "dataset.kind=short,long", multirun=True)
    assert [(job.config.seed, job.config.dataset.kind) for job in jobs] == [
        (seed, kind) for seed in (0, 1, 2) for kind in ("short", "long")
    ]
    with pytest.raises(ConfigError) as raised:
        checked("dataset.text_lenth=1,2,3", "seed=x,y", multirun=True)
    told = sorted(problem.message.partition(" (")[0] for problem in raised.value.problems)
    assert told == [
        "expected an integer, got 'x' [seed=x on the command line]",
        "expected an integer, got 'y' [seed=y on the command line]",
        "no such key; did you mean dataset.text_length?",
    ], "a wrong key once, wrong values one by one"
    found = problems("seed=0,1,x", "dataset=generated,red", "dataset.text_length=choice(1,0)", multirun=True)
    assert set(found) == {"dataset=red", "seed", "dataset.text_length"}


def test_ranges_and_globs(checked, problems):
    assert len(checked("seed=range(0,3)", "lr_scheduler=glob(*)", multirun=True)) == 6
    assert set(problems("dataset=glob(*)", multirun=True)) == {"dataset.source"}
    assert "interval" in problems("share=interval(0,1)", multirun=True)["share=interval(0,1)"]


def test_several_values_need_multirun(problems):
    assert "add --multirun" in problems("seed=0,1")["seed=0,1"]


def test_local_conf_goes_first(toy, conf, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    local = tmp_path / "conf" / "dataset"
    local.mkdir(parents=True)
    (local / "mine.yaml").write_text("_target_: toy.Generated\nkind: long\n")
    (local / "generated.yaml").write_text("_target_: toy.Generated\ntext_length: 99\n")
    with composing("train", conf) as composer:
        assert composer.options("dataset") == ["generated", "mine", "read"]
        spec = Spec(toy.Root, toy.no_run_before)
        lengths = [job.config.dataset.text_length for job in check(composer, [], spec, multirun=False)]
        (mine,) = check(composer, ["dataset=mine", "dataset.text_length=3"], spec, multirun=False)
    assert lengths == [99]
    assert mine.config.dataset == toy.Generated(kind="long", text_length=3)


def test_local_primary_config_goes_first(toy, conf, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "conf").mkdir()
    (tmp_path / "conf" / "train.yaml").write_text((conf / "train.yaml").read_text().replace("seed: 0", "seed: 5"))
    with composing("train", conf) as composer:
        (job,) = check(composer, [], Spec(toy.Root, toy.no_run_before), multirun=False)
    assert job.config.seed == 5


def test_jobs_of_the_same_choices_are_composed_once_and_share_nothing(checked):
    jobs = checked("callbacks.live_view.every=3,4", "lr_scheduler=none,cosine", multirun=True)
    found = [(job.config.callbacks["live_view"].every, job.choices["lr_scheduler"]) for job in jobs]
    assert found == [(3, "none"), (3, "cosine"), (4, "none"), (4, "cosine")]


def test_what_is_too_much_for_the_parser_is_refused_at_once(problems):
    found = problems("seed=range(5,0,0)", "k" * 100_000 + "=1", "seed=" + "[" * 50 + "]" * 50, multirun=True)
    messages = list(found.values())
    assert messages[0] == "a range in steps of 0 has no end; give range(start,stop,step)"
    assert all("more than 20,000 characters or 30 levels" in message for message in messages[1:])
    assert list(problems("k" * 300 + "=1").values()) == ["no key has more than 200 characters; write key=value"]

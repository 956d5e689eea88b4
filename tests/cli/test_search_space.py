"""The search that a command line describes; all that is wrong with it is reported before anything runs."""

import sys
from pathlib import Path

import pytest

from tokenlayer.cli.main import main
from tokenlayer.cli.search_space import checked_job, read_line, space_of, trial_job
from tokenlayer.config.check import look
from tokenlayer.config.compose import composing
from tokenlayer.config.typed import load
from tokenlayer.search.config import SearchConfig

LR = "optimizer.lr=tag(log, interval(1e-4,1e-1))"


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def space(*texts: str) -> dict[str, str]:
    with composing("search") as composer:
        line = read_line(composer, texts)
        plain = look(composer, [*line.searching, *line.fixed])
        found = space_of(composer, line, load(plain["search"], SearchConfig, key="search"), plain)
        checked_job(composer, line.fixed, found)
        return {key: str(values) for key, values in found.items()}


@pytest.mark.parametrize(
    ("text", "described"),
    [
        (LR, "float 0.0001 to 0.1, log"),
        ("optimizer.lr=interval(0.001,1)", "float 0.001 to 1.0"),
        ("optimizer.lr=interval(1,2)", "float 1.0 to 2.0"),
        ("model.vocab_size=interval(10,40)", "int 10 to 40"),
        ("model.vocab_size=tag(log, int(interval(10,40)))", "int 10 to 40, log"),
        ("model.max_token_length=tag(int, interval(13,20))", "int 13 to 20"),
        ("model.vocab_size=range(10,40,10)", "int 10 to 30, step 10"),
        ("model.vocab_size=range(10,41,10)", "int 10 to 40, step 10"),
        ("model.vocab_size=range(10,13)", "int 10 to 12"),
        ("optimizer.lr=range(0.1,0.45,0.1)", "float 0.1 to 0.4, step 0.1"),
        ("learning_rule=choice(graft,grow)", "choice of graft, grow"),
        ("learning_rule=graft,grow", "choice of graft, grow"),
        ("model.embedding_l2=null,0.1", "choice of null, 0.1"),
        ("initializer.ngram_lengths=choice([2,3],[2,3,4])", "choice of [2,3], [2,3,4]"),
    ],
)
def test_the_notation_of_hydras_optuna_sweeper(text: str, described: str) -> None:
    assert list(space(text).values()) == [described]


def test_the_command_line_adds_to_a_file_and_replaces() -> None:
    found = space("search=learning", "optimizer.lr=interval(0.1,0.2)", "seed=choice(1,2)")
    assert found["optimizer.lr"] == "float 0.1 to 0.2"
    assert found["learning_rule.candidates"] == "int 2 to 8"
    assert found["seed"] == "choice of 1, 2"


def test_a_file_of_ones_own(tmp_path: Path) -> None:
    folder = tmp_path / "conf/search"
    folder.mkdir(parents=True)
    (folder / "mine.yaml").write_text("n_trials: 3\nspace:\n  learning_rule: {type: categorical, choices: [grow]}\n")
    assert space("search=mine") == {"learning_rule": "choice of grow"}


def test_a_trial_is_what_train_would_compose() -> None:
    values = {"optimizer.lr": "0.03", "learning_rule": "grow"}
    with composing("search") as composer:
        job = trial_job(composer, ["dataset=planted_short"], values)
    assert job.config.optimizer.keywords["lr"] == 0.03
    assert job.choices["learning_rule"] == "grow"
    assert "search" not in job.resolved
    assert job.overrides == ["dataset=planted_short", "optimizer.lr=0.03", "learning_rule=grow"]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ([], "search: there is nothing to search: give search=NAME (known: learning)"),
        (["search=lerning"], "search=lerning: no such option; did you mean learning"),
        (["optimizer.lrr=interval(0.1,1)"], "optimizer.lrr: no such key; did you mean optimizer.lr"),
        (["optimizer.lr=interval(-1,1)"], "optimizer: Invalid learning rate: -1.0"),
        (["optimizer.lr=interval(1,0.1)"], "low 1.0 is above high=0.1"),
        (["optimizer.lr=tag(log, interval(0,1))"], "log there is no logarithm of low=0.0"),
        (["optimizer.lr=tag(lg, interval(0.1,1))"], "the tag lg is unknown"),
        (["optimizer.lr=interval(1,inf)"], "must be finite"),
        (["optimizer.lr=range(0,inf)"], "a range has a finite start"),
        (["optimizer.lr=range(0,nan,0.1)"], "a range has a finite start"),
        (["model.vocab_size=range(5,5)"], "a range that is searched goes up"),
        (["model.vocab_size=interval(0,9)"], "model.vocab_size: must be at least 1 [model.vocab_size=0 of the search"),
        (["model.max_token_length=interval(13,20)"], "expected an integer, got 13.0"),
        (["model.max_token_length=interval(13,20)"], "write type: int, or tag(int, interval(…))"),
        (["learning_rule=choice(graft,grwo)"], "learning_rule=grwo: no such option; did you mean grow"),
        ([LR, "optimizer.lr=0.1"], "optimizer.lr=0.1: is fixed here, and searched as well"),
        (["search=learning", "learning_rule.candidates=4"], "learning_rule.candidates=4: is fixed here, and searched"),
        ([LR, "resume=abc"], "resume: is a single run's"),
        (["output_dir=choice(a,b)"], "output_dir: is the same in all trials"),
        (["search.n_trials=choice(1,2)"], "search.n_trials: is the same in all trials"),
        ([LR, "search.n_trials=0"], "search.n_trials: 0 is below 1"),
        ([LR, "search.metric=test/accuracy"], "search.metric: test/accuracy: the best is chosen on validation texts"),
        ([LR, "search.sampler=grid"], "search.sampler: expected one of tpe, random, got 'grid'"),
        ([LR, "search.trials=3"], "search.trials: no such key"),
        ([LR, "search.name=a'b"], "search.name"),
        ([LR, "trainer.limit_val_batches=0"], "trainer.limit_val_batches: 0 leaves a search without a measure"),
        ([LR, "model.vocab_siz=3"], "model.vocab_siz: no such key; did you mean model.vocab_size"),
        ([LR, "-m"], "--multirun: a search chooses one set of values after another by itself"),
        (["tracking.tags=choice({password: geheim})"], "tracking.tags: is the same in all trials"),
    ],
)
def test_told_before_anything_runs(
    arguments: list[str], told: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["search", *arguments]) == 2
    error = capsys.readouterr().err
    assert told in error
    assert "Traceback" not in error
    assert list(tmp_path.iterdir()) == []


def test_all_problems_at_once(capsys: pytest.CaptureFixture[str]) -> None:
    line = ["optimizer.lrr=interval(0.1,1)", "model.vocab_size=choice(0,-1,5)", "seed=-1"]
    assert main(["search", *line]) == 2
    error = capsys.readouterr().err
    for key in ("optimizer.lrr", "model.vocab_size=0", "model.vocab_size=-1", "seed"):
        assert key in error


def test_without_optuna(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setitem(sys.modules, "optuna", None)
    assert main(["search", LR]) == 2
    told = capsys.readouterr().err
    assert told == "error: search needs Optuna, which is not installed: pip install 'tokenlayer[search]'\n"
    assert main(["search", "--help"]) == 0


def test_what_is_shown_has_the_space(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["search", "--cfg", "job", "search=learning", LR, "-p", "search"]) == 0
    shown = capsys.readouterr().out
    assert "learning_rule.candidates" in shown
    assert "n_trials: 20" in shown


def test_train_points_to_search(capsys: pytest.CaptureFixture[str]) -> None:
    for flags in ([], ["-m"]):
        assert main(["train", *flags, "optimizer.lr=interval(0.1,1)"]) == 2
        assert "tokenlayer search searches it" in capsys.readouterr().err

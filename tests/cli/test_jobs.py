import importlib.util
import logging
import signal
import sys
from pathlib import Path

import pytest

from tokenlayer.cli.command import Command
from tokenlayer.cli.jobs import run
from tokenlayer.config.check import Spec
from tokenlayer.config.problems import ConfigError
from tokenlayer.errors import InputError
from tokenlayer.interrupts import Interrupted

TRAIN = """\
seed: 0
kind: a
hydra:
  run: {dir: .}
  sweep: {dir: sweeps, subdir: .}
  output_subdir: null
defaults: [_self_, {size: small}, override hydra/job_logging: none, override hydra/hydra_logging: none]
"""
SETTINGS = """\
from dataclasses import dataclass
from typing import Literal

@dataclass
class Size:
    n: int = 1
    hidden: int = 4

@dataclass
class Settings:
    seed: int
    size: Size
    kind: Literal["a", "b"] = "a"
"""


@pytest.fixture(autouse=True)
def _logging_as_before():
    """Hydra's handlers would write to what a test before has captured."""
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


@pytest.fixture
def start(tmp_path, monkeypatch):
    """Runs arguments as the program does, with `work` for each job; returns (exit code, jobs done)."""
    monkeypatch.chdir(tmp_path)
    conf = tmp_path / "small_conf"
    (conf / "size").mkdir(parents=True)
    (conf / "train.yaml").write_text(TRAIN)
    (conf / "size/small.yaml").write_text("n: 1\n")
    (conf / "size/large.yaml").write_text("n: 9\n")
    (tmp_path / "small_settings.py").write_text(SETTINGS)
    spec = importlib.util.spec_from_file_location("small_settings", tmp_path / "small_settings.py")
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "small_settings", module)
    spec.loader.exec_module(module)

    def run_it(*arguments, work=lambda job: None):
        done = []

        def counted(job):
            done.append(job)
            work(job)

        command = Command("train", Spec(module.Settings, lambda composed, line: composed), counted)
        return run(command, ["--config-path", str(conf), *arguments]), done

    return run_it


def test_one_job(start, tmp_path):
    code, (job,) = start("size=large", "seed=3", "+size.hidden=8")
    assert code == 0
    assert (job.config.seed, job.config.size.n, job.config.size.hidden) == (3, 9, 8)
    assert job.resolved == {"seed": 3, "kind": "a", "size": {"n": 9, "hidden": 8}}
    assert job.overrides == ["size=large", "seed=3", "size.hidden=8"]
    assert job.choices == {"size": "large"}
    # Hydra has left nothing in the working directory.
    assert {path.name for path in tmp_path.iterdir()} == {"small_conf", "small_settings.py"}


def test_field_that_no_file_has_can_be_set(start):
    _, (job,) = start("size.hidden=16")
    assert job.config.size.hidden == 16


def test_nothing_starts_where_something_is_wrong(start):
    ran = []
    with pytest.raises(ConfigError, match="2 problems"):
        start("-m", "seed=0,1,x", "kind=a,c", work=ran.append)
    assert ran == []


def test_sweep(start):
    code, jobs = start("--multirun", "seed=0,1,2", "size=small,large")
    assert code == 0
    assert [(job.config.seed, job.config.size.n) for job in jobs] == [(seed, n) for seed in (0, 1, 2) for n in (1, 9)]
    assert jobs[-1].overrides == ["seed=2", "size=large"]


def test_failed_job_of_a_sweep_is_told_and_the_others_go_on(start, capsys):
    def work(job):
        print(f"at {job.config.seed}", file=sys.stderr)
        if job.config.seed == 1:
            raise RuntimeError("no luck")

    code, jobs = start("-m", "seed=0,1,2", work=work)
    assert code == 1
    assert len(jobs) == 3
    told = capsys.readouterr().err
    assert "[2/3] failed: seed=1" in told
    assert "Traceback" in told
    assert told.index("no luck") < told.index("at 2"), "told only after the last job"


@pytest.mark.parametrize(
    ("errors", "code"),
    [
        ([InputError("bad"), None], 2),
        ([InputError("bad"), ValueError("worse")], 1),
        ([ValueError("worse"), InputError("bad")], 1),
        ([None, None], 0),
    ],
)
def test_exit_code_of_a_sweep(start, errors, code):
    def work(job):
        if errors[job.config.seed]:
            raise errors[job.config.seed]

    assert start("-m", "seed=0,1", work=work)[0] == code


def test_input_error_has_no_traceback(start, capsys):
    def work(job):
        raise InputError("a.csv, line 3: no label; add one")

    assert start(work=work)[0] == 2
    assert capsys.readouterr().err == "error: a.csv, line 3: no label; add one\n"


def test_interruption_ends_the_sweep(start):
    seen = []

    def work(job):
        seen.append(job.config.seed)
        raise Interrupted(signal.SIGINT)

    with pytest.raises(Interrupted):
        start("-m", "seed=0,1,2", work=work)
    assert seen == [0]


def test_flags_that_only_show(start, capsys):
    code, jobs = start("--cfg", "job", "seed=5")
    assert (code, jobs) == (0, [])
    assert "seed: 5" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("flags", "shown"),
    [
        (["--cfg", "job", "--package", "size"], "# @package size\n'n': 1\n"),
        (["--cfg", "job", "--package", "seed"], "# @package seed\n0\n"),
        (["-c", "job", "kind=${seed}", "-p", "kind"], "# @package kind\n0\n"),
        (["-c", "job", "+more={kind: '${seed}'}", "-p", "more"], "# @package more\nkind: ${seed}\n"),
        (["-c", "job", "+more={kind: '${seed}'}", "-p", "more", "--resolve"], "# @package more\nkind: 0\n"),
        (["--cfg", "hydra", "-p", "hydra.output_subdir"], "# @package hydra.output_subdir\nnull\n"),
    ],
)
def test_parts_of_the_configuration_are_shown(start, capsys, flags, shown):
    assert start(*flags) == (0, [])
    assert capsys.readouterr().out == shown


def test_all_of_the_configuration_is_shown(start, capsys):
    start("--cfg", "all")
    shown = capsys.readouterr().out
    assert "seed: 0\n" in shown
    assert shown.startswith("hydra:\n")
    start("--cfg", "hydra")
    shown = capsys.readouterr().out
    assert shown.startswith("hydra:\n")
    assert "seed: 0\n" not in shown


def test_a_section_that_is_not_there(start):
    with pytest.raises(InputError, match="--package sise: the configuration has no such section"):
        start("--cfg", "job", "--package", "sise")


def test_help_shows_flags_groups_and_configuration(start, capsys):
    assert start("--help", "seed=5") == (0, [])
    shown = capsys.readouterr().out
    assert "--multirun" in shown
    assert "size: large, small" in shown
    assert "seed: 5" in shown


def test_info_names_the_folders(start, capsys, tmp_path):
    assert start("--info", "searchpath") == (0, [])
    assert str(tmp_path / "small_conf") in capsys.readouterr().out


def test_a_sweep_of_absurd_size_is_refused(start):
    with pytest.raises(ConfigError, match="describes 3,000,000 jobs; a sweep has at most 10,000"):
        start("-m", "seed=range(0,1000000)", "size.n=1,2,3")
    with pytest.raises(ConfigError, match="describes 2,000,000,000 jobs"):
        start("-m", "seed=range(0,1e9,0.5)")


def test_configuration_may_name_what_hydra_knows(start):
    _, (job,) = start("size=large", "kind=b", "+size.hidden=${hydra:job.num}${seed}", "hydra.job.num=4")
    assert job.config.size.hidden == 40


def test_multirun_mode_of_a_file(start, tmp_path):
    (tmp_path / "conf").mkdir()
    text = (tmp_path / "small_conf/train.yaml").read_text()
    (tmp_path / "conf/train.yaml").write_text(text.replace("hydra:\n", "hydra:\n  mode: MULTIRUN\n"))
    _, jobs = start()
    assert [job.config.seed for job in jobs] == [0]


def test_values_that_a_file_gives_to_every_sweep(start, tmp_path):
    (tmp_path / "conf").mkdir()
    text = (tmp_path / "small_conf/train.yaml").read_text()
    (tmp_path / "conf/train.yaml").write_text(text.replace("hydra:\n", "hydra:\n  sweeper: {params: {seed: '3,4'}}\n"))
    code, jobs = start("-m", "size=small,large")
    assert code == 0
    assert [(job.config.seed, job.config.size.n) for job in jobs] == [(3, 1), (3, 9), (4, 1), (4, 9)]
    (tmp_path / "conf/train.yaml").write_text(text.replace("hydra:\n", "hydra:\n  sweeper: {params: {seed: '3,x'}}\n"))
    with pytest.raises(ConfigError, match="seed"):
        start("-m", "size=small,large")


def test_messages_are_logged_as_the_configuration_says(start, capsys):
    def work(job):
        logging.getLogger("small").debug("every detail")

    start("hydra/job_logging=stdout", "hydra.verbose=true", work=work)
    assert "every detail" in capsys.readouterr().out


def test_wrong_override_with_a_flag_that_only_shows(start):
    with pytest.raises(InputError, match="sed"):
        start("--cfg", "job", "sed=5")


def test_config_dir_is_searched_too(start, tmp_path):
    (tmp_path / "more/size").mkdir(parents=True)
    (tmp_path / "more/size/huge.yaml").write_text("n: 99\n")
    _, (job,) = start("--config-dir", str(tmp_path / "more"), "size=huge")
    assert job.config.size.n == 99
    _, jobs = start("--config-dir", str(tmp_path / "more"), "-m", "size=huge,small")
    assert [(job.config.size.n, job.choices) for job in jobs] == [(99, {"size": "huge"}), (1, {"size": "small"})]


def test_local_conf_goes_first_in_a_sweep(start, tmp_path):
    (tmp_path / "conf/size").mkdir(parents=True)
    (tmp_path / "conf/size/small.yaml").write_text("n: 5\n")
    _, jobs = start("-m", "seed=0,1")
    assert [job.config.size.n for job in jobs] == [5, 5]


def test_what_is_removed_in_a_sweep_has_the_default_of_its_class(start, tmp_path):
    (tmp_path / "conf").mkdir()
    (tmp_path / "conf/other.yaml").write_text("defaults: [train, _self_]\nkind: b\n")
    _, jobs = start("--config-name", "other", "-m", "seed=0,1")
    assert [job.config.kind for job in jobs] == ["b", "b"]
    _, jobs = start("--config-name", "other", "-m", "~kind", "seed=0,1")
    assert [(job.config.kind, job.resolved["kind"]) for job in jobs] == [("a", "a")] * 2


def test_leaves_the_process_as_it_was(start, monkeypatch):
    monkeypatch.setenv("HYDRA_FULL_ERROR", "0")
    argv, cwd = list(sys.argv), Path.cwd()
    start("seed=1")
    assert sys.argv == argv
    assert Path.cwd() == cwd

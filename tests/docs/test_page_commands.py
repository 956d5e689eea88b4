"""Every command line of the pages is one: it is parsed and composed as the command would, and nothing runs."""

import importlib
import importlib.util
import itertools
import re
import shlex
import tomllib
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path

import pytest
from pages import PAGES, REPOSITORY, ROOT, blocks, commands

from tokenlayer.baselines.config import BaselineRunConfig
from tokenlayer.cli.evaluate import _with_run_as_setting
from tokenlayer.cli.explain import _names_table
from tokenlayer.cli.flags import MODEL_SETTINGS, composing_parser, with_settings_as_flags
from tokenlayer.cli.main import COMMANDS, main
from tokenlayer.cli.search_space import checked_job, read_line, space_of
from tokenlayer.config.check import Spec, check, look
from tokenlayer.config.compose import Composer, composing
from tokenlayer.config.numerals import quoted
from tokenlayer.config.typed import load
from tokenlayer.search.config import SearchConfig, SearchRunConfig
from tokenlayer.training.config import EvaluateConfig, TrainConfig

SCHEMAS = {"train": TrainConfig, "evaluate": EvaluateConfig, "baseline": BaselineRunConfig}
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")
IMAGES = ("tokenlayer:cpu", "tokenlayer:gpu", "trainer")


class Composers:
    """One composer for all lines of a command: it keeps its compositions."""

    def __init__(self) -> None:
        self._name: str | None = None
        self._opened = ExitStack()

    def of(self, name: str) -> Composer:
        if name != self._name:
            self.close()
            self._composer = self._opened.enter_context(composing(name))
            self._name = name
        return self._composer

    def close(self) -> None:
        self._opened.close()
        self._name = None


COMPOSERS = Composers()


@pytest.fixture(autouse=True)
def _close_composers() -> Iterator[None]:
    yield
    COMPOSERS.close()


def check_tokenlayer(arguments: Sequence[str]) -> None:
    name, *rest = arguments
    assert name in COMMANDS
    if name == "search":
        check_search(rest)
    elif name in SCHEMAS:
        check_composed(name, rest)
    else:
        module = importlib.import_module(COMMANDS[name])
        flags = with_settings_as_flags(rest, MODEL_SETTINGS)
        parser = module._parser(of_table=_names_table(flags)) if name == "explain" else module._parser()
        parser.parse_args(flags)


def check_composed(name: str, arguments: Sequence[str]) -> None:
    if name == "evaluate":
        arguments = _with_run_as_setting(list(arguments))
        if not any(argument.startswith("dataset=") for argument in arguments):
            arguments = [*arguments, "dataset=planted"]  # that of the run, which is not there
    flags = composing_parser(name).parse_args(arguments)
    schema, composer = SCHEMAS[name], COMPOSERS.of(name)
    known = [text for text in flags.overrides if "launcher" not in text or has_launcher(composer, flags.overrides)]
    spec = Spec(schema, lambda composed, line: composed)
    assert check(composer, quoted(known, schema), spec, multirun=flags.multirun)


def has_launcher(composer: Composer, overrides: Sequence[str]) -> bool:
    """True if the launcher of the line is installed here."""
    named = [text.removeprefix("hydra/launcher=") for text in overrides if text.startswith("hydra/launcher=")]
    return set(named) <= set(composer.options("hydra/launcher"))


def check_search(arguments: Sequence[str]) -> None:
    flags = composing_parser("search").parse_args(arguments)
    composer = COMPOSERS.of("search")
    line = read_line(composer, quoted(flags.overrides, SearchRunConfig))
    plain = look(composer, [*line.searching, *line.fixed])
    space = space_of(composer, line, load(plain["search"], SearchConfig, key="search"), plain)
    assert space
    checked_job(composer, line.fixed, space)


def check_make(arguments: Sequence[str]) -> None:
    given = dict(argument.split("=", 1) for argument in arguments if "=" in argument)
    (target,) = [argument for argument in arguments if "=" not in argument]
    assert re.search(rf"^{target}:", MAKEFILE, re.MULTILINE)
    if target == "experiment":
        assert (ROOT / "experiments" / given["NAME"] / "study.py").is_file()
    if target == "run" and "ARGS" in given:
        check_composed("train", shlex.split(given["ARGS"].replace("…", "")))


def check_python(arguments: Sequence[str]) -> None:
    flag, *rest = arguments
    if flag != "-m":
        assert (ROOT / flag).is_file()
    elif rest[0].split(".")[0] in ("benchmarks", "experiments"):
        assert (ROOT / rest[0].replace(".", "/")).with_suffix(".py").is_file()
    else:
        assert importlib.util.find_spec(rest[0]) is not None


def check_pip(arguments: Sequence[str]) -> None:
    assert arguments[0] == "install"
    for extras in re.findall(r"tokenlayer\[(.*?)\]", " ".join(arguments)):
        assert set(extras.split(",")) <= set(PYPROJECT["project"]["optional-dependencies"])


def check_docker(arguments: Sequence[str]) -> None:
    assert arguments[0] in ("build", "run", "compose")
    for flag, value in itertools.pairwise(arguments):
        if flag == "--file":
            assert (ROOT / value).is_file()
    place = next((i for i, argument in enumerate(arguments) if argument in IMAGES), len(arguments))
    if arguments[place + 1 :] and "build" not in arguments:
        check_tokenlayer(arguments[place + 1 :])


def check_copy(arguments: Sequence[str]) -> None:
    assert (ROOT / arguments[0]).is_file()


def check_git(arguments: Sequence[str]) -> None:
    assert arguments[0] in ("tag", "push", "switch", "commit", "status")


def check_nothing(arguments: Sequence[str]) -> None:
    """Blocks that are neither ours nor need a file of ours have nothing to check."""


PROGRAMS: dict[str, Callable[[Sequence[str]], None]] = {
    "tokenlayer": check_tokenlayer,
    "make": check_make,
    "python": check_python,
    "pip": check_pip,
    "docker": check_docker,
    "cp": check_copy,
    "git": check_git,
    "export": check_nothing,
    "hadolint": check_nothing,
    "printf": check_nothing,
}


def shown() -> dict[str, list[str]]:
    """The different command lines of the pages by their command; `test_readme` runs those with PYTHONPATH."""
    found = {line: page.name for page in [*REPOSITORY, *PAGES] for line in commands(page)}
    by_command: dict[str, list[str]] = {}
    for line, page in found.items():
        if not line.startswith("PYTHONPATH=. "):
            program, first = f"{line} ".split(" ", 2)[:2]
            by_command.setdefault(first if program == "tokenlayer" else program, []).append(f"{page}: {line}")
    return by_command


@pytest.mark.parametrize("command", shown())
def test_command_lines_are_right(command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://localhost:5000")  # of tracking=server
    for shown_line in shown()[command]:
        page, _, line = shown_line.partition(": ")
        for part in re.split(r"\s(?:&&|\|)\s", line):
            program, *arguments = shlex.split(re.sub(r"\s[<>] \S+$", "", part))
            try:
                PROGRAMS[program](arguments)
            except (Exception, SystemExit) as error:
                raise AssertionError(f"{page}: {line}: {error}") from error


def test_a_mistake_is_answered_as_shown(capsys: pytest.CaptureFixture[str]) -> None:
    shown_blocks = [
        block.text for page in REPOSITORY for block in blocks(page) if block.text.startswith("$ tokenlayer")
    ]
    for block in shown_blocks:
        line, *answer = block.splitlines()
        assert main(shlex.split(line)[2:]) == 2
        said = capsys.readouterr().err.splitlines()
        assert len(said) == len(answer)
        assert all(was.startswith(told.partition("…")[0]) for was, told in zip(said, answer, strict=True))
    assert shown_blocks

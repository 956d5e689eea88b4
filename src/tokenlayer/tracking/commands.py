"""Command lines that are printed for the user to paste: the program, the run, and where it is recorded."""

import re
import shlex
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

from tokenlayer.redaction import redacted_setting, redacted_uri
from tokenlayer.tracking.uri import ENVIRONMENT, LOCAL, from_environment, named_uri, resolve_uri

DEFAULT_OUTPUT_DIR = "outputs"


def program() -> str:
    """What the user has to type for this program."""
    called = Path(sys.argv[0])
    if called.name == "__main__.py":
        return f"{shlex.quote(Path(sys.executable).name)} -m tokenlayer"
    found = shutil.which(called.name)
    if found and Path(found).resolve() == called.resolve():
        return shlex.quote(called.name)
    try:
        return shlex.quote(str(called.absolute().relative_to(Path.cwd())))
    except ValueError:
        return shlex.quote(str(called))


def command_line() -> str:
    """The command line of this process, as it can be pasted into a shell."""
    called = Path(sys.argv[0]).name  # not where it lies: what is recorded is read elsewhere
    name = program() if called == "__main__.py" else shlex.quote(called)
    return " ".join([name, *(shlex.quote(redacted_setting(word)) for word in sys.argv[1:])])


def resume_command(run_id: str, uri: str | None, output_dir: Path | str) -> str:
    """The command line that continues a run."""
    settings = [f"resume={run_id}", *(_choice(uri) or [f"tracking.uri={quoted(shown)}" for shown in _address(uri)])]
    settings += [] if _is_default(output_dir) else [f"output_dir={quoted(str(output_dir))}"]
    return " ".join([program(), "train", *map(shlex.quote, settings)])


def train_command(settings: Sequence[str]) -> str:
    """The command line that trains with some settings, without their secrets."""
    return " ".join([program(), "train", *(shlex.quote(redacted_setting(text)) for text in settings)])


def sync_command(run_id: str, uri: str | None, output_dir: Path | str) -> str:
    """The command line that sends what MLflow lacks of a run."""
    return " ".join([program(), "sync", run_id, *place_flags(uri, output_dir)])


def ui_command(run_id: str, uri: str | None, output_dir: Path | str) -> str:
    """The command line that shows a run in the browser."""
    return " ".join([program(), "ui", "--run", run_id, *place_flags(uri, output_dir)])


def compare_command(sweep: str, uri: str | None, output_dir: Path | str) -> str:
    """The command line that compares the jobs of a sweep."""
    return " ".join([program(), "compare", shlex.quote(sweep), *place_flags(uri, output_dir)])


def explain_command(run_id: str, uri: str | None, output_dir: Path | str) -> str:
    """The command line that explains a text, whose place an ellipsis holds."""
    return " ".join([program(), "explain", run_id, '"…"', *place_flags(uri, output_dir)])


def serve_command(model: str, uri: str | None, output_dir: Path | str) -> str:
    """The command line that serves a model of this address. MLflow finds the store by the environment alone."""
    address = redacted_uri(resolve_uri(uri, Path(output_dir)))
    place = [] if _is_secret_of_environment(uri) else [f"{ENVIRONMENT}={shlex.quote(address)}"]
    return " ".join([*place, "mlflow models serve -m", shlex.quote(model), "--env-manager local"])


def start_command(overrides: Sequence[str]) -> str:
    """The command line of this process, secrets masked; of a job that a sweep made, one that would make it alone."""
    arguments = sys.argv[1:]
    is_single = arguments[:1] == ["train"] and not {"-m", "--multirun"} & set(arguments)
    words = arguments if is_single else ["train", *overrides]
    return " ".join([program(), *(shlex.quote(redacted_setting(word)) for word in words)])


def place_flags(uri: str | None, output_dir: Path | str) -> list[str]:
    """The flags that name store and output folder where they are not the default, quoted for a shell."""
    flags = _choice(uri) or [word for shown in _address(uri) for word in ("--tracking-uri", shown)]
    flags += [] if _is_default(output_dir) else ["--output-dir", str(output_dir)]
    return [shlex.quote(flag) for flag in flags]


def quoted(value: str) -> str:
    """The value of a setting, quoted if needed, so that Hydra reads it back unchanged."""
    # Backslashes are escaped only before a quote and at the end.
    escaped = re.sub(r"(\\+)(?='|$)", r"\1\1", value).replace("'", "\\'")
    return value if re.fullmatch(r"[\w./:-]+", value) else f"'{escaped}'"


def _is_default(output_dir: Path | str) -> bool:
    return Path(output_dir).absolute() == Path(DEFAULT_OUTPUT_DIR).absolute()


def _choice(uri: str | None) -> list[str]:
    """The option of `tracking` that stands for the store, if one does, as all commands take it.

    It does for the output folder's own, and for an address with a password that the environment has, so that the
    command line need not show it.
    """
    if uri == LOCAL:
        return ["tracking=local"]
    return ["tracking=server"] if _is_secret_of_environment(uri) else []


def _is_secret_of_environment(uri: str | None) -> bool:
    """True for an address with a password that the environment has."""
    address = named_uri(uri)
    return address is not None and redacted_uri(address) != address == from_environment(ENVIRONMENT)


def _address(uri: str | None) -> list[str]:
    """The store's address, that of the environment too: the line may be pasted where that is not set."""
    address = named_uri(uri)
    return [] if address is None else [redacted_uri(address)]

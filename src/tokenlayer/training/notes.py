"""The note of a run, which MLflow's page shows first: what was trained on what, how, the result, and what next."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tokenlayer.data.types import PreparedDataset
from tokenlayer.escaping import harmless
from tokenlayer.tracking.commands import explain_command, resume_command, serve_command, ui_command
from tokenlayer.tracking.recorder import Recorder
from tokenlayer.tracking.settings import CHOSEN, COMMAND
from tokenlayer.training.config import TrainConfig
from tokenlayer.training.job import Job
from tokenlayer.yaml_files import load_yaml

NOTE_TAG = "mlflow.note.content"


@dataclass(frozen=True)
class Tested:
    """The end of a run."""

    metrics: Mapping[str, float]
    """`test/…` among them."""
    best: str
    """The checkpoint that the model is, in words."""
    served: str | None
    """The name of the model that MLflow can serve."""


class Note:
    """The note of a training, from its beginning to its end.

    Args:
        job: the run's, with the options it was started with.
        recorder: the run.
        dataset: its data.
        name: the dataset's.

    """

    def __init__(self, job: Job[TrainConfig], recorder: Recorder, dataset: PreparedDataset, name: str) -> None:
        self._recorder = recorder
        self._head = _head(job, dataset, name)
        self._settings = _recorded_list(recorder, job.chosen)
        self._command = _recorded_command(recorder)
        self._place = (job.config.tracking.uri, job.config.output_dir)
        place = (recorder.run_id, *self._place)
        self._next = {
            "look at it": ui_command(*place),
            "explain a text": explain_command(*place),
            "go on, should it break off": resume_command(*place),
        }

    def set(self, state: str, result: Tested | None = None, remarks: Iterable[str] = ()) -> None:
        """Put the note into the run's next commit.

        Args:
            state: how far the run is: `running`.
            result: of a run that has been tested.
            remarks: what callbacks have to say of it, in Markdown.

        """
        parts = [f"{self._head} ({state})", *remarks]
        if result is not None:
            parts += [figures(result.metrics), f"Tested: {result.best}."]
        parts += [_commands({"started by": self._command} if self._command else {})]
        if self._settings:
            parts += ["Chosen from the texts:", "\n".join(f"- {_text(line)}" for line in self._settings)]
        served = {} if result is None or result.served is None else {"serve it": self._serve_command(result.served)}
        parts += [_commands(self._next | served)]
        self._recorder.set_tags({NOTE_TAG: "\n\n".join(part for part in parts if part)})

    def _serve_command(self, model: str) -> str:
        # By its name: its id is MLflow's, who makes the model when this note is sent.
        return serve_command(f"runs:/{self._recorder.run_id}/{model}", *self._place)


def figures(metrics: Mapping[str, float]) -> str:
    """The figures of the test as a table, in Markdown."""
    rows = [f"| {name} | {value:.4f} |" for name, value in sorted(metrics.items()) if name.startswith("test/")]
    return "\n".join(["| | |", "|---|---|", *rows])


def _head(job: Job[TrainConfig], dataset: PreparedDataset, name: str) -> str:
    options, config = job.choices, job.config
    how = f"learned by {_code(options['learning_rule'])}" if "learning_rule" in options else "learned"
    first = f", first tokens by {_code(options['initializer'])}" if "initializer" in options else ""
    texts = ", ".join(f"{len(split):,} {part}" for part, split in dataset.splits.items())
    classes = len(dataset.class_names)
    return (
        f"{config.model.vocab_size:,} tokens of up to {config.max_token_length()} characters, {how}{first}, seed "
        f"{config.seed}, on {_code(name)}: {texts} texts of {classes} classes"
    )


def _recorded_list(recorder: Recorder, chosen: Sequence[str]) -> list[str]:
    """What was chosen when the run began; a run that goes on leaves nothing open."""
    path = recorder.directory / CHOSEN
    found: Any = load_yaml(path, CHOSEN) if path.is_file() else None
    return [str(line) for line in found] if isinstance(found, list) else list(chosen)


def _recorded_command(recorder: Recorder) -> str:
    path = recorder.directory / COMMAND
    return path.read_text(encoding="utf-8").strip() if path.is_file() else ""


def _commands(commands: Mapping[str, str]) -> str:
    """Headings and commands, these as indented blocks: no text can end one."""
    return "\n\n".join(f"{heading}:\n\n    {harmless(command)}" for heading, command in commands.items())


def _code(text: str) -> str:
    return f"`{harmless(text).replace('`', 'ˋ')}`"


def _text(text: str) -> str:
    """Text in which Markdown and HTML find nothing to act on."""
    return re.sub(r"([\\`*_{}\[\]<>#|!~])", r"\\\1", harmless(text))

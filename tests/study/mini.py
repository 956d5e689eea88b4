"""A study that takes seconds: planted texts, two seeds, and two learning rates, of which one learns nothing."""

from pathlib import Path

from tokenlayer.cli.main import main
from tokenlayer.study.conditions import Condition, Study, Task
from tokenlayer.study.report import Report, comparisons, summary
from tokenlayer.study.results import Results
from tokenlayer.study.runner import command
from tokenlayer.study.status import Place, RunStatus, State

COMMON = (
    "dataset=planted",
    "dataset.n_texts=120",
    "dataset.text_length=60",
    "dataset.n_words=12",
    "dataset.batch_size=8",
    "initializer.ngram_lengths=[2,3,4]",
    "model/head=pool",
    "model.vocab_size=30",
    "learning_rule=frozen",
    "lr_scheduler=none",
    "trainer.accelerator=cpu",
    "trainer.max_epochs=1",
    "callbacks.figures=null",
    "callbacks.token_history=null",
)
CONDITIONS = (
    Condition("learns", ("optimizer.lr=0.05",), (0, 1), {"method": "learns"}),
    Condition("stays", ("optimizer.lr=0.0",), (0, 1), {"method": "stays"}),
)
MINI = Study("mini", COMMON, CONDITIONS)


def train_here(task: Task, output_dir: Path) -> None:
    """Makes a run as the study does, but in this process: another one takes seconds to start."""
    assert main(command(RunStatus(task, State.MISSING), Place(output_dir))) == 0


def report(results: Results) -> Report:
    return Report(
        {
            "Accuracy": summary(results, {"test": "test/accuracy"}),
            "": comparisons(results.compared([("learns", "stays")])),
        }
    )

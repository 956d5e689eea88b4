"""A study of seconds: planted texts, two learning rates of which one learns nothing, two seeds."""

from tokenlayer.study.cells import Cell, Study
from tokenlayer.study.report import Report, comparisons, summary
from tokenlayer.study.results import Results

COMMON = (
    "dataset=planted",
    "dataset.n_texts=120",
    "dataset.text_length=60",
    "dataset.n_words=12",
    "dataset.batch_size=8",
    "initializer.gram_lens=[2,3,4]",
    "initializer.padding=blank",
    "model/head=pool",
    "model.n_neurons=30",
    "learning_rule=frozen",
    "lr_scheduler=none",
    "trainer.accelerator=cpu",
    "trainer.max_epochs=1",
    "callbacks.figures=null",
)
CELLS = (
    Cell("learns", ("optimizer.lr=0.05",), (0, 1), {"method": "learns"}),
    Cell("stays", ("optimizer.lr=0.0",), (0, 1), {"method": "stays"}),
)
MINI = Study("mini", COMMON, CELLS)


def report(results: Results) -> Report:
    return Report(
        {
            "Accuracy": summary(results, {"test": "test/accuracy"}),
            "": comparisons(results.compared([("learns", "stays")])),
        }
    )

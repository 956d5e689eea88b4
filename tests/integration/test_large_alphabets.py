"""No (C, K, N) tensor of floats on the recommended path: an alphabet of thousands costs what its texts cost."""

import random
from pathlib import Path
from typing import Any

import pytest
import torch
from sources import write_rows
from tiny_runs import QUIET, Store
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from tokenlayer.cli.main import main

C, K, N = 3000, 4, 40
HANZI = "".join(map(chr, range(0x4E00, 0x4E00 + C)))
TELLING = {"cold": HANZI[:6], "warm": HANZI[6:12]}


class LargestFloats(TorchDispatchMode):
    """Records the size of the largest tensor of floats that any operation returns."""

    def __init__(self) -> None:
        super().__init__()
        self.size = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = func(*args, **(kwargs or {}))
        for value in tree_leaves(out):
            if isinstance(value, torch.Tensor) and value.is_floating_point():
                self.size = max(self.size, value.numel())
        return out


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Texts that together hold every character; in each stands a word of its class."""
    rng = random.Random(0)
    rows = []
    for i in range(200):
        label = ("cold", "warm")[i % 2]
        rest = [HANZI[(30 * i + j) % C] for j in range(30)]
        rng.shuffle(rest)
        word = TELLING[label][(start := rng.randrange(4)) : start + 3]
        rows.append({"text": "".join(rest[:15]) + word + "".join(rest[15:]), "label": label})
    return write_rows(tmp_path_factory.mktemp("texts") / "texts.csv", rows)


def settings(table: Path, store: Store, rule: str) -> list[str]:
    return [
        "dataset=table",
        f"dataset.source={table}",
        "dataset.text_column=text",
        "dataset.label_column=label",
        f"dataset.alphabet.size={C}",
        "dataset.alphabet.scope=all",
        "dataset.batch_size=16",
        "initializer.ngram_lengths=[2,3]",
        f"learning_rule={rule}",
        f"model.vocab_size={N}",
        f"model.max_token_length={K}",
        "lr_scheduler=none",
        "trainer=cpu",
        "trainer.threads=1",
        *QUIET,  # the font of figures has none of these characters
        f"output_dir={store.output_dir}",
    ]


@pytest.mark.parametrize(
    ("rule", "rule_settings"),
    [
        (
            "graft",
            ["learning_rule.ngram_lengths=[1,2,3]", "learning_rule.edit_interval=0.2", "learning_rule.min_texts=3"],
        ),
        (
            "grow",
            ["learning_rule.ngram_lengths=[1,2,3]", "learning_rule.edit_interval=0.2", "learning_rule.memory_mb=1"],
        ),
        ("frozen", []),
    ],
    ids=["graft", "grow", "frozen"],
)
def test_training_resuming_and_restoring_make_no_tensor_as_large_as_patterns(
    table: Path, store: Store, rule: str, rule_settings: list[str]
) -> None:
    output = f"output_dir={store.output_dir}"
    with LargestFloats() as largest:
        assert main(["train", *settings(table, store, rule), *rule_settings, "trainer.max_epochs=2"]) == 0
        (run,) = store.runs()
        assert main(["train", f"resume={run.run_id}", "trainer.max_epochs=3", output]) == 0
        assert main(["evaluate", f"run={run.run_id}", output]) == 0
    assert 0 < largest.size < C * K * N
    if rule != "frozen":
        assert len(run.log("edits")) > 0, "the rule had something to do"


def test_the_originals_layer_would_show(table: Path, store: Store) -> None:
    """What the test above looks for is there to be found."""
    with LargestFloats() as largest:
        assert main(["train", *settings(table, store, "original"), "trainer.max_steps=1"]) == 0
    assert largest.size >= C * K * N

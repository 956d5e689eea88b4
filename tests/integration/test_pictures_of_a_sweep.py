"""A sweep of 24 real runs in MLflow's UI, as the README shows it: minutes of training.

`TOKENLAYER_SCREENSHOTS=docs/pictures make test PYTEST_ARGS="-m slow tests/integration/test_pictures_of_a_sweep.py"`
makes the pictures of the README.
"""

import shutil
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
from browsers import browsing
from mlflow_pages import SIZE, Page, served
from tiny_runs import CPU, QUIET, Store

from tokenlayer.cli.main import main

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.timeout(1800)]

NAME = "learned-or-not"
SWEPT = {"learning_rule": ("frozen", "graft"), "model.vocab_size": ("10", "30", "100"), "seed": ("0", "1", "2", "3")}
TEXTS = ("planted", "n_texts=1200", "n_words=12", "text_length=60", "noise=0.05", "batch_size=16")
SETTINGS = (
    "tracking.experiment=planted",
    "initializer=frequent_ngrams",
    "trainer.max_epochs=6",
    "callbacks.training_log.metrics_every=10",
    *(f"dataset{'.' if '=' in setting else '='}{setting}" for setting in TEXTS),
    *CPU,
    *QUIET,
)
BESIDE = ("[data-component-id='mlflow.assistant.chat_panel.close']", "[data-component-id$='shared_view.dismiss']")


@pytest.fixture(scope="module")
def swept(tmp_path_factory: pytest.TempPathFactory, empty_database: Path) -> Store:
    """A store with the sweep."""
    store = Store(tmp_path_factory.mktemp("sweep"))
    shutil.copyfile(empty_database, store.output_dir / "mlflow.db")
    swept = [f"{key}={','.join(values)}" for key, values in SWEPT.items()]
    line = ["train", "-m", *SETTINGS, *swept, f"sweep.name={NAME}", f"output_dir={store.output_dir}"]
    assert main(line) == 0
    return store


def test_a_sweep_of_24_runs_is_readable(tmp_path: Path, swept: Store) -> None:
    with served(swept.output_dir, "--run", NAME) as (charts, table), browsing(tmp_path, SIZE) as browser:
        page = Page(browser, charts)
        page.says("24 matching runs")
        page.close(*BESIDE)
        page.has(".barlayer .trace", least=3)
        axes = page.runs(
            "return [...document.querySelectorAll('.parcoords .dimension')].map(axis => ["
            "axis.querySelector('.label').innerHTML, [...axis.querySelectorAll('.tick text')].map(tick => {"
            "const box = tick.getBoundingClientRect(); return [box.top, box.bottom, box.left, box.right]})])"
        )
        assert [name for name, _ in axes] == ["seed", "group.learning_rule", "model.vocab_size", "test/accuracy"]
        for name, ticks in axes:
            assert len(ticks) >= 2, name
        assert not any(overlap(*pair) for pair in combinations([tick for _, ticks in axes for tick in ticks], 2))
        page.photograph("mlflow_sweep")
        page = Page(browser, table)
        page.says("24 matching runs", "graft-30-seed0")
        page.close(*BESIDE)
        page.photograph("mlflow_sweep_table")


def overlap(one: list[Any], other: list[Any]) -> bool:
    """True for two boxes (top, bottom, left, right) that share more than an edge."""
    return one[0] < other[1] and other[0] < one[1] and one[2] < other[3] and other[2] < one[3]

"""What a researcher sees of runs and sweeps in MLflow's UI, in a real browser.

TOKENLAYER_SCREENSHOTS names a folder for pictures of the pages.
"""

import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import numpy as np
import pytest
from browsers import browsing, webdriver
from made_sweeps import copy_sweep
from mlflow.entities import Metric
from mlflow_pages import SIZE, Page, served
from tiny_runs import Recorded, Store, without

from tokenlayer.cli.main import main
from tokenlayer.tracking.ui_pages import pages_of

pytestmark = pytest.mark.browser

HOSTILE = "<img src=x onerror=\"document.title='owned'\"> a@b"
KEYS = {"initializer": ("random_ngrams", HOSTILE, "bpe"), "seed": ("0", "1")}
SECTIONS = "[data-testid=experiment-view-compare-runs-section-header]"
BESIDE = ("[data-component-id='mlflow.assistant.chat_panel.close']", "[data-component-id$='shared_view.dismiss']")


@dataclass(frozen=True)
class Shown:
    """A store that is served, with a run and a sweep, and the addresses of the run's pages."""

    store: Store
    run: Recorded
    page: str
    charts: str

    def tab(self, path: str) -> str:
        """The address of a tab of the run's page."""
        address, _, query = self.page.partition("?")
        return f"{address}/{path}?{query}"

    def pages(self, named: str | None) -> list[str]:
        """The addresses that `tokenlayer ui` would print."""
        return [self.page.partition("#")[0] + page.path for page in pages_of(named, None, self.store.output_dir).pages]


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory, empty_database: Path) -> Iterator[Shown]:
    """`tokenlayer ui` over a store with one run and a sweep."""
    store = Store(tmp_path_factory.mktemp("ui"))
    shutil.copyfile(empty_database, store.output_dir / "mlflow.db")
    assert main(["train", *without("callbacks"), f"output_dir={store.output_dir}", "trainer.max_epochs=4"]) == 0
    (run,) = store.runs()
    settings = [dict(zip(KEYS, values, strict=True)) for values in product(*KEYS.values())]
    copy_sweep(store.client, run.run, HOSTILE, settings)
    with served(store.output_dir, "--run", run.run_id) as (page, charts):
        yield Shown(store, run, page, charts)


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> "Iterator[webdriver.Chrome]":
    with browsing(tmp_path_factory.mktemp("profile"), SIZE) as driver:
        yield driver


def is_training_mode(page: Page) -> bool:
    """True on a page for trained models, not for language models."""
    modes = page.runs("return [...document.querySelectorAll('[aria-checked=true], input:checked')].map(e => e.value)")
    return "genai" not in modes and not any(word in page.text for word in ("Judges", "Prompts", "Evaluation runs"))


def column(page: Page, name: str) -> list[str]:
    """The cells of a column of the table, from the top."""
    script = (
        "return [...document.querySelectorAll('.ag-row [col-id]')]"
        ".filter(cell => cell.getAttribute('col-id') === arguments[0])"
        ".map(cell => [Number(cell.closest('.ag-row').getAttribute('row-index')), cell.innerText.split('\\n').pop()])"
    )
    return [text for _, text in sorted(page.runs(script, name))]


def sections(page: Page, least: int) -> dict[str, bool]:
    """The sections of the charts from the top, True for those that are open."""
    script = (
        "return arguments[0].map(header => [header.innerText.split('\\n')[0],"
        " header.closest('[aria-expanded]').getAttribute('aria-expanded') === 'true'])"
    )
    return dict(page.runs(script, page.has(SECTIONS, least)))


def test_the_run_and_where_it_comes_from(browser: "webdriver.Chrome", shown: Shown) -> None:
    page = Page(browser, shown.page)
    text = page.says(shown.run.run_id, "Finished", "planted-random_ngrams-seed0", "Metrics (", "Parameters (")
    assert "Model training" in text
    assert "Judges" not in text, "MLflow takes the experiment for one on language models"
    page.photograph("run")


@pytest.mark.slow
def test_metrics_are_charts_in_groups(browser: "webdriver.Chrome", shown: Shown) -> None:
    page = Page(browser, shown.tab("model-metrics"))
    columns = [name for name in shown.run.run.data.metrics if name.startswith("watch/gradients/")]
    text = page.says("watch/gradients", "watch/values", "train", "validation", "test", f"({len(columns)})")
    headings = [line for line in text.splitlines() if line in ("test", "train", "validation", "watch/gradients")]
    assert headings == ["test", "train", "validation", "watch/gradients"], text
    charts = page.has(".js-plotly-plot .scatterlayer .trace .lines path", least=2)
    page.photograph("metrics")
    assert charts


@pytest.mark.slow
def test_artifacts_are_a_tree(browser: "webdriver.Chrome", shown: Shown) -> None:
    page = Page(browser, shown.tab("artifacts"))
    page.says("checkpoints", "config", "figures", "logs", "patterns", "predictions", "tokens")
    page.photograph("artifacts")


def test_patterns_are_a_table(browser: "webdriver.Chrome", shown: Shown) -> None:
    *_, latest, _ = sorted((shown.run.artifacts / "patterns").iterdir())  # behind it the tokens at the end
    page = Page(browser, shown.tab(f"artifacts/patterns/{latest.name}"))
    text = page.says("View as table", "neuron", "gradient", "matches", "embedding")
    page.photograph("patterns")
    log = shown.run.log("patterns_log")
    rows = log[log["step"] == log["step"].max()].sort_values("embedding", key=lambda e: -e.map(np.linalg.norm))
    for pattern in rows["pattern"].head(5):
        assert pattern.replace(" ", "␣") in text
    assert '"columns"' not in text, "it is shown as JSON"


def test_token_effects_are_a_table(browser: "webdriver.Chrome", shown: Shown) -> None:
    page = Page(browser, shown.tab("artifacts/tokens/effects.json"))
    text = page.says("View as table", "effect", "towards", "class_0")
    page.photograph("tokens")
    assert '"columns"' not in text, "it is shown as JSON"


@pytest.mark.slow
def test_a_figure_is_an_image(browser: "webdriver.Chrome", shown: Shown) -> None:
    page = Page(browser, shown.tab("artifacts/figures/grads_log.png"))
    page.says("figures/grads_log.png")
    loaded = "return [...document.images].some(image => image.complete && image.naturalWidth > 1000)"
    page.until(lambda: page.runs(loaded), "no image was loaded")
    page.photograph("figure")


def test_all_runs_have_their_accuracy_and_sweeps_hold_theirs(browser: "webdriver.Chrome", shown: Shown) -> None:
    (address,) = shown.pages(None)
    page = Page(browser, address)
    page.says("matching runs", "test/accuracy", "initializer")
    page.close(*BESIDE)
    assert is_training_mode(page)
    assert column(page, "attributes.`Run Name`") == [HOSTILE, shown.run.run.info.run_name]
    accuracy = shown.run.run.data.metrics["test/accuracy"]
    assert float(column(page, "metrics.`test/accuracy`")[1]) == pytest.approx(accuracy)
    page.has("[data-component-id*=runnamecellrenderer]")[0].click()
    page.until(lambda: len(column(page, "tags.`initializer`")) == 8, "no runs below the sweep")
    assert column(page, "tags.`initializer`")[:-1].count("bpe") == 2
    page.photograph("all_runs")
    assert page.errors() == []


def test_a_sweep_is_a_table_of_its_runs(browser: "webdriver.Chrome", shown: Shown) -> None:
    page = Page(browser, shown.pages(HOSTILE)[1])
    page.says("6 matching runs", "test/accuracy", "validation/accuracy", "initializer", "seed")
    assert is_training_mode(page)
    accuracies = column(page, "metrics.`validation/accuracy`")
    expected = [shown.run.run.data.metrics["validation/accuracy"] / (job + 2) for job in range(6)]
    assert [float(text) for text in accuracies] == pytest.approx(expected), "not the best first"
    assert column(page, "tags.`initializer`") == [value for value in KEYS["initializer"] for _ in range(2)]
    assert column(page, "tags.`seed`") == ["0", "1"] * 3
    page.photograph("sweep_table")
    assert browser.title != "owned"
    assert page.errors() == []


@pytest.mark.slow
def test_a_sweep_has_its_charts_in_sections(browser: "webdriver.Chrome", shown: Shown) -> None:
    page = Page(browser, shown.pages(HOSTILE)[0])
    page.says("6 matching runs", "Parallel Coordinates", "group.initializer", "test/accuracy")
    assert is_training_mode(page)
    found = sections(page, least=8)
    assert list(found)[:5] == ["sweep", "test", "validation", "train", "tokens"]
    assert list(found)[-2:] == ["watch/gradients", "watch/values"]
    assert [name for name, is_open in found.items() if not is_open] == ["watch/gradients", "watch/values"]
    page.has(".js-plotly-plot .barlayer .trace", least=3)
    page.close(*BESIDE)
    page.photograph("sweep_charts")
    assert browser.title != "owned"
    assert page.errors() == []


@pytest.mark.slow
def test_the_charts_of_a_run_are_in_the_same_order(browser: "webdriver.Chrome", shown: Shown) -> None:
    page = Page(browser, shown.charts)
    page.says("1 matching run", shown.run.run.info.run_name)
    assert is_training_mode(page)
    found = sections(page, least=7)
    assert list(found)[:4] == ["test", "validation", "train", "tokens"]
    assert [name for name, is_open in found.items() if not is_open] == ["watch/gradients", "watch/values"]
    page.has(".js-plotly-plot .barlayer .trace", least=3)
    page.photograph("run_charts")
    assert page.errors() == []


@pytest.mark.slow
def test_a_long_run_opens_at_once(browser: "webdriver.Chrome", shown: Shown) -> None:
    Page(browser, shown.charts).has(".js-plotly-plot .trace")  # after this the browser has the scripts
    short, long = (min(seconds_until_drawn(browser, shown, steps) for _ in range(3)) for steps in (100, 100_000))
    assert long < max(3, 1.5 * short), "not even as on a machine that is busy with other things"


def seconds_until_drawn(browser: "webdriver.Chrome", shown: Shown, steps: int) -> float:
    """The time that the charts of a run of so many logged steps take, until there is a line."""
    client, name = shown.store.client, f"{steps} steps"
    if client.get_experiment_by_name(name) is None:
        run_id = client.create_run(client.create_experiment(name), run_name=name).info.run_id
        values = [Metric("train/loss", 1 / (step + 1), step, step) for step in range(steps)]
        for begin in range(0, steps, 1000):
            client.log_batch(run_id, values[begin : begin + 1000])
        client.set_terminated(run_id)
    _, charts = shown.pages(name)
    start = time.monotonic()
    Page(browser, charts).has(".js-plotly-plot .scatterlayer .trace .lines path")
    seconds = time.monotonic() - start
    print(f"{name}: drawn after {seconds:.1f} s")
    return seconds

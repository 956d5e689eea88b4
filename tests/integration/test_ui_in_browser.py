"""What a researcher sees of a run in MLflow's UI, in a real browser.

TOKENLAYER_SCREENSHOTS names a folder for pictures of the pages.
"""

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from tiny_runs import Recorded, Store, without

from tokenlayer.cli.main import main

pytestmark = pytest.mark.browser

webdriver = pytest.importorskip("selenium.webdriver", reason="selenium is not installed")
By = pytest.importorskip("selenium.webdriver.common.by").By
WebDriverWait = pytest.importorskip("selenium.webdriver.support.ui").WebDriverWait

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
DRIVER = shutil.which("chromedriver")
if CHROMIUM is None or DRIVER is None:
    pytest.skip("chromium and chromedriver are not installed", allow_module_level=True)

FLAGS = (
    "--headless=new",
    "--no-sandbox",  # Chromium refuses its sandbox to root, who containers run as
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--window-size=1600,1200",
)
SECONDS = 60


@dataclass(frozen=True)
class Shown:
    """A run, and the address of its page."""

    run: Recorded
    page: str

    def tab(self, path: str) -> str:
        """The address of a tab of the page."""
        address, _, query = self.page.partition("?")
        return f"{address}/{path}?{query}"


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory, empty_database: Path) -> Iterator[Shown]:
    """`tokenlayer ui` over a store with one run."""
    store = Store(tmp_path_factory.mktemp("ui"))
    shutil.copyfile(empty_database, store.output_dir / "mlflow.db")
    assert main(["train", *without("callbacks"), f"output_dir={store.output_dir}", "trainer.max_epochs=4"]) == 0
    (run,) = store.runs()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    options = ["--run", run.run_id, "--port", str(port), f"output_dir={store.output_dir}"]
    log = store.output_dir / "ui.log"
    with log.open("w") as output:
        server = subprocess.Popen(
            [sys.executable, "-m", "tokenlayer", "ui", *options],
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        wait_for(f"http://127.0.0.1:{port}/health", server, log)
        yield Shown(run, log.read_text().split()[0])
    finally:
        server.terminate()
        server.wait(SECONDS)


def wait_for(url: str, server: subprocess.Popen[bytes], log: Path) -> None:
    end = time.monotonic() + SECONDS
    while time.monotonic() < end and server.poll() is None:
        try:
            urllib.request.urlopen(url, timeout=5).close()
            return
        except OSError:
            time.sleep(0.2)
    raise AssertionError(log.read_text())


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> "Iterator[webdriver.Chrome]":
    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    for flag in (*FLAGS, f"--user-data-dir={tmp_path_factory.mktemp('profile')}"):
        options.add_argument(flag)
    driver = webdriver.Chrome(options, webdriver.ChromeService(DRIVER))
    yield driver
    driver.quit()


class Page:
    """A page of the UI, waited for by what it says."""

    def __init__(self, browser: "webdriver.Chrome", url: str) -> None:
        self.browser = browser
        browser.get("about:blank")  # otherwise a change behind the # loads nothing
        browser.get(url)

    def says(self, *texts: str) -> str:
        """The text of the page when it holds all of these."""
        WebDriverWait(self.browser, SECONDS).until(
            lambda _: all(text in self.text for text in texts), f"{texts} not in: {self.text}"
        )
        return self.text

    @property
    def text(self) -> str:
        return str(self.browser.find_element(By.TAG_NAME, "body").text)

    def has(self, selector: str, least: int = 1) -> list[object]:
        """The elements, when there are so many."""
        found = WebDriverWait(self.browser, SECONDS).until(
            lambda driver: (
                (len(elements := driver.find_elements(By.CSS_SELECTOR, selector)) >= least and elements) or False
            ),
            f"fewer than {least} of {selector}",
        )
        return list(found)

    def photograph(self, name: str) -> None:
        folder = os.environ.get("TOKENLAYER_SCREENSHOTS")
        if folder:
            Path(folder).mkdir(parents=True, exist_ok=True)
            self.browser.save_screenshot(str(Path(folder) / f"{name}.png"))


def test_the_run_and_where_it_comes_from(browser: "webdriver.Chrome", shown: Shown) -> None:
    page = Page(browser, shown.page)
    text = page.says(shown.run.run_id, "Finished", "planted-random_ngrams-seed0", "Metrics (", "Parameters (")
    assert "Model training" in text
    assert "Judges" not in text, "MLflow takes the experiment for one on language models"
    page.photograph("run")


def test_metrics_are_charts_in_groups(browser: "webdriver.Chrome", shown: Shown) -> None:
    page = Page(browser, shown.tab("model-metrics"))
    columns = [name for name in shown.run.run.data.metrics if name.startswith("watch/gradients/")]
    text = page.says("watch/gradients", "watch/values", "train", "validation", "test", f"({len(columns)})")
    headings = [line for line in text.splitlines() if line in ("test", "train", "validation", "watch/gradients")]
    assert headings == ["test", "train", "validation", "watch/gradients"], text
    charts = page.has(".js-plotly-plot .scatterlayer .trace .lines path", least=2)
    page.photograph("metrics")
    assert charts


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


def test_a_figure_is_an_image(browser: "webdriver.Chrome", shown: Shown) -> None:
    page = Page(browser, shown.tab("artifacts/figures/grads_log.png"))
    page.says("figures/grads_log.png")
    WebDriverWait(browser, SECONDS).until(
        lambda driver: driver.execute_script(
            "return [...document.images].some(image => image.complete && image.naturalWidth > 1000)"
        ),
        "no image was loaded",
    )
    page.photograph("figure")

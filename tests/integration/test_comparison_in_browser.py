"""The page of `tokenlayer compare` in a real browser, for settings and tokens that try to be more than text.

TOKENLAYER_SCREENSHOTS names a folder for pictures of the page.
"""

import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from browsers import By, browsing, webdriver
from recorded_sweeps import Job, Recording

from tokenlayer.cli.main import main

pytestmark = pytest.mark.browser

HOSTILE = "</title><script>document.title='owned'</script>--><img src=x onerror=\"document.title='owned'\">"


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory, empty_database: Path) -> Path:
    """The page of a sweep with two conditions, one of which is markup, and with gaps."""
    folder = tmp_path_factory.mktemp("compared")
    shutil.copyfile(empty_database, folder / "mlflow.db")
    made = Recording(folder)
    tokens = [HOSTILE, "␣good", "plain"]
    jobs = [
        Job({"note": note, "seed": str(seed)}, accuracy, tokens=tokens, params={"model.comment": HOSTILE})
        for note, accuracies in ((HOSTILE, [0.9, 0.85]), ("plain", [0.7, 0.75, 0.8]))
        for seed, accuracy in enumerate(accuracies)
    ]
    jobs.append(Job({"note": HOSTILE, "seed": "2"}, status="FAILED"))
    made.sweep(HOSTILE, ["note", "seed"], jobs)
    output = folder / "page.html"
    assert main(["compare", HOSTILE, f"--output={output}", f"--output-dir={folder}"]) == 0
    return output


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> "Iterator[webdriver.Chrome]":
    with browsing(tmp_path_factory.mktemp("profile"), (1100, 1400)) as driver:
        yield driver


def test_nothing_of_names_and_tokens_runs(browser: "webdriver.Chrome", page: Path) -> None:
    browser.get(page.as_uri())
    assert browser.title == f"Comparison of {HOSTILE}"
    assert browser.find_element(By.TAG_NAME, "h1").text == f"Comparison of {HOSTILE}"
    for tag in ("script", "img", "iframe", "a", "form"):
        assert browser.find_elements(By.TAG_NAME, tag) == []
    assert browser.find_element(By.CSS_SELECTOR, "tr.chosen td").text == HOSTILE
    assert HOSTILE in [cell.text for cell in browser.find_elements(By.CSS_SELECTOR, "td.token")]
    assert browser.execute_script("return document.querySelectorAll('[onerror],[onload]').length") == 0
    events = [json.loads(entry["message"])["message"] for entry in browser.get_log("performance")]
    requests = [event["params"] for event in events if event["method"] == "Network.requestWillBeSent"]
    assert [r["request"]["url"] for r in requests if r["documentURL"] == page.as_uri()] == [page.as_uri()]
    refused = [entry["message"] for entry in browser.get_log("browser") if "Content Security" in entry["message"]]
    assert refused == [], "the page itself keeps to its policy"


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1100, 420])
def test_it_can_be_read(browser: "webdriver.Chrome", page: Path, scheme: str, width: int) -> None:
    media = [{"name": "prefers-color-scheme", "value": scheme}]
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": media})
    size = {"width": width, "height": 1400, "deviceScaleFactor": 1, "mobile": False}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    browser.get(page.as_uri())
    figures = browser.find_elements(By.CSS_SELECTOR, "figure svg")
    assert len(figures) == 3
    for figure in figures:
        assert 300 < figure.size["width"] < width
        assert figure.size["height"] > 50
    assert browser.execute_script("return document.documentElement.scrollWidth <= window.innerWidth")
    missing = browser.find_element(By.CLASS_NAME, "missing").text
    assert "1 job is failed and left out" in missing
    assert "has no run with seed=2" in missing
    details = browser.find_elements(By.CSS_SELECTOR, "details")[-1]
    details.find_element(By.TAG_NAME, "summary").click()
    assert HOSTILE in details.text
    if folder := os.environ.get("TOKENLAYER_SCREENSHOTS"):
        Path(folder).mkdir(parents=True, exist_ok=True)
        height = browser.execute_script("return document.documentElement.scrollHeight")
        browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", {**size, "height": height})
        browser.save_screenshot(str(Path(folder) / f"comparison_{scheme}_{width}.png"))

"""The page of `tokenlayer explain` in a real browser, for texts and classes that try to be more than text.

TOKENLAYER_SCREENSHOTS names a folder for pictures of the page.
"""

import json
import os
import random
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from browsers import By, browsing, webdriver
from sources import invented_text, write_rows
from tiny_runs import Store, without

from tokenlayer.cli.main import main

pytestmark = pytest.mark.browser

NoAlertPresentException = pytest.importorskip("selenium.common.exceptions").NoAlertPresentException

CLASSES = ("<img src=x onerror=\"document.title='owned'\">", "</title><script>document.title='owned'</script>")
TEXT = (
    "</div><script>document.title='owned'</script><img src=x onerror=\"document.title='owned'\"> "
    "<b>bold</b> &lt;i&gt; a boring film \" onmouseover=\"document.title='owned'"
)


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory, empty_database: Path) -> Path:
    """The page of a model whose classes are markup, and which knows every character of the text."""
    folder = tmp_path_factory.mktemp("explained")
    shutil.copyfile(empty_database, folder / "mlflow.db")
    rng = random.Random(0)
    pairs = zip(CLASSES * 60, ("neg", "pos") * 60, strict=True)
    rows = [{"text": f"{invented_text(tone, rng)} {TEXT}", "label": label} for label, tone in pairs]
    source = write_rows(folder / "reviews.csv", rows)
    cleaning = [f"dataset.cleaning.{step}=false" for step in ("strip_br", "lower_case", "strip_punctuation")]
    dataset = ["dataset=table", f"dataset.source={source}", "dataset.text_column=text", "dataset.label_column=label"]
    rest = ["dataset.text_length=300", "dataset.alphabet.size=80", "learning_rule=frozen"]
    one = [*cleaning, "model.vocab_size=200", "dataset.batch_size=8", f"output_dir={folder}", "trainer.max_epochs=1"]
    assert main(["train", *without("dataset", "learning_rule"), *dataset, *rest, *one]) == 0
    (run,) = Store(folder).runs()
    assert main(["explain", run.run_id, "--output-dir", str(folder), "--", TEXT]) == 0
    (made,) = (run.artifacts / "explanations").iterdir()
    return made


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> "Iterator[webdriver.Chrome]":
    with browsing(tmp_path_factory.mktemp("profile"), (1000, 1200)) as driver:
        yield driver


def test_nothing_of_text_and_classes_runs(browser: "webdriver.Chrome", page: Path) -> None:
    browser.get(page.as_uri())
    assert browser.find_element(By.CLASS_NAME, "text").text == TEXT
    assert browser.title != "owned"
    assert browser.title.removesuffix(": a text explained") in CLASSES
    assert browser.find_element(By.TAG_NAME, "h1").text in CLASSES
    for tag in ("script", "img", "b", "i", "svg", "iframe"):
        assert browser.find_elements(By.TAG_NAME, tag) == []
    towards = {cell.text for cell in browser.find_elements(By.CSS_SELECTOR, ".tokens td:last-child")}
    assert towards <= {*CLASSES, ""}
    assert browser.execute_script("return document.querySelectorAll('[onerror],[onmouseover],[onload]').length") == 0
    with pytest.raises(NoAlertPresentException):
        _ = browser.switch_to.alert
    assert requested_by(page, browser) == [page.as_uri()]


def requested_by(page: Path, browser: "webdriver.Chrome") -> list[str]:
    """What the browser fetched for the page; its own start page fetches, too."""
    events = [json.loads(entry["message"])["message"] for entry in browser.get_log("performance")]
    requests = [event["params"] for event in events if event["method"] == "Network.requestWillBeSent"]
    return [request["request"]["url"] for request in requests if request["documentURL"] == page.as_uri()]


def test_even_a_script_that_came_in_would_not_run(browser: "webdriver.Chrome", page: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken.html"
    html = page.read_text(encoding="utf-8").replace("<h1>", "<script>document.title='owned'</script><h1>")
    broken.write_text(html, encoding="utf-8")
    browser.get(broken.as_uri())
    assert browser.title != "owned"
    assert any("Content Security Policy" in entry["message"] for entry in browser.get_log("browser"))


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_can_be_read(browser: "webdriver.Chrome", page: Path, scheme: str) -> None:
    media = [{"name": "prefers-color-scheme", "value": scheme}]
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": media})
    browser.get(page.as_uri())
    by_strength = "[...document.querySelectorAll('.text span')].sort((a, b) => strength(b) - strength(a))"
    strength = "const strength = span => span.style.getPropertyValue('--s');"
    strongest = browser.execute_script(f"{strength} return {by_strength}[0]")
    assert browser.execute_script(f"{strength} return strength(arguments[0])", strongest) > "0.5"
    assert '"' in str(strongest.get_attribute("title"))
    ink = brightness(strongest.value_of_css_property("color"))
    paper = brightness(browser.find_element(By.TAG_NAME, "body").value_of_css_property("background-color"))
    assert (ink < 100 and paper > 230) if scheme == "light" else (ink > 200 and paper < 50)
    # The colour lies over the paper, and the letters stay apart from both.
    red, green, blue, alpha = numbers(strongest.value_of_css_property("background-color"))
    over = alpha * (red + green + blue) / 3 + (1 - alpha) * paper
    assert abs(over - paper) > 25
    assert abs(over - ink) > 75
    wide = browser.execute_script("return document.documentElement.scrollWidth <= window.innerWidth")
    assert wide, "the page has to be moved sideways"
    if folder := os.environ.get("TOKENLAYER_SCREENSHOTS"):
        Path(folder).mkdir(parents=True, exist_ok=True)
        browser.save_screenshot(str(Path(folder) / f"explanation_{scheme}.png"))


def numbers(colour: str) -> list[float]:
    """`rgb(1, 2, 3)` or `rgba(1, 2, 3, 0.4)`."""
    found = [float(number) for number in colour[colour.index("(") + 1 : -1].split(",")]
    return found if len(found) == 4 else [*found, 1.0]


def brightness(colour: str) -> float:
    return sum(numbers(colour)[:3]) / 3

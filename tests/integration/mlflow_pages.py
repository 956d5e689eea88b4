"""Pages of MLflow's UI in a headless Chromium; the tests that import this are skipped without one.

TOKENLAYER_SCREENSHOTS names a folder for pictures of the pages.
"""

import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from browsers import By, webdriver

WebDriverWait = pytest.importorskip("selenium.webdriver.support.ui").WebDriverWait

SIZE = (1600, 1200)
SECONDS = 90


@contextmanager
def served(output_dir: Path, *options: str) -> Iterator[list[str]]:
    """`tokenlayer ui` over the store of a folder; gives the addresses that it prints."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    log = output_dir / "ui.log"
    with log.open("w") as output:
        server = subprocess.Popen(
            [sys.executable, "-m", "tokenlayer", "ui", *options, "--port", str(port), f"output_dir={output_dir}"],
            stdout=output,
            stderr=subprocess.STDOUT,
            env=os.environ | {"MLFLOW_WORKERS": "1"},  # not four processes that each import MLflow
            start_new_session=True,
        )
    try:
        _wait_for(f"http://127.0.0.1:{port}/health", server, log)
        yield [word for word in log.read_text().split() if word.startswith(f"http://127.0.0.1:{port}/#")]
    finally:
        server.terminate()
        server.wait(SECONDS)


def _wait_for(url: str, server: subprocess.Popen[bytes], log: Path) -> None:
    end = time.monotonic() + SECONDS
    while time.monotonic() < end and server.poll() is None:
        try:
            urllib.request.urlopen(url, timeout=5).close()
            return
        except OSError:
            time.sleep(0.2)
    raise AssertionError(log.read_text())


class Page:
    """A page of the UI, waited for by what it says."""

    def __init__(self, browser: "webdriver.Chrome", url: str) -> None:
        self.browser = browser
        browser.get("about:blank")  # otherwise a change behind the # loads nothing
        browser.get(url)

    def until(self, condition: Callable[[], Any], otherwise: str) -> Any:
        """What the condition gives as soon as that is true."""
        return WebDriverWait(self.browser, SECONDS).until(lambda _: condition(), otherwise)

    def says(self, *texts: str) -> str:
        """The text of the page when it holds all of these."""
        self.until(lambda: all(text in self.text for text in texts), f"{texts} not in: {self.text}")
        return self.text

    @property
    def text(self) -> str:
        return str(self.browser.find_element(By.TAG_NAME, "body").text)

    def has(self, selector: str, least: int = 1) -> list[Any]:
        """The elements, when there are so many."""

        def found() -> list[Any]:
            elements = list(self.browser.find_elements(By.CSS_SELECTOR, selector))
            return elements if len(elements) >= least else []

        return list(self.until(found, f"fewer than {least} of {selector}"))

    def runs(self, script: str, *arguments: Any) -> Any:
        """What a script returns on the page."""
        return self.browser.execute_script(script, *arguments)

    def close(self, *selectors: str) -> None:
        """Close what lies beside the page, where it is there."""
        for selector in selectors:
            for button in self.browser.find_elements(By.CSS_SELECTOR, selector):
                button.click()

    def errors(self) -> list[str]:
        """What scripts have thrown since this was last asked."""
        entries = self.browser.get_log("browser")
        return [entry["message"] for entry in entries if entry["source"] == "javascript"]

    def photograph(self, name: str) -> None:
        folder = os.environ.get("TOKENLAYER_SCREENSHOTS")
        if folder:
            Path(folder).mkdir(parents=True, exist_ok=True)
            self.browser.save_screenshot(str(Path(folder) / f"{name}.png"))

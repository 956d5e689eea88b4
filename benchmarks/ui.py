"""Seconds until MLflow's UI shows the curves of a long run, and of a short one: `python -m benchmarks.ui [--steps N]`.

In a headless Chromium, which has loaded the page's scripts before. Every step of a run has two metrics.
"""

from __future__ import annotations

import argparse
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from shutil import which
from statistics import median

import requests
from selenium import webdriver
from selenium.webdriver.support.ui import WebDriverWait

from benchmarks.tracking import write_long_run
from tokenlayer.tracking.config import TrackingConfig
from tokenlayer.tracking.ui_pages import pages_of

SHORT = 100
AT_MOST = 3.0
"""Seconds until the curves of a run of 100,000 steps are seen."""
_SECONDS = 120
_FLAGS = ("--headless=new", "--no-sandbox", "--disable-gpu", "--window-size=1600,1200")
_CURVES = "return document.querySelectorAll('.js-plotly-plot .scatterlayer .trace .lines path').length"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.ui", description="How fast MLflow's UI shows a run.")
    parser.add_argument("--steps", type=int, default=100_000, help="of the long run (default: %(default)s)")
    parser.add_argument("--rounds", type=int, default=5, help="visits of each page, in turns (default: %(default)s)")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        runs = {steps: write_long_run(TrackingConfig(), Path(folder), steps)[0] for steps in (SHORT, given.steps)}
        with served(Path(folder)) as address, browsing(Path(folder, "profile")) as browser:
            pages = {steps: charts_page(address, Path(folder), run_id) for steps, run_id in runs.items()}
            seconds_to_curves(browser, pages[SHORT])  # loads the scripts
            taken: dict[int, list[float]] = {steps: [] for steps in pages}
            for _ in range(given.rounds):
                for steps, page in pages.items():
                    taken[steps].append(seconds_to_curves(browser, page))
    for steps, seconds in taken.items():
        each = " ".join(f"{value:.2f}" for value in seconds)
        print(f"{steps:>9,} steps: {median(seconds):.2f} s ({each})")
    print(f"{given.steps:,} steps may take {AT_MOST:g} s")


def charts_page(address: str, folder: Path, run_id: str) -> str:
    """The address of the charts of a run."""
    return address + pages_of(run_id, None, folder).pages[1].path


def seconds_to_curves(browser: webdriver.Chrome, page: str) -> float:
    """Open a page, and wait for two curves."""
    browser.get("about:blank")  # otherwise a change behind the # loads nothing
    began = time.perf_counter()
    browser.get(page)
    WebDriverWait(browser, _SECONDS, 0.02).until(lambda _: browser.execute_script(_CURVES) >= 2)
    return time.perf_counter() - began


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """`tokenlayer ui` over the store of a folder; gives its address."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
    line = [sys.executable, "-m", "tokenlayer", "ui", "--port", str(port), "--output-dir", str(folder)]
    with (folder / "ui.log").open("w") as log:
        server = subprocess.Popen(line, stdout=log, stderr=log)
    try:
        address, end = f"http://127.0.0.1:{port}/", time.monotonic() + _SECONDS
        while True:
            try:
                requests.get(f"{address}health", timeout=5)
                break
            except requests.RequestException:
                if time.monotonic() > end or server.poll() is not None:
                    raise RuntimeError((folder / "ui.log").read_text()) from None
                time.sleep(0.2)
        yield address
    finally:
        server.terminate()
        server.wait(_SECONDS)


@contextmanager
def browsing(profile: Path) -> Iterator[webdriver.Chrome]:
    """A headless Chromium with a profile of its own."""
    options = webdriver.ChromeOptions()
    options.binary_location = next(filter(None, map(which, ("chromium", "chromium-browser", "google-chrome"))), "")
    for flag in (*_FLAGS, f"--user-data-dir={profile}"):
        options.add_argument(flag)
    driver = webdriver.Chrome(options, webdriver.ChromeService(which("chromedriver")))
    try:
        yield driver
    finally:
        driver.quit()


if __name__ == "__main__":
    main()

"""A headless Chromium, where there is one with its driver."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from selenium import webdriver
from selenium.webdriver.chrome.service import Service

_PROGRAMS = ("chromium", "chromium-browser", "google-chrome")


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[webdriver.Chrome]:
    """One for all tests; nothing that it needs is downloaded."""
    program = next(filter(None, map(shutil.which, _PROGRAMS)), None)
    driver = shutil.which("chromedriver")
    if program is None or driver is None:
        missing = "Chromium" if program is None else "chromedriver"
        pytest.skip(f"{missing} is not installed; on Debian: apt-get install chromium chromium-driver")
    options = webdriver.ChromeOptions()
    options.binary_location = program
    profile: Path = tmp_path_factory.mktemp("profile")
    options.add_argument("--headless=new")
    options.add_argument(f"--user-data-dir={profile}")
    options.add_argument("--window-size=1200,900")
    options.add_argument("--disable-dev-shm-usage")  # /dev/shm is small in containers
    options.add_argument("--host-resolver-rules=MAP * ~NOTFOUND")  # a page that asks the network is seen to fail
    if os.geteuid() == 0:
        options.add_argument("--no-sandbox")  # Chromium refuses to run as root with one
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    with webdriver.Chrome(options=options, service=Service(executable_path=driver)) as found:
        found.set_script_timeout(60)
        yield found

"""report.html of a real run, clicked through in a real browser."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.ui import WebDriverWait

pytestmark = pytest.mark.browser

CHILDREN = """\
children:
  victim:
    steps:
      - send: {count: 30}
      - send: {count: 30, type: other}
    faults:
      - crash: {signal: SIGSEGV}
        at: {message: 20}
  sibling:
    steps:
      - send: {count: 30}
      - send: {count: 30, type: other}
"""
FAILS = f"name: Better than it was\ntags: [wrong]\n{CHILDREN}expect: {{victim: {{outcome: completed}}}}\n"
PASSES = f"name: A bad pointer\n{CHILDREN}expect: {{victim: {{outcome: signaled}}}}\n"

#: A child that says in every way open to it what a browser or a terminal would obey.
ACTIONS = """\
import sys
from gostage_sim import gostage

EVIL = "<script>window.owned = 1</script><img src=x onerror='window.owned = 2'></script>\\x1b[31m\\u202e"

@gostage.action("say.evil")
def say(ctx):
    print(EVIL, file=sys.stderr, flush=True)
    ctx.send(EVIL, {EVIL: EVIL})
    ctx.send("progress", {EVIL: EVIL})
    ctx.store.put(EVIL, EVIL)
    raise ValueError(EVIL)
"""
EVIL = """\
name: <script>window.owned = 3</script>
imports: [evil]
children:
  evil:
    steps:
      - send: {count: 30}
      - call: evil:say
expect: {evil: {outcome: completed}}
"""


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of three scenarios: one passes, one fails, and one has a hostile child, and fails too."""
    folder = tmp_path_factory.mktemp("run")
    (folder / "scenarios").mkdir()
    for name, text in (("fails", FAILS), ("passes", PASSES), ("evil", EVIL)):
        (folder / "scenarios" / f"{name}.yaml").write_text(text)
    (folder / "scenarios" / "evil.py").write_text(ACTIONS)
    done = subprocess.run(
        [sys.executable, "-m", "gostage_sim", "run", "scenarios", "--transport", "json", "--report", "out"],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        timeout=200,
    )
    assert (done.returncode, done.stderr) == (1, ""), done.stdout
    return folder / "out" / "report.html"


@pytest.fixture
def page(browser: webdriver.Chrome, report: Path) -> Iterator[Page]:
    """The page, just opened. At the end it has not complained, and nothing of the child's has run."""
    browser.get(report.as_uri())
    # Chromium drops keys that come before the first frame is painted.
    painted = "const done = arguments[0]; requestAnimationFrame(() => requestAnimationFrame(() => done()))"
    browser.execute_async_script(painted)
    yield Page(browser)
    assert browser.execute_script("return window.owned") is None
    assert [entry for entry in browser.get_log("browser") if entry["level"] == "SEVERE"] == []  # type: ignore[no-untyped-call]


class Page:
    """What a person does with it."""

    def __init__(self, browser: webdriver.Chrome) -> None:
        self.browser = browser

    def all(self, selector: str) -> list[WebElement]:
        return [found for found in self.browser.find_elements(By.CSS_SELECTOR, selector) if found.is_displayed()]

    def texts(self, selector: str) -> list[str]:
        return [found.text for found in self.all(selector)]

    def press(self, *keys: str) -> None:
        webdriver.ActionChains(self.browser).send_keys(*keys).perform()

    def drawn(self) -> list[WebElement]:
        """The charts of the result that is open, when all are drawn."""

        def charts(_: webdriver.Chrome) -> list[WebElement]:
            found = self.browser.find_elements(By.CSS_SELECTOR, "#detail .chart")
            return found if all(each.get_attribute("data-drawn") is not None for each in found) else []

        return WebDriverWait(self.browser, 60).until(charts)

    def open(self, scenario: str) -> None:
        next(row for row in self.all("#matrix tbody tr") if scenario in row.text).find_element(
            By.CSS_SELECTOR, "a.case"
        ).click()
        self.drawn()


def test_the_overview(page: Page) -> None:
    """The verdict, what did not pass, and the matrix; a click opens the failure with what it is about."""
    assert page.texts("h1 .verdict") == ["fail"]
    assert "A bad pointer" in " ".join(page.texts("#matrix th"))
    failures = page.all("#failures .failure")
    assert len(failures) == 2
    (failure,) = [each for each in failures if "Better than it was" in each.text]
    assert "as-expected fail: outcome of victim is signaled, completed expected" in failure.text
    assert "scenarios/fails.yaml:9" in failure.text
    failure.find_element(By.CSS_SELECTOR, "a.case").click()
    page.drawn()
    assert page.all("#overview") == []
    assert "Better than it was" in page.all("#title")[0].text
    assert page.texts("#detail h2")[1] == "What did not hold"


def test_the_detail(page: Page) -> None:
    """Charts with data in them, fault from plan to witness, ledger, children, and the line of the fault."""
    page.open("A bad pointer")
    assert "What did not hold" not in page.texts("#detail h2")
    names = [chart.get_attribute("data-chart") for chart in page.drawn()]
    assert names == ["timeline", "latency", "ledger", "parent"]
    detail = page.all("#detail")[0].text
    for words in ("killed by SIGSEGV", "planned", "armed", "fired", "until its child was gone", "none"):
        assert words in detail
    assert "handled messages, aggregated in columns of" in page.all("#aggregated")[0].text
    ticks = page.texts('[data-chart="timeline"] .ytick')
    assert sorted(ticks) == ["parent", "recovery", "sibling", "victim"]
    assert "SIGSEGV" in page.all('[data-chart="timeline"]')[0].text
    points = page.browser.execute_script(
        "return document.querySelector('[data-chart=ledger]').data.map((each) => [each.name, Math.max(...each.y)])"
    )
    assert {"victim handled", "sibling handled"} <= {name for name, _ in points}
    assert all(most > 0 for _, most in points)
    assert "The handler itself, of " in detail
    (fault,) = page.all(".source .fault")
    assert fault.text.strip() == "- crash: {signal: SIGSEGV}"
    assert fault.get_attribute("data-line") == "8"
    assert page.texts("#detail .command")[0].startswith("gostage-sim run scenarios/passes.yaml ")


def test_only_with_the_keyboard(page: Page) -> None:
    """Down to a result, open it, on to the next, back; filter; hide what passed; the theme."""
    page.press("j", Keys.ENTER)
    page.drawn()
    first = page.all("#title")[0].text
    page.press("j")
    WebDriverWait(page.browser, 60).until(lambda _: page.all("#title")[0].text != first)
    page.press(Keys.ESCAPE)
    WebDriverWait(page.browser, 60).until(lambda _: page.all("#overview"))
    page.press("f")
    assert page.texts("#shown") == ["2 of 3 scenarios"]
    page.press("f", "/", "pointer")
    assert page.texts("#shown") == ["1 of 3 scenarios"]
    page.press(Keys.ESCAPE, "?")
    assert page.all("#help")
    page.press("t")
    assert page.browser.find_element(By.TAG_NAME, "html").get_attribute("data-theme") == "dark"


def test_light_and_dark(page: Page) -> None:
    """The page follows the system, and its button overrules that."""

    def paper() -> str:
        return page.browser.find_element(By.TAG_NAME, "body").value_of_css_property("background-color")

    def prefer(scheme: str) -> None:
        feature = {"name": "prefers-color-scheme", "value": scheme}
        page.browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [feature]})

    prefer("light")
    light = paper()
    prefer("dark")
    dark = paper()
    assert light != dark
    page.press("t", "t")  # dark, then light
    assert paper() == light
    prefer("light")


def test_what_a_child_said_is_only_text(page: Page) -> None:
    """Markup is shown, escapes of a terminal are visible, in name, reason, stderr and store; nothing of it acts."""
    assert "<script>window.owned = 3</script>" in " ".join(page.texts("#matrix th"))
    assert page.browser.find_elements(By.CSS_SELECTOR, "main script, main img") == []
    page.open("window.owned")
    detail = page.all("#detail")[0].text
    assert "<img src=x onerror='window.owned = 2'></script>" in page.all("#detail .stderr")[0].text
    assert "\\x1b[31m\\u202e" in detail
    assert "\x1b" not in detail
    assert page.browser.find_elements(By.CSS_SELECTOR, "#detail script, #detail img") == []


def test_a_script_that_got_in_would_not_run(page: Page) -> None:
    """The page's own policy is the second lock: neither a script nor a handler that somebody adds is obeyed."""
    page.browser.execute_script(
        """
        const script = document.createElement("script");
        script.textContent = "window.sneaked = 1";
        document.body.append(script);
        document.body.insertAdjacentHTML("beforeend", "<img src=x onerror='window.sneaked = 2'>");
        """
    )
    assert page.browser.execute_script("return window.sneaked") is None
    refused = [entry["message"] for entry in page.browser.get_log("browser")]  # type: ignore[no-untyped-call]
    assert any("Content Security Policy" in message for message in refused)


def test_print(page: Page) -> None:
    """On paper there are no controls, and dark is light."""
    page.browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
    assert page.all(".tools") == page.all(".filters") == []
    assert page.all("#matrix")
    page.browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": ""})

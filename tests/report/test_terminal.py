"""The terminal: plain lines, the live display, and which of the two."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from gostage_sim.guarantees.contract import Verdict
from gostage_sim.harness.result import ScenarioResult
from gostage_sim.report import lines, summary
from gostage_sim.report.escape import visible_line
from gostage_sim.report.live import LiveTerminal
from gostage_sim.report.run_report import NotRun, Run
from gostage_sim.report.terminal import PlainTerminal, terminal_for
from gostage_sim.scenario.model import Child, Scenario, Send
from gostage_sim.scenario.transports import Case

MakeResult = Callable[..., ScenarioResult]
MakeRun = Callable[..., Run]

REPORTS = Path("reports/latest")


class Screen(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.fixture
def screen(monkeypatch: pytest.MonkeyPatch) -> Screen:
    for name in ("NO_COLOR", "CI", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLUMNS", "100")
    return Screen()


def case(name: str) -> Case:
    """Not validated: the display must stand what a file cannot hold, too."""
    children = {"victim": Child(steps=(Send(),))}
    return Case(Scenario.model_construct(name=name, children=children, file="scenarios/crash/a.yaml"), "json")


def test_plain_lines(make_result: MakeResult, make_run: MakeRun) -> None:
    """A line when one is finished, the table with nothing cut off, failures last with the command to repeat them."""
    results = make_result(), make_result(Verdict.FAIL, "message 7 came twice", scenario="B")
    run = make_run(*results, not_run=(NotRun("C", "c", "json"),), interrupted=True)
    stream = io.StringIO()
    with PlainTerminal(stream, 3) as terminal:
        terminal.opening(run, 3)
        for result in results:
            terminal.started(case(result.scenario))
            terminal.finished(result)
    terminal.show(run, REPORTS)
    assert (
        stream.getvalue()
        == """\
3 scenarios, transport json, 2 workers, seed 42
[1/3] pass    A bad pointer (json, 1.25s)
[2/3] fail    B (json, 1.25s): message 7 came twice

scenario       transport  verdict  duration  reason
A bad pointer  json       pass     1.25s
B              json       fail     1.25s     message 7 came twice

fail: B (scenarios/crash/a.yaml, json, seed 42)
  order fail: message 7 came twice
  the end of stderr of message 7 came twice (pid 17, SIGSEGV):
    | message 7 came twice
  repeat: gostage-sim run a

2 scenarios: 1 pass, 0 unknown, 1 fail in 2.5s, seed 42
1 scenario without a result: the run was interrupted
reports: reports/latest/report.json
"""
    )


def test_quiet_shows_failures_and_the_count(make_result: MakeResult, make_run: MakeRun) -> None:
    """With --quiet a passing run is two lines, the seed among them."""
    stream = io.StringIO()
    terminal = PlainTerminal(stream, 1, quiet=True)
    terminal.opening(make_run(), 1)
    terminal.finished(make_result())
    terminal.show(make_run(make_result()), REPORTS)
    assert stream.getvalue() == (
        "1 scenario: 1 pass, 0 unknown, 0 fail in 2.5s, seed 42\nreports: reports/latest/report.json\n"
    )


def test_the_live_display_names_what_runs(screen: Screen, make_run: MakeRun, make_result: MakeResult) -> None:
    """While scenarios run their names and the count are on the screen; a failure scrolls by at once."""
    terminal = LiveTerminal(screen, 3)
    terminal.opening(make_run(), 3)
    with terminal:
        terminal.started(case("A bad pointer"))
        terminal.started(case("B"))
        terminal.finished(make_result(Verdict.FAIL, "lost", scenario="B"))
    shown = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", screen.getvalue())
    assert "3 scenarios, transport json, 2 workers, seed 42" in shown
    assert "[1/3] fail    B (json, 1.25s): lost" in shown
    assert shown.rstrip().endswith("1/3\n  A bad pointer (json)")


def test_verdicts_are_coloured(screen: Screen, make_run: MakeRun, make_result: MakeResult) -> None:
    """Green, red and yellow words in the table; the command to repeat a failure in one piece however narrow it is."""
    command = "gostage-sim run " + "x" * 300
    results = [make_result(verdict, "said", reproduce=command) for verdict in Verdict]
    LiveTerminal(screen, 3).show(make_run(*results), REPORTS)
    shown = screen.getvalue()
    assert re.search(r"\x1b\[32mpass *\x1b\[0m", shown)
    assert re.search(r"\x1b\[1;31mfail *\x1b\[0m", shown)
    assert re.search(r"\x1b\[33munknown\x1b\[0m", shown)
    assert command in shown


@pytest.mark.parametrize(
    ("transport", "one", "two"), [("grpc", "1 scenario", "2 scenarios"), ("all", "1 case", "2 cases")]
)
def test_what_is_counted(make_run: MakeRun, make_result: MakeResult, transport: str, one: str, two: str) -> None:
    """On all transports a scenario has a result for each, so what is counted are not scenarios."""
    run = replace(make_run(make_result(), make_result()), transport=transport)
    (opening,) = lines.opening(run, 1)
    assert lines.text(opening).startswith(f"{one}, transport {transport}, ")
    assert lines.text(next(iter(lines.closing(run, REPORTS)))).startswith(f"{two}: 2 pass, ")
    assert summary.render(run).splitlines()[2].startswith(f"{two}: 2 pass, ")


@pytest.mark.parametrize("no_color", ["", "1"])
def test_a_narrow_terminal(
    screen: Screen, monkeypatch: pytest.MonkeyPatch, make_run: MakeRun, make_result: MakeResult, no_color: str
) -> None:
    """Where columns of a table would be of single letters, each result is a sentence."""
    monkeypatch.setenv("COLUMNS", "20")
    results = make_result(), make_result(Verdict.FAIL, "message 7 came twice", scenario="B")
    terminal = terminal_for(screen, {"NO_COLOR": no_color, "TERM": "xterm-256color"}, 2)
    with terminal:
        terminal.started(case("A bad pointer"))
    terminal.show(make_run(*results), REPORTS)
    shown = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", screen.getvalue())
    assert ("━" in shown) == ("0/2" in shown) == (not no_color)
    assert "pass A bad pointer (json, 1.25s)\nfail B (json, 1.25s): message 7 came twice\n\nfail: B (" in shown
    assert "verdict" not in shown


def test_no_child_reaches_the_terminal(
    screen: Screen, make_run: MakeRun, make_result: MakeResult, hostile: str
) -> None:
    """What a child said is on the screen with its control characters as escapes, and markup is no markup."""
    said = f"x{hostile}x"
    result = make_result(Verdict.FAIL, said, scenario=said, file=said, reproduce=said)
    plain = io.StringIO()
    for terminal in (PlainTerminal(plain, 1), LiveTerminal(screen, 1)):
        with terminal:
            terminal.started(case(said))
            terminal.finished(result)
        terminal.show(make_run(result), REPORTS)
    assert not {c for c in plain.getvalue() if not c.isprintable()} - {"\n"}
    of_rich = re.sub(r"\x1b\[[0-9;?]*[A-Za-ln-z]|\x1b\[[0-9;]*m", "", screen.getvalue())
    assert not {c for c in of_rich if not c.isprintable()} - {"\n", "\r"}
    assert f"repeat: {visible_line(said)}" in plain.getvalue()
    assert f"repeat: {visible_line(said)}" in of_rich


@pytest.mark.parametrize(
    ("environ", "live"),
    [
        ({"TERM": "xterm"}, True),
        ({"TERM": "dumb"}, False),
        ({"CI": "true"}, False),
        ({"NO_COLOR": "1"}, False),
        ({"NO_COLOR": ""}, True),
    ],
)
def test_who_gets_the_live_display(environ: dict[str, str], live: bool) -> None:
    """A person at a terminal, unless the environment asks for plain text."""
    assert isinstance(terminal_for(Screen(), environ, 1), LiveTerminal) is live
    assert isinstance(terminal_for(io.StringIO(), environ, 1), PlainTerminal)
    assert isinstance(terminal_for(Screen(), environ, 1, quiet=True), PlainTerminal)

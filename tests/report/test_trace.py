"""trace.json, as Perfetto reads it."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from gostage_sim.guarantees.contract import Verdict
from gostage_sim.harness.result import ScenarioResult
from gostage_sim.history.model import Quarantined, SpawnReport
from gostage_sim.report import trace
from gostage_sim.report.picture.draw import draw
from gostage_sim.report.run_report import Run
from gostage_sim.report.source import Source
from gostage_sim.report.stories import Story

from ..guarantees.histories import history, messages, recovery, sibling, victim

MakeResult = Callable[..., ScenarioResult]
MakeRun = Callable[..., Run]


NO_TIMES = np.zeros(0, "u8"), np.zeros(0)


def story(result: ScenarioResult, reason: str = "bad") -> Story:
    bad = SpawnReport("signaled", None, "SIGSEGV", 100, malformed_count=1, malformed=(Quarantined(90, 5, reason, 3),))
    silent = replace(sibling(2), sent=messages([], []), handled=messages([], []))
    found = history(victim(report=bad), sibling(1), silent, recovery())
    return Story(result, Source(""), draw(found, lines={}, witnesses=["killed by SIGSEGV"], handlers=NO_TIMES))


def events(run: Run, *stories: Story) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(trace.render(run, stories))["traceEvents"]
    return found


def test_every_event_has_what_its_phase_needs(make_result: MakeResult, make_run: MakeRun) -> None:
    """A number of a process that has a name, a time that is not before the beginning, a length for a span."""
    run = make_run(make_result(), make_result())
    found = events(run, *map(story, run.results))
    named = {event["pid"] for event in found if event["name"] == "process_name"}
    assert len(named) == 2 * 5
    for event in found:
        assert event["pid"] in named
        assert isinstance(event["args"], dict)
        if event["ph"] != "M":
            assert event["ts"] >= 0
    assert {event["ph"] for event in found} == {"M", "X", "i", "C"}
    assert all(event["dur"] >= 0 for event in found if event["ph"] == "X")
    assert all(event["s"] == "t" for event in found if event["ph"] == "i")


def test_what_happened_is_in_it(make_result: MakeResult, make_run: MakeRun) -> None:
    """Processes with their end, the fault with its witness, the bad line, and every message once."""
    run = make_run(make_result())
    found = events(run, story(run.results[0]))
    names = [event["name"] for event in found]
    for name in ("victim: SIGSEGV", "sibling[1]: exit 0", "spawn", "exit: SIGSEGV", "quarantine", "crash armed"):
        assert name in names
    (crash,) = [event for event in found if event["name"] == "crash"]
    assert (crash["dur"], crash["args"]["witness"]) == (50_000.0, "killed by SIGSEGV")
    counts = [event["args"] for event in found if event["name"] == "messages"]
    assert sum(each["handled"] for each in counts) == 20 + 30 + 3
    assert counts[-1] == {"sent": 0, "handled": 0}


def test_a_hostile_line_is_text(make_result: MakeResult, make_run: MakeRun, hostile: str) -> None:
    """Whatever a child says, a terminal shows the file and a parser reads it."""
    run = make_run(make_result(scenario=f"x{hostile}"))
    text = trace.render(run, [story(run.results[0], hostile)])
    json.loads(text)
    assert not {c for c in text if not c.isprintable()} - {"\n"}


def test_it_is_bounded(make_result: MakeResult, make_run: MakeRun, monkeypatch: pytest.MonkeyPatch) -> None:
    """Counts of what did not pass come first, those of others may be left out, which the file says."""
    run = make_run(make_result(), make_result(Verdict.FAIL))
    one = sum(event["ph"] == "C" for event in events(run, story(run.results[1])))
    monkeypatch.setattr(trace, "MOST_COUNTS", one)
    document = json.loads(trace.render(run, list(map(story, run.results))))
    assert {event["pid"] // 1000 for event in document["traceEvents"] if event["ph"] == "C"} == {2}
    assert {event["pid"] // 1000 for event in document["traceEvents"]} == {1, 2}
    assert document["otherData"]["without counts of messages, which would make the file too large"] == "1"


def test_a_run_without_histories(make_result: MakeResult, make_run: MakeRun) -> None:
    """An empty trace is one too."""
    run = make_run(make_result())
    assert events(run, Story(run.results[0], Source(""), None, "none was kept")) == []

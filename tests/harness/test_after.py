"""Faults that strike after a message of another child."""

from __future__ import annotations

from pathlib import Path

import pytest

from gostage_sim.guarantees.contract import Verdict
from gostage_sim.harness.observer import run_scenario
from gostage_sim.harness.result import ScenarioResult
from gostage_sim.history.collect import collect
from gostage_sim.history.model import History
from gostage_sim.scenario.loader import parse_text
from gostage_sim.scenario.model import TRANSPORTS, Transport

VICTIM = """\
name: x
children:
  victim:
    steps: [log: begin, send: 60]
    faults: [{fault}]
"""
OTHER = "  {name}:\n    steps: [log: begin, send: 90]\n"
CRASH = "{{crash: {{signal: SIGSEGV}}, at: {{{at}after: {{child: '{child}', message: {message}}}}}}}"


def crash_after(child: str, message: int, at: str = "") -> str:
    return CRASH.format(child=child, message=message, at=at)


def run(text: str, tmp_path: Path, transport: Transport = "json") -> tuple[ScenarioResult, History]:
    result = run_scenario(parse_text(text, "x.yaml"), seed=7, transport=transport, histories=tmp_path)
    return result, collect(Path(result.extra["history"]))


def sent_before_it_fired(history: History, child: str) -> int:
    """How many messages this child had sent when the victim was struck."""
    fired = history.children[0].faults[0].fired_ns
    assert fired is not None
    (rows,) = [each.sent.rows for each in history.children if each.name == child]
    return int((rows["t_ns"] < fired).sum())


@pytest.mark.parametrize("transport", TRANSPORTS)
@pytest.mark.parametrize("message", [1, 45, 91])
def test_it_strikes_when_the_other_has_sent_that_many(message: int, transport: Transport, tmp_path: Path) -> None:
    """Before its own first step; also where the other would stand at a gate before, at the last message of all."""
    text = VICTIM.format(fault=crash_after("other", message)) + OTHER.format(name="other")
    result, history = run(text, tmp_path, transport)
    assert (result.verdict, result.reason) == (Verdict.PASS, "")
    assert sent_before_it_fired(history, "other") >= message
    assert (result.children[0].signal, result.children[0].sent) == ("SIGSEGV", 0)


def test_it_waits_at_a_message_of_its_own(tmp_path: Path) -> None:
    """At both points the other may be the last: here it is a copy, and its message comes after its gate."""
    other = OTHER.format(name="other") + "    copies: 2\n"
    text = VICTIM.format(fault=crash_after("other[2]", 80, "message: 30, ")) + other
    result, history = run(text, tmp_path)
    assert (result.verdict, result.reason) == (Verdict.PASS, "")
    assert sent_before_it_fired(history, "other[2]") >= 80
    assert result.children[0].sent == 30


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_the_last_message_of_one_that_dies_of_it_counts(transport: Transport, tmp_path: Path) -> None:
    """Its word comes before its end, whichever of the two the observer wakes up for."""
    faults = "    faults: [{kill: {signal: SIGKILL}, at: {message: 40}}]\n"
    text = VICTIM.format(fault=crash_after("other", 40)) + OTHER.format(name="other") + faults
    result, history = run(text, tmp_path, transport)
    assert (result.verdict, result.reason) == (Verdict.PASS, "")
    assert sent_before_it_fired(history, "other") == 40


def test_what_never_comes_is_waited_for_in_vain(tmp_path: Path) -> None:
    """The child goes on to its end, the fault did not fire, and that is no pass."""
    faults = "    faults: [{exit: {how: hard}, at: {message: 39}}]\n"
    text = VICTIM.format(fault=crash_after("other", 40)) + OTHER.format(name="other") + faults
    result, _ = run(text, tmp_path)
    assert (result.verdict, result.reason) == (
        Verdict.UNKNOWN,
        "fault-fired: crash (victim#1) of victim was armed but never fired: "
        "its point (step 1, after message 40 of other) was not reached",
    )
    assert (result.children[0].outcome, result.children[0].handled) == ("completed", 61)


def test_two_may_wait_for_each_other_one_after_the_other(tmp_path: Path) -> None:
    """Each has sent what the other waits for when it waits itself."""
    faults = f"    faults: [{crash_after('victim', 30, 'message: 40, ')}]\n"
    text = VICTIM.format(fault=crash_after("other", 40, "message: 30, ")) + OTHER.format(name="other") + faults
    result, history = run(text, tmp_path)
    assert (result.verdict, result.reason) == (Verdict.PASS, "")
    assert [child.sent for child in result.children[:2]] == [30, 40]
    assert sent_before_it_fired(history, "other") == 40


def test_in_a_later_wave_children_wait_too(tmp_path: Path) -> None:
    """Where nobody stands at gates."""
    later = OTHER.format(name="other") + "    wave: 2\n"
    text = VICTIM.format(fault="{noop: , at: {message: 3}}").replace("victim:", "first:") + later
    text += VICTIM.format(fault=crash_after("other", 91)).partition("children:\n")[2] + "    wave: 2\n"
    result, history = run(text, tmp_path)
    assert (result.verdict, result.reason) == (Verdict.PASS, "")
    (fault,) = [fault for fault in history.faults if fault.kind == "crash"]
    (other,) = [child for child in history.children if child.name == "other"]
    assert fault.fired_ns is not None
    assert fault.fired_ns > other.sent.rows["t_ns"][90]


@pytest.mark.parametrize("kind", ["kill: {signal: SIGKILL}", "exit: {how: hard}", "freeze: {duration: 50ms}", "noop:"])
def test_whatever_strikes_in_the_child_can_be_placed_so(kind: str, tmp_path: Path) -> None:
    """By itself and from outside, once and for a while."""
    fault = "{" + kind + " , at: {message: 30, after: {child: other, message: 70}}}"
    result, history = run(VICTIM.format(fault=fault) + OTHER.format(name="other"), tmp_path)
    assert (result.verdict, result.reason) == (Verdict.PASS, "")
    assert sent_before_it_fired(history, "other") >= 70

"""Points that are more than one: faults that repeat, that end, and that the seed may leave out."""

from __future__ import annotations

import pytest

from gostage_sim.guarantees.contract import Verdict
from gostage_sim.harness.observer import run_scenario
from gostage_sim.harness.result import ScenarioResult
from gostage_sim.scenario.loader import parse_text
from gostage_sim.scenario.model import TRANSPORTS, Transport

TEXT = """\
name: x
children:
  victim:
    copies: {copies}
    steps: [send: 90, send: {{count: 90, type: other}}]
    faults: [{{{fault}}}]
  sibling:
    steps: [send: 60, send: {{count: 60, type: other}}]
expect: {{victim: {{outcome: completed, handled: 180}}}}
"""


def run(fault: str, transport: Transport = "json", copies: int = 1) -> ScenarioResult:
    return run_scenario(parse_text(TEXT.format(fault=fault, copies=copies), "x.yaml"), seed=7, transport=transport)


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_a_window_ends_with_its_last_message(transport: Transport) -> None:
    """The journal shows the gaps before just these messages, although a hundred more were sent."""
    result = run("slow: {delay: 20ms}, at: {message: 40, until: 47}", transport)
    assert result.verdict is Verdict.PASS, result.reason
    (fault,) = result.faults
    assert str(fault.witness).endswith("before each of 7 messages")


def test_a_fault_that_repeats_is_witnessed_each_time() -> None:
    """Each has its own line in quarantine."""
    result = run("malformed: {form: not_json}, at: {message: 40, every: 25, times: 5}")
    assert result.verdict is Verdict.PASS, result.reason
    assert len({fault.witness for fault in result.faults}) == 5
    assert result.children[0].malformed == 5


def test_a_fault_that_was_not_chosen_is_not_missed() -> None:
    """It is told as not planned, and fault-fired counts the others."""
    result = run("exit: {code: 3, how: hard}, at: {message: 150}, probability: 0.5", copies=6)
    assert result.verdict is Verdict.FAIL  # of those that were chosen something else is expected
    planned = {fault.child: fault.planned for fault in result.faults}
    assert set(planned.values()) == {True, False}
    assert {child.name: child.outcome == "exited" for child in result.children if child.name in planned} == planned
    fired = next(each for each in result.guarantees if each.name == "fault-fired")
    assert (fired.verdict, len(fired.evidence["faults"])) == (Verdict.PASS, sum(planned.values()))
    assert all(fault.armed is fault.planned and (fault.witness is not None) is fault.planned for fault in result.faults)

"""Faults of the parent: around one spawn of several, and while a handler has a message."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from gostage_sim.faults.contract import Placement
from gostage_sim.guarantees.contract import Verdict
from gostage_sim.harness.observer import run_scenario
from gostage_sim.history.collect import collect
from gostage_sim.scenario.loader import parse_text
from gostage_sim.scenario.model import TRANSPORTS, Transport

from .conftest import MakeScenario

AT_MESSAGE_40 = Placement("message", message=40)


@pytest.mark.parametrize("transport", TRANSPORTS)
@pytest.mark.parametrize(
    ("kind", "params"),
    [
        ("pause", {"how": "stop", "duration": 0.05}),
        ("exhaust", {"what": "files"}),
        ("steal_status", {}),
        ("ignore_sigchld", {}),
    ],
)
def test_a_fault_strikes_while_a_handler_has_the_message(
    kind: str, params: dict[str, Any], transport: Transport, scenario: MakeScenario, tmp_path: Path
) -> None:
    """Ten messages of the child were handled then and no more, it lasts to the end of the spawn, and all hold."""
    made = scenario((kind, Placement("handler", handler=10), params), ("crash", AT_MESSAGE_40, {}))
    result = run_scenario(made, seed=7, transport=transport, histories=tmp_path)
    assert (result.verdict, result.reason) == (Verdict.PASS, "")
    history = collect(Path(result.extra["history"]))
    victim = history.children[0]
    fault = victim.faults[0]
    assert fault.fired_ns is not None
    assert fault.over_ns is not None
    assert victim.returned_ns is not None
    assert int((victim.handled.rows["t_ns"] < fault.fired_ns).sum()) == 10
    assert fault.over_ns > victim.returned_ns
    assert history.window is not None
    assert history.window.opened_ns < fault.fired_ns  # siblings were in the middle of their work


def test_a_message_that_is_never_handled_is_no_point(scenario: MakeScenario) -> None:
    """The child dies before: the fault did not fire, and nothing waits for it."""
    made = scenario(("crash", AT_MESSAGE_40, {}), ("ignore_sigchld", Placement("handler", handler=50), {}))
    result = run_scenario(made, seed=7, transport="json")
    assert result.verdict is Verdict.UNKNOWN
    assert result.reason == (
        "fault-fired: ignore_sigchld (victim#2) of victim was armed but never fired: "
        "its point (handler 50) was not reached"
    )
    assert result.children[0].signal == "SIGSEGV"


def test_two_spawns_are_struck_from_their_handlers_one_at_a_time(tmp_path: Path) -> None:
    """The second one waits with its message until the first spawn has returned."""
    text = """\
name: x
children:
  victim:
    copies: 2
    steps: [log: a, send: 60]
    faults: [{exhaust: {what: files}, at: {handler: 10}}]
expect: {victim: {outcome: completed, handled: 61}}
"""
    result = run_scenario(parse_text(text, "x.yaml"), seed=7, transport="json", histories=tmp_path)
    assert (result.verdict, result.reason) == (Verdict.PASS, "")
    one, other = sorted(collect(Path(result.extra["history"])).faults, key=lambda fault: fault.fired_ns or 0)
    assert one.over_ns is not None
    assert other.fired_ns is not None
    assert one.over_ns < other.fired_ns


@pytest.mark.parametrize("copy", [1, 3])
def test_one_copy_has_the_fault_and_the_others_are_siblings(copy: int) -> None:
    """What is expected of the child is expected of that copy."""
    text = f"""\
name: x
children:
  victim:
    copies: 3
    steps: [log: a, send: 60]
    faults: [{{unstartable: , at: {{spawn: {copy}}}}}]
expect: {{victim: {{outcome: start_failed}}}}
"""
    result = run_scenario(parse_text(text, "x.yaml"), seed=7, transport="json")
    assert (result.verdict, result.reason) == (Verdict.PASS, "")
    outcomes = {f"victim[{number}]": "completed" for number in (1, 2, 3)} | {f"victim[{copy}]": "start_failed"}
    assert {child.name: child.outcome for child in result.children} == outcomes | {"recovery": "completed"}
    assert [fault.child for fault in result.faults] == [f"victim[{copy}]"]
    (siblings,) = [each for each in result.guarantees if each.name == "siblings-unharmed"]
    assert siblings.reason.startswith("2 siblings sent before, during and after the faults")

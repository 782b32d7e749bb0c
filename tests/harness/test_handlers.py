"""Handlers of the parent that raise, block, spawn and leave: real processes, and what the history knows of it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from gostage_sim.faults.contract import Placement
from gostage_sim.guarantees.contract import Verdict
from gostage_sim.harness.observer import run_scenario
from gostage_sim.harness.result import ScenarioResult
from gostage_sim.history.collect import collect
from gostage_sim.history.model import ChildHistory, History
from gostage_sim.scenario.model import TRANSPORTS, Child, Expectation, Handler, Log, Scenario, Send, Transport

MakeScenario = Callable[..., Scenario]

CRASH: tuple[str, Placement, dict[str, object]] = ("crash", Placement("message", message=40), {})
TOLD = Child(steps=(Log(message="begin"), Send(count=90, type="told")))


def _run(
    scenario: MakeScenario, tmp_path: Path, transport: Transport = "json", *, handler: Handler, expect: Expectation
) -> tuple[ScenarioResult, History, ChildHistory]:
    """A crash, two siblings, and a child of whose messages a handler makes more; that child comes first."""
    children = {"told": TOLD, **scenario(CRASH).children}
    made = scenario(children=children, handlers={"told": handler}, expect={"told": expect})
    result = run_scenario(made, seed=7, transport=transport, histories=tmp_path)
    history = collect(Path(result.extra["history"]))
    return result, history, history.children[0]


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_one_that_raises(transport: Transport, scenario: MakeScenario, tmp_path: Path) -> None:
    """The engine records each error, and neither the child nor the harness takes it for more."""
    result, history, told = _run(
        scenario, tmp_path, transport, handler=Handler(raise_every=20), expect=Expectation(handled=91)
    )
    assert (result.verdict, result.reason) == (Verdict.PASS, "")
    assert told.report is not None
    assert (told.report.outcome, told.report.handler_errors) == ("completed", 4)
    assert told.raised == (20, 40, 60, 80)  # behind the log message
    assert "handler-contained" in {judgement.name for judgement in result.guarantees}
    assert history.problems == ()


def test_one_that_blocks(scenario: MakeScenario, tmp_path: Path) -> None:
    """What a handler holds up on purpose is known by its time, and no harm that the engine did to a sibling."""
    result, _, told = _run(scenario, tmp_path, handler=Handler(block=2.5, at=80), expect=Expectation(handled=91))
    assert (result.verdict, result.reason) == (Verdict.PASS, "")
    ((since, until),) = told.held
    assert until - since >= 2_500_000_000
    assert since >= told.handled.rows["t_ns"][80]
    assert told.returned_ns is not None
    assert told.returned_ns >= until


def test_one_that_spawns(scenario: MakeScenario, tmp_path: Path) -> None:
    """A fresh child on the same runner, between one message of the child and the next."""
    result, history, told = _run(scenario, tmp_path, handler=Handler(spawn=True, at=30), expect=Expectation(handled=91))
    assert (result.verdict, result.reason) == (Verdict.PASS, "")
    fresh = history.children[-2]
    assert (fresh.name, fresh.role, fresh.handled.by_application()) == ("from-handler:told", "fresh", 3)
    times = told.handled.rows["t_ns"]
    assert fresh.spawned_ns is not None
    assert fresh.returned_ns is not None
    assert times[30] < fresh.spawned_ns < fresh.returned_ns < times[31]


def test_one_that_never_comes_to_spawn(scenario: MakeScenario, tmp_path: Path) -> None:
    """What was armed and did not happen is unknown."""
    result, _, _ = _run(scenario, tmp_path, handler=Handler(spawn=True, at=91), expect=Expectation(handled=91))
    assert result.verdict is Verdict.UNKNOWN
    assert result.reason == "handler-contained: the handler of told was to spawn and never did"


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_one_that_leaves(transport: Transport, scenario: MakeScenario, tmp_path: Path) -> None:
    """SystemExit comes out of that one spawn, when its child is gone; nothing behind that message is handled."""
    result, _, told = _run(
        scenario,
        tmp_path,
        transport,
        handler=Handler(exit=True, at=50),
        expect=Expectation(raises="SystemExit", handled=51),
    )
    assert (result.verdict, result.reason) == (Verdict.PASS, "")
    assert told.report is None
    assert told.handler_exit is not None
    assert told.handler_exit.error == "SystemExit: the scenario wants this handler to leave"
    assert told.handler_exit.child_gone
    assert told.role == "victim"
    assert told.exit is not None


def test_one_that_leaves_where_nobody_expects_it(scenario: MakeScenario, tmp_path: Path) -> None:
    """A result that does not come is a failure, whoever is to blame."""
    result, _, _ = _run(
        scenario, tmp_path, handler=Handler(exit=True, at=50), expect=Expectation(outcome="completed", handled=51)
    )
    assert result.verdict is Verdict.FAIL
    (expected,) = [judgement for judgement in result.guarantees if judgement.name == "as-expected"]
    assert expected.reason == (
        "SystemExit: the scenario wants this handler to leave came out of spawn() of told, a result expected"
    )

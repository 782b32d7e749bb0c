"""The parent under test is killed or interrupted for real, and the evidence of what came then is complete."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gostage_sim.faults.contract import Placement
from gostage_sim.guarantees.contract import Verdict
from gostage_sim.harness.observer import run_plan, run_scenario
from gostage_sim.harness.plan import make_plan
from gostage_sim.history.collect import collect
from gostage_sim.scenario.model import TRANSPORTS, Expectation, Scenario, Transport

MakeScenario = Callable[..., Scenario]
AT_MESSAGE_40 = Placement("message", message=40)
IN_HANDLER_40 = Placement("handler", handler=40)


@pytest.mark.parametrize("transport", TRANSPORTS)
@pytest.mark.parametrize("signal", ["SIGKILL", "SIGTERM", "SIGHUP"])
def test_a_killed_parent_takes_everybody_along(
    signal: str, transport: Transport, scenario: MakeScenario, tmp_path: Path
) -> None:
    """The descendants at the kill are known by pid, each is seen to go, and the journals survive."""
    made = scenario(("kill_parent", AT_MESSAGE_40, {"signal": signal, "child": "deaf"}))
    result = run_scenario(made, seed=7, transport=transport, histories=tmp_path)
    history = collect(Path(result.extra["history"]))
    assert (result.verdict, result.reason) == (Verdict.PASS, "")
    assert history.parent.exit is not None
    assert history.parent.exit.signal == signal
    *children, _ = history.children
    assert {child.pid for child in children} <= {one.pid for one in history.descendants}
    assert all(one.gone_ns is not None for one in history.descendants)
    assert [child.exit and child.exit.signal for child in children] == ["SIGKILL"] * 3
    assert len(children[0].sent) == 40
    assert history.leftovers == ()
    assert history.problems == ()


@pytest.mark.parametrize("transport", TRANSPORTS)
@pytest.mark.parametrize(
    ("params", "raised"),
    [({"signal": "SIGINT"}, "KeyboardInterrupt"), ({"signal": "SIGTERM"}, "SystemExit"), ({"again": True}, None)],
)
def test_an_interrupted_parent_goes_on(
    params: dict[str, Any], raised: str | None, transport: Transport, scenario: MakeScenario
) -> None:
    """The exception comes out of spawn() of that child alone, the child is gone, and every guarantee holds."""
    expect = {"victim": Expectation.model_validate({"raises": raised or "KeyboardInterrupt"})}
    made = scenario(("interrupt_parent", AT_MESSAGE_40, params), expect=expect)
    result = run_scenario(made, seed=7, transport=transport)
    assert (result.verdict, result.reason) == (Verdict.PASS, "")
    (fault,) = result.faults
    assert fault.witness == f"the parent took {params.get('signal', 'SIGINT')}{' twice' if raised is None else ''}"
    assert [child.outcome for child in result.children] == [None, "completed", "completed", "completed"]


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_a_parent_is_killed_in_a_handler(transport: Transport, scenario: MakeScenario) -> None:
    """The message that the handler has is the last one, wherever the child has got to meanwhile; no child is left."""
    result = run_scenario(scenario(("kill_parent", IN_HANDLER_40, {})), seed=7, transport=transport)
    assert (result.verdict, result.reason) == (Verdict.PASS, "")
    assert result.faults[0].witness == "SIGKILL ended the parent in a handler"
    assert result.children[0].handled == 40


@pytest.mark.parametrize("transport", TRANSPORTS)
@pytest.mark.parametrize(("signal", "raised"), [("SIGINT", "KeyboardInterrupt"), ("SIGTERM", "SystemExit")])
def test_a_parent_is_interrupted_in_a_handler(
    signal: str, raised: str, transport: Transport, scenario: MakeScenario
) -> None:
    """The exception leaves the handler and the spawn; the child, which nobody held, is gone, and no error is recorded
    of the handler."""
    expect = {"victim": Expectation.model_validate({"raises": raised, "handled": 40})}
    made = scenario(("interrupt_parent", IN_HANDLER_40, {"signal": signal}), expect=expect)
    result = run_scenario(made, seed=7, transport=transport)
    assert (result.verdict, result.reason) == (Verdict.PASS, "")
    assert result.faults[0].witness == f"the parent took {signal} in a handler"
    assert [child.outcome for child in result.children] == [None, "completed", "completed", "completed"]


@pytest.mark.parametrize("saboteur", ["abandons", "orphans", "asks"])
def test_an_engine_that_leaves_children_behind_is_caught(saboteur: str, scenario: MakeScenario) -> None:
    """What makes it pass is the engine's doing."""
    made = scenario(
        ("stray", Placement("message", message=20), {"form": "grandchild"}),
        ("kill_parent", AT_MESSAGE_40, {"child": "stopped"}),
    )
    result = run_plan({**make_plan(made, seed=7, transport="json"), "saboteur": saboteur})
    found = {judgement.name: judgement for judgement in result.guarantees}
    assert found["no-orphans"].verdict is Verdict.FAIL
    assert "outlived the parent" in found["no-orphans"].reason

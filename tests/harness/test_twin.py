"""The fault-free twin: run just before, kept beside, judged with."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from gostage_sim.faults.contract import Placement
from gostage_sim.guarantees.contract import Verdict
from gostage_sim.harness.again import judge_kept, plan_kept
from gostage_sim.harness.observer import run_scenario
from gostage_sim.harness.plan import make_plan
from gostage_sim.history.collect import TWIN_NAME, collect
from gostage_sim.scenario.model import TRANSPORTS, Scenario, Transport
from gostage_sim.scenario.twin import without_faults

MakeScenario = Callable[..., Scenario]

CRASH: tuple[str, Placement, dict[str, object]] = ("crash", Placement("message", message=40), {})


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_the_siblings_of_both_runs_are_compared(transport: Transport, scenario: MakeScenario, tmp_path: Path) -> None:
    """In the twin nobody crashes; what was kept is judged again with it, and is unknown without."""
    made = scenario(CRASH).model_copy(update={"twin": True})
    result = run_scenario(made, seed=7, transport=transport, histories=tmp_path)
    assert (result.verdict, result.reason) == (Verdict.PASS, "")
    assert " --twin " in result.reproduce
    (unharmed,) = (found for found in result.guarantees if found.name == "siblings-unharmed")
    assert unharmed.reason.endswith("; the same as without the faults")
    folder = Path(result.extra["history"])
    twin = collect(folder).twin
    assert twin is not None
    assert {child.report and child.report.outcome for child in twin.children} == {"completed"}
    assert twin.faults == ()
    again = judge_kept(folder, plan_kept(folder), duration_s=0.0)
    assert again.guarantees == result.guarantees
    shutil.rmtree(folder / TWIN_NAME)
    lost = judge_kept(folder, plan_kept(folder), duration_s=0.0)
    assert lost.verdict is Verdict.UNKNOWN
    assert "the history without the faults (twin) cannot be read" in lost.reason


def test_only_where_it_is_asked_for_and_there_is_a_fault(scenario: MakeScenario) -> None:
    """It takes twice the time, and without a fault there is nothing to compare."""
    made = scenario(CRASH)
    assert without_faults(made) is None
    assert make_plan(made, seed=1, transport="json")["twin"] is None
    assert without_faults(scenario().model_copy(update={"twin": True})) is None

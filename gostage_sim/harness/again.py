"""Judges a history that was kept, from what is in its folder alone; what is missing there is unknown, with its name."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from gostage_sim.guarantees.contract import Judgement, Verdict
from gostage_sim.harness.agreement import Agreement
from gostage_sim.harness.plan import Plan
from gostage_sim.harness.result import ParentResult, ScenarioResult
from gostage_sim.harness.verdict import judged, unjudged
from gostage_sim.history.collect import LOST_NAME, collect, read_plan
from gostage_sim.scenario.model import TRANSPORTS


def plan_kept(folder: Path) -> Plan:
    """The plan of the run in this folder.

    OSError or ValueError when it cannot be read, OtherSchemaError when it is not for this version.
    """
    plan = read_plan(folder)
    try:
        unjudged(plan, "", duration_s=0.0)
        Agreement.of_plans([plan])
        in_turn(plan)
    except Exception as error:
        raise ValueError(f"it is not the plan of a scenario: {type(error).__name__}: {error}") from None
    return plan


def in_turn(plan: Plan) -> int:
    """The place of its transport among those of the scenario."""
    return TRANSPORTS.index(plan["transport"])


def judge_kept(folder: Path, plan: Plan, *, duration_s: float) -> ScenarioResult:
    """The result of the run in this folder, whose plan was read before. Always a result."""
    kept = {"history": str(folder)}
    try:
        if (folder / LOST_NAME).exists():
            return unjudged(plan, (folder / LOST_NAME).read_text("utf-8"), duration_s=duration_s, extra=kept)
        return judged(collect(folder), plan, duration_s=duration_s, extra=kept)
    except Exception as error:
        reason = f"its history cannot be read: {type(error).__name__}: {error}"
        return unjudged(plan, reason, duration_s=duration_s, extra=kept)


def without_history(before: ScenarioResult, reason: str) -> ScenarioResult:
    """What was a result once, whose history nobody can read any more: unknown."""
    return dataclasses.replace(
        before,
        verdict=Verdict.UNKNOWN,
        reason=reason,
        guarantees=(Judgement("evidence", Verdict.UNKNOWN, reason),),
        children=(),
    )


def of_no_scenario(path: Path, reason: str, *, seed: int) -> ScenarioResult:
    """For a file or folder that does not even say which scenario it is of."""
    return ScenarioResult(
        scenario=path.name,
        file="",
        transport="",
        verdict=Verdict.UNKNOWN,
        reason=reason,
        seed=seed,
        duration_s=0.0,
        guarantees=(Judgement("evidence", Verdict.UNKNOWN, reason),),
        faults=(),
        children=(),
        parent=ParentResult(alive=False, peak_rss_growth_bytes=0, max_heartbeat_gap_s=0.0),
        reproduce="",
        id=path.name,
    )

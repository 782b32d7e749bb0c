"""A collected history, judged, as the result that reports are written from."""

from __future__ import annotations

import shlex
from hashlib import blake2b
from typing import Any

import numpy as np

from gostage_sim.faults import fault_kind
from gostage_sim.guarantees.contract import Judgement, Verdict
from gostage_sim.guarantees.expected_verdicts import as_the_scenario_expects
from gostage_sim.guarantees.judge import judge
from gostage_sim.harness.plan import Plan
from gostage_sim.harness.result import ChildResult, FaultResult, ParentResult, ScenarioResult, many_times
from gostage_sim.history.model import ENGINE_TYPES, ChildHistory, FaultRecord, History, Messages, ParentHistory
from gostage_sim.scenario.selection import exactly


def judged(history: History, plan: Plan, *, duration_s: float, extra: dict[str, Any] | None = None) -> ScenarioResult:
    """Ask every guarantee that the scenario names; none where whole files of evidence are missing."""
    if history.lost:
        reason = "; ".join([*history.lost, *history.problems])
        return unjudged(plan, reason, duration_s=duration_s, extra=extra)
    names = plan["scenario"]["guarantees"]
    judgements = as_the_scenario_expects(
        judge(history, names if names == "all" else tuple(names)),
        expected_to_fail=plan["scenario"].get("expect_verdict", ()),  # which plans of older versions do not have
    )
    verdict = Verdict.worst([judgement.verdict for judgement in judgements])
    return ScenarioResult(
        **_identity(plan, verdict),
        reason=_reason(judgements, verdict),
        duration_s=duration_s,
        guarantees=judgements,
        faults=(*(_fault(fault, child) for child in history.children for fault in child.faults), *_not_planned(plan)),
        children=tuple(_child(child) for child in history.children),
        parent=_parent(history.parent),
        extra={**(extra or {}), **({"torn_records": history.torn} if history.torn else {})},
    )


def unjudged(plan: Plan, reason: str, *, duration_s: float, extra: dict[str, Any] | None = None) -> ScenarioResult:
    """The result of a scenario whose history could not be had: unknown, with the reason."""
    return ScenarioResult(
        **_identity(plan, Verdict.UNKNOWN),
        reason=reason,
        duration_s=duration_s,
        guarantees=(Judgement("evidence", Verdict.UNKNOWN, reason),),
        faults=tuple(
            FaultResult(fault["kind"], child["name"], armed=False, fired=False, witness=None)
            for child in plan["children"]
            for fault in child["faults"]
        )
        + _not_planned(plan),
        children=(),
        parent=ParentResult(alive=False, peak_rss_growth_bytes=0, max_heartbeat_gap_s=0.0),
        extra=extra or {},
    )


def reproduce(plan: Plan) -> str:
    """A shell command that runs this scenario again in the same way."""
    scenario = plan["scenario"]
    file = scenario["file"] or "-"  # a file holds one scenario, or each combination of one
    command = ["gostage-sim", "run", f"./{file}" if file.startswith("-") and file != "-" else file]
    if scenario["combination"]:
        command += ["-k", exactly(f"[{scenario['combination']}]")]
    if plan.get("twin"):
        command.append("--twin")
    return shlex.join([*command, "--transport", plan["transport"], "--seed", str(plan["seed"])])


def _identity(plan: Plan, verdict: Verdict) -> dict[str, Any]:
    scenario = plan["scenario"]
    return {
        "scenario": scenario["name"],
        "id": scenario["name"],
        "parameters": scenario["parameters"],
        "file": scenario["file"],
        "tags": tuple(scenario["tags"]),
        "transport": plan["transport"],
        "seed": plan["seed"],
        "verdict": verdict,
        "reproduce": reproduce(plan) if verdict is Verdict.PASS else many_times(reproduce(plan)),
        "round": plan.get("round", 1),
    }


def _reason(judgements: tuple[Judgement, ...], verdict: Verdict) -> str:
    if verdict is Verdict.PASS:
        return ""
    worst = next((judgement for judgement in judgements if judgement.verdict is verdict), None)
    return "nothing was judged" if worst is None else f"{worst.name}: {worst.reason}"


def _fault(fault: FaultRecord, child: ChildHistory) -> FaultResult:
    fired = fault.fired_ns is not None
    witness = fault_kind(fault.kind)(**fault.params).witness(fault, child) if fired else None
    return FaultResult(fault.kind, child.name, armed=fault.armed_ns is not None, fired=fired, witness=witness)


def _not_planned(plan: Plan) -> tuple[FaultResult, ...]:
    return tuple(
        FaultResult(fault["kind"], child["name"], armed=False, fired=False, witness=None, planned=False)
        for child in plan["children"]
        for fault in child.get("not_chosen", ())
    )


def _child(child: ChildHistory) -> ChildResult:
    report = child.report
    return ChildResult(
        name=child.name,
        pid=child.pid,
        outcome=report.outcome if report else None,
        exit_code=report.exit_code if report else None,
        signal=report.signal if report else None,
        sent=child.sent.by_application(),
        handled=child.handled.by_application(),
        malformed=report.malformed_count if report else 0,
        stderr_tail=report.stderr_tail if report else "",
        error=child.spawn_error or (report.error_message if report else None),
        handled_digest=_digest(child.handled),
    )


def _digest(handled: Messages) -> str:
    """Of the application's messages by type and content, their order left out."""
    found = blake2b(digest_size=8)
    for name in sorted({*handled.types} - ENGINE_TYPES):
        crcs = np.sort(handled.rows["crc"][handled.rows["type"] == handled.types.index(name)])
        if len(crcs):
            found.update(f"{len(name)}:{name}{len(crcs)}:".encode("utf-8", "surrogatepass") + crcs.tobytes())
    return found.hexdigest()


def _parent(parent: ParentHistory) -> ParentResult:
    beats = parent.heartbeats_ns
    gap = int(np.diff(beats.astype(np.int64)).max()) / 1e9 if len(beats) > 1 else 0.0
    return ParentResult(
        alive=parent.alive,
        peak_rss_growth_bytes=parent.memory_growth_bytes or 0,
        max_heartbeat_gap_s=gap,
        refused_calls=parent.refused_calls,
        strangers=parent.strangers,
    )

"""The self-test: every saboteur must be caught by its guarantee, the engine as it is must pass the same scenario."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from gostage_sim.faults.contract import Placement
from gostage_sim.faults.crash import Crash
from gostage_sim.faults.kill_parent import KillParent
from gostage_sim.faults.malformed import Malformed
from gostage_sim.faults.stray import Stray
from gostage_sim.guarantees import guarantee_names
from gostage_sim.guarantees.contract import Verdict
from gostage_sim.harness.plan import make_plan
from gostage_sim.harness.pool import ObserverPool
from gostage_sim.harness.result import ScenarioResult
from gostage_sim.harness.saboteurs import SABOTEURS
from gostage_sim.harness.saboteurs.contract import Saboteur
from gostage_sim.scenario.model import (
    TRANSPORTS,
    Child,
    Delete,
    Expectation,
    Handler,
    Log,
    PlacedFault,
    Put,
    Scenario,
    Send,
)
from gostage_sim.scenario.transports import Case

_STEPS = (Log(message="begin"), Send(count=90, payload={"i": "{i}", "name": "{faker.name}"}))

_SCENARIO = Scenario(
    name="self-test",
    description="A bad line, a crash, a handler that raises, and three siblings: something for every guarantee.",
    children={
        "victim": Child(
            steps=_STEPS,
            faults=(
                PlacedFault(fault=Malformed(form="not_json"), at=Placement("message", message=20)),
                PlacedFault(fault=Crash(), at=Placement("message", message=60)),
            ),
        ),
        "sibling": Child(steps=(*_STEPS, Put(key="who", value="a sibling")), copies=2),
        "other": Child(steps=(*_STEPS, Put(key="who", value="another"), Put(key="gone"), Delete(key="gone"))),
    },
    handlers={"message": Handler(raise_every=25)},
    expect={"victim": Expectation(outcome="signaled")},
)

_KILLED = Scenario(
    name="self-test of a killed parent",
    description="A stopped child with a child of its own, when the parent is killed.",
    children={
        "victim": Child(
            steps=_STEPS,
            faults=(
                PlacedFault(fault=Stray(form="grandchild"), at=Placement("message", message=20)),
                PlacedFault(fault=KillParent(child="stopped"), at=Placement("message", message=60)),
            ),
        ),
        "sibling": Child(steps=_STEPS, copies=2),
    },
)

#: Where another scenario than `_SCENARIO` has to show it.
_SCENARIO_OF = {"no-orphans": _KILLED}


@dataclass(frozen=True, slots=True)
class Finding:
    """What became of one saboteur on one transport; of the honest engine where `saboteur` is None."""

    saboteur: Saboteur | None
    transport: str
    ok: bool
    reason: str
    """Of the guarantee that had to notice, or why it did not."""
    scenario: str = _SCENARIO.name
    """Which one showed it."""


def run_selftest(workers: int) -> Iterator[Finding]:
    """Run the scenarios over every transport on the honest engine and on each broken one; findings come as done."""
    by_name = {f"self-test {one.name}": one for one in SABOTEURS}
    scenarios = {scenario.name: scenario for scenario in (_SCENARIO, *_SCENARIO_OF.values())}
    scenarios |= {name: _SCENARIO_OF.get(one.guarantee, _SCENARIO) for name, one in by_name.items()}
    plans = []
    for name, chosen in scenarios.items():
        scenario = chosen.model_copy(update={"name": name})
        for transport in TRANSPORTS:
            plan = make_plan(scenario, seed=1, transport=transport)
            saboteur = by_name[name].name if name in by_name else None
            plans.append((Case(scenario, transport), {**plan, "saboteur": saboteur}))
    with ObserverPool(workers=workers) as pool:
        for result in pool.run_plans(plans):
            yield _finding(by_name.get(result.scenario), result)


def unwatched() -> list[str]:
    """Guarantees of ours that no saboteur tests."""
    return sorted(set(guarantee_names()) - {one.guarantee for one in SABOTEURS})


def main(arguments: Sequence[str]) -> int:
    """Print one line a saboteur; 0 when all were caught, 1 when not, 2 for arguments, of which there are none."""
    if arguments:
        print(f"selftest takes no arguments; found {' '.join(map(repr, arguments))}", file=sys.stderr)
        return 2
    bad = 0
    for finding in run_selftest(workers=len(os.sched_getaffinity(0))):
        bad += not finding.ok
        print(_line(finding), flush=True)
    summary = f"{bad} of the lines above are not as they should be" if bad else "all caught"
    print(f"{len(SABOTEURS)} saboteurs on {len(TRANSPORTS)} transports, {summary}")
    return 1 if bad else 0


def _finding(saboteur: Saboteur | None, result: ScenarioResult) -> Finding:
    if saboteur is None:
        ok, reason = result.verdict is Verdict.PASS, result.reason or "every guarantee holds"
        return Finding(None, result.transport, ok, reason, result.scenario)
    judgement = next((found for found in result.guarantees if found.name == saboteur.guarantee), None)
    if judgement is None:
        return Finding(saboteur, result.transport, False, f"{saboteur.guarantee} was not judged")
    # A fault that did not happen is unknown by design; everything else must be recognised for what it is.
    wanted = Verdict.UNKNOWN if saboteur.guarantee == "fault-fired" else Verdict.FAIL
    return Finding(saboteur, result.transport, judgement.verdict is wanted, f"{judgement.verdict}: {judgement.reason}")


def _line(finding: Finding) -> str:
    if finding.saboteur is None:
        mark = "ok      " if finding.ok else "NOT OK  "
        return f"{mark} {finding.transport}: the engine as it is, {finding.scenario}: {finding.reason}"
    mark = "caught  " if finding.ok else "MISSED  "
    one = finding.saboteur
    return f"{mark} {finding.transport}: {one.name} ({one.does}) by {one.guarantee}: {finding.reason}"

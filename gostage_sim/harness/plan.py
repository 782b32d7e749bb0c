"""The plan of a run: a scenario as JSON files in the run folder, which subject, children and collector read.

File names in a plan are relative to its folder, so that a finished run can be moved and judged again.
"""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Mapping
from pathlib import Path
from random import Random
from typing import Any

from gostage_sim.faults.contract import AT_SPAWN, Placement
from gostage_sim.history.collect import PLAN_NAME
from gostage_sim.scenario.fakes import render_pools
from gostage_sim.scenario.model import Call, Child, Expectation, Log, PlacedFault, Put, Scenario, Send, Step, Transport
from gostage_sim.scenario.traffic import of_steps

RECOVERY = "recovery"
_RECOVERY_MESSAGES = 3

Plan = dict[str, Any]


def make_plan(scenario: Scenario, *, seed: int, transport: Transport) -> Plan:
    """Everything a run needs, as JSON has it."""
    children: list[Plan] = []
    for group, child in scenario.children.items():
        for copy in range(1, child.copies + 1):
            name = group if child.copies == 1 else f"{group}[{copy}]"
            expected = scenario.expected_of(group, transport)
            children.append(_child(scenario, group, name, child, seed, index=len(children), expected=expected))
    recovery = Child(steps=(Send(count=_RECOVERY_MESSAGES, type="recovery"),))
    children.append(_child(scenario, RECOVERY, RECOVERY, recovery, seed, index=len(children), recovery=True))
    guarantees = scenario.guarantees if isinstance(scenario.guarantees, str) else list(scenario.guarantees)
    return {
        "scenario": {
            "name": scenario.name,
            "file": scenario.file,
            "tags": list(scenario.tags),
            "parameters": dict(scenario.parameters),
            "combination": scenario.combination,
            "timeout_s": scenario.timeout,
            "guarantees": guarantees,
        },
        "transport": transport,
        "seed": seed,
        "handlers": {type: handler.delay for type, handler in scenario.handlers.items()},
        "children": children,
    }


def write_plan(plan: Plan, folder: Path) -> Path:
    """Write the plan, and the plan of each child; returns the path of the first."""
    for child in plan["children"]:
        own = {key: child[key] for key in ("name", "seed", "gates", "pools", "imports", "search", "journal")}
        own["transport"] = plan["transport"]
        own["faults"] = [fault for fault in child["faults"] if fault["at"]["point"] not in AT_SPAWN]
        (folder / child["plan"]).write_text(json.dumps(own), "utf-8")
    path = folder / PLAN_NAME
    path.write_text(json.dumps(plan), "utf-8")
    return path


def _child(
    scenario: Scenario,
    group: str,
    name: str,
    child: Child,
    seed: int,
    *,
    index: int,
    expected: Expectation | None = None,
    recovery: bool = False,
) -> Plan:
    faults, not_chosen = _faults(name, child, seed)
    role = RECOVERY if recovery else "victim" if faults else "sibling"
    sent = of_steps(child.steps)
    sends = [step for step in child.steps if isinstance(step, Send)]
    # A step is sent in a third before the faults, a third during and a third after them. A user's own action may send
    # any number; its child stops before and after it.
    total = sum(step.count for step in sends) + sum(isinstance(step, Log) for step in child.steps)
    return {
        "name": name,
        "group": group,
        "role": role,
        "seed": seed,
        "timeout_s": child.timeout if child.timeout is not None else scenario.timeout,
        "grace_s": child.grace,
        "definition_size": child.definition_size,
        "end_daemons": child.end_daemons,
        "max_message_bytes": child.max_message,
        "steps": [_step(step) for step in child.steps],
        "faults": faults,
        "not_chosen": not_chosen,
        "gates": {"before": total // 3, "during": 2 * total // 3} if role == "sibling" else None,
        "pools": _turned(render_pools([step.payload for step in sends], seed), index),
        "imports": list(scenario.imports),
        # Where the loader looked for the user's actions; the child must find the same ones.
        "search": [str(Path(scenario.file).resolve().parent), os.getcwd()],
        # What is expected of a child is expected of one with all its faults.
        "expect": {} if expected is None or not_chosen else expected.model_dump(mode="json", exclude_none=True),
        "expected_messages": None if sent is None else sent.total(),
        "expected_types": None if sent is None else len(sent),
        "plan": f"child-{index:03}.json",
        "journal": f"child-{index:03}.journal",
    }


def _turned(pools: dict[str, list[Any]], by: int) -> dict[str, list[Any]]:
    """The same values from another start on: children that send alike could be mistaken for each other unnoticed."""
    return {name: pool[by % len(pool) :] + pool[: by % len(pool)] for name, pool in pools.items()}


def _step(step: Step) -> Plan:
    match step:
        case Send():
            return {"do": "send", **step.model_dump()}
        case Call():
            return {"do": "call", "target": step.target, "with": step.with_}
        case Log():
            return {"do": "log", **step.model_dump()}
        case Put():
            return {"do": "put", **step.model_dump()}


def _faults(name: str, child: Child, seed: int) -> tuple[list[Plan], list[Plan]]:
    """Those of this child, each time of one that repeats, and those that the seed did not choose."""
    chosen: list[Plan] = []
    left: list[Plan] = []
    for number, placed in enumerate(child.faults, 1):
        for time, at in enumerate(placed.strikes(), 1):
            id = f"{name}#{number}" if placed.times == 1 else f"{name}#{number}.{time}"
            # A draw of its own, so that one fault more or less in the file changes nothing for the others.
            drawn = Random(f"{seed}:{id}:probability").random()
            (chosen if drawn < placed.probability else left).append(_fault(id, placed, at))
    return chosen, left


def _fault(id: str, placed: PlacedFault, at: Placement) -> Plan:
    return {
        "id": id,
        "kind": placed.fault.kind,
        "params": _params(placed.fault),
        "at": {key: value for key, value in dataclasses.asdict(at).items() if value is not None},
    }


def _params(fault: Any) -> Mapping[str, Any]:
    return dataclasses.asdict(fault)

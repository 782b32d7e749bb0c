"""The plan of a run: a scenario as JSON files in the run folder, which subject, children and collector read.

File names in a plan are relative to its folder, so that a finished run can be moved and judged again.
"""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Iterable, Mapping
from math import ceil
from pathlib import Path
from random import Random
from typing import Any

from gostage_sim.faults.contract import IN_PARENT, Placement, StandsBetween
from gostage_sim.harness.agreement import may_differ
from gostage_sim.history.collect import PLAN_NAME, SCHEMA
from gostage_sim.scenario.fakes import render_pools
from gostage_sim.scenario.model import (
    Call,
    Child,
    Delete,
    Expectation,
    Handler,
    Limits,
    Log,
    PlacedFault,
    Put,
    Scenario,
    Send,
    Spawn,
    Step,
    Transport,
    step_name,
)
from gostage_sim.scenario.patterns import pattern_in
from gostage_sim.scenario.traffic import flattened, of_steps
from gostage_sim.scenario.twin import without_faults

RECOVERY = "recovery"
_RECOVERY_MESSAGES = 3
_FRESH_MESSAGES = 3

Plan = dict[str, Any]


def make_plan(scenario: Scenario, *, seed: int, transport: Transport) -> Plan:
    """Everything a run needs, as JSON has it."""
    children: list[Plan] = []
    # Whoever is not there at the same time cannot be waited for.
    meeting = min((child.wave for child in scenario.children.values() if child.faults), default=1)
    for group, child in scenario.children.items():
        for copy in range(1, child.copies + 1):
            name = group if child.copies == 1 else f"{group}[{copy}]"
            expected = scenario.expected_of(group, transport)
            planned = _child(scenario, group, name, child, seed, index=len(children), copy=copy, expected=expected)
            children.append(planned if child.wave == meeting else {**planned, "gates": None, "meets": False})
    for type, handler in scenario.handlers.items():
        if handler.spawn:
            children.append(_fresh_child(scenario, _fresh_child_of(type), seed, index=len(children)))
    recovery = Child(steps=(Send(count=_RECOVERY_MESSAGES, type="recovery"),))
    children.append(_child(scenario, RECOVERY, RECOVERY, recovery, seed, index=len(children), role=RECOVERY))
    _await(children)
    alone = without_faults(scenario)
    guarantees = scenario.guarantees if isinstance(scenario.guarantees, str) else list(scenario.guarantees)
    return {
        "schema": SCHEMA,
        "scenario": {
            "name": scenario.name,
            "file": scenario.file,
            "tags": list(scenario.tags),
            "parameters": dict(scenario.parameters),
            "combination": scenario.combination,
            "timeout_s": scenario.timeout,
            "guarantees": guarantees,
            "expect_verdict": dict(scenario.expect_verdict),
            "expect_run": _run_expectation(scenario, children),
            "may_differ": may_differ(scenario),
        },
        "transport": transport,
        "seed": seed,
        "handlers": {type: _handler(type, handler) for type, handler in scenario.handlers.items()},
        "children": children,
        "twin": None if alone is None else make_plan(alone, seed=seed, transport=transport),
    }


def write_plan(plan: Plan, folder: Path) -> Path:
    """Write the plan, and the plan of each child; returns the path of the first."""
    for child in plan["children"]:
        own = {key: child[key] for key in ("name", "seed", "gates", "awaited", "pools", "imports", "search", "journal")}
        own["transport"] = plan["transport"]
        own["faults"] = [fault for fault in child["faults"] if fault["at"]["point"] not in IN_PARENT]
        (folder / child["plan"]).write_text(json.dumps(own), "utf-8")
    path = folder / PLAN_NAME
    of_this_folder = {**plan, "twin": True if plan.get("twin") else None}  # that one has a folder of its own
    path.write_text(json.dumps(of_this_folder), "utf-8")
    return path


def _child(
    scenario: Scenario,
    group: str,
    name: str,
    child: Child,
    seed: int,
    *,
    index: int,
    copy: int = 1,
    expected: Expectation | None = None,
    role: str | None = None,
) -> Plan:
    numbered = [each for each in enumerate(child.faults, 1) if each[1].at.spawn in (None, copy)]
    faults, not_chosen = _faults(name, numbered, seed, index)
    # What is expected of a child is expected of one with all its faults.
    if not_chosen or len(numbered) < len(child.faults):
        expected = None
    role = role or _role(child, faults, expected)
    sent = None if child.command else of_steps(child.steps)
    single = list(flattened(child.steps))
    sends = [step for step in single if isinstance(step, Send)]
    # Whoever nothing is done to stands at the gates, also one that comes to harm by what is done to others.
    waits = role in ("sibling", "victim") and not faults
    # A step is sent in a third before the faults, a third during and a third after them. A user's own action may send
    # any number; its child stops before and after it.
    total = sum(step.count for step in sends) + sum(isinstance(step, Log) for step in single)
    return {
        "name": name,
        "group": group,
        "role": role,
        "seed": seed,
        "wave": child.wave,
        "meets": True,
        "timeout_s": child.timeout if child.timeout is not None else scenario.timeout,
        "grace_s": child.grace,
        "definition_size": child.definition_size,
        "end_daemons": child.end_daemons,
        "launcher": child.launcher,
        "command": list(child.command),
        "limits": _limits(child.limits),
        "options": _options(child),
        "steps": [_step(step) for step in child.steps],
        "faults": faults,
        "not_chosen": not_chosen,
        "gates": {"before": total // 3, "during": 2 * total // 3} if waits else None,
        "awaited": [],
        "pools": _turned(render_pools([step.payload for step in sends], seed), index),
        "imports": list(scenario.imports),
        # Where the loader looked for the user's actions; the child must find the same ones.
        "search": [str(Path(scenario.file).resolve().parent), os.getcwd()],
        "expect": {} if expected is None else _expectation(expected),
        "expected_messages": None if sent is None else sent.total(),
        "expected_types": None if sent is None else sorted(sent),
        "expected_store": _store_of(child.steps),
        "plan": f"child-{index:03}.json",
        "journal": f"child-{index:03}.journal",
    }


def _store_of(steps: Iterable[Step]) -> Plan:
    """What the steps leave in the child's store."""
    store: Plan = {}
    for step in steps:
        if isinstance(step, Put):
            store[step.key] = step.value
        elif isinstance(step, Delete):
            store.pop(step.key, None)
    return store


def _await(children: list[Plan]) -> None:
    """Tell those that others wait for at which messages they do, and let no gate hold them before these."""
    by_name = {child["name"]: child for child in children}
    for fault in (fault for child in children for fault in child["faults"] if "after" in fault["at"]):
        after = fault["at"]["after"]
        awaited = by_name[after["child"]]
        awaited["awaited"] = sorted({*awaited["awaited"], after["message"]})
        if awaited["gates"]:
            awaited["gates"]["during"] = max(awaited["gates"]["during"], after["message"])


def _limits(limits: Limits) -> Plan:
    """Those that are set, as arguments of `ResourceLimits`."""
    found = {
        "memory_bytes": limits.memory,
        "cpu_s": None if limits.cpu is None else ceil(limits.cpu),
        "open_files": limits.open_files,
        "processes": limits.processes,
        "file_size_bytes": limits.file_size,
    }
    return {name: limit for name, limit in found.items() if limit is not None}


def _options(child: Child) -> Plan:
    """Those that are set, as arguments of `SpawnOptions`."""
    found = {
        "max_message_bytes": child.max_message,
        "niceness": child.options.nice,
        "umask": child.options.umask,
        "no_new_privs": child.options.no_new_privs or None,
        "environment": child.options.environment,
        "user": child.options.user,
        "group": child.options.group,
    }
    return {name: option for name, option in found.items() if option is not None}


def _expectation(expected: Expectation) -> Plan:
    """As the file has it, but for texts that are regular expressions: `{"matches": …}`."""
    plan = expected.model_dump(mode="json", exclude_none=True)
    if expected.final_store is not None:
        plan["final_store"] = expected.final_store  # where nothing is a value too
    for key in ("error", "stderr"):
        pattern = pattern_in(plan.get(key, ""))
        if pattern is not None:
            plan[key] = {"matches": pattern}
    return plan


def _run_expectation(scenario: Scenario, children: list[Plan]) -> Plan:
    """Of a run with all its faults."""
    if scenario.expect_run is None or any(child["not_chosen"] for child in children):
        return {}
    return scenario.expect_run.model_dump(exclude_none=True)


def _role(child: Child, faults: list[Plan], expected: Expectation | None) -> str:
    if child.command:
        return "foreign"
    return "victim" if faults or _goes_wrong(expected) else "sibling"


def _goes_wrong(expected: Expectation | None) -> bool:
    """Whether the scenario expects of a child what no sibling may come to."""
    return expected is not None and (expected.outcome not in (None, "completed") or expected.raises is not None)


def _handler(type: str, handler: Handler) -> Plan:
    return {
        "delay_s": handler.delay,
        "raise_every": handler.raise_every,
        "block_s": handler.block,
        "spawn": _fresh_child_of(type) if handler.spawn else None,
        "exit": handler.exit,
        "at": handler.at,
    }


def _fresh_child(scenario: Scenario, name: str, seed: int, *, index: int) -> Plan:
    child = Child(steps=(Send(count=_FRESH_MESSAGES, type="fresh"),))
    expected = Expectation(outcome="completed", handled=_FRESH_MESSAGES)
    return _child(scenario, name, name, child, seed, index=index, expected=expected, role="fresh")


def _fresh_child_of(type: str) -> str:
    """The name of the child that the handler of this type spawns; no child of a scenario can have it."""
    return f"from-handler:{type}"


def _turned(pools: dict[str, list[Any]], by: int) -> dict[str, list[Any]]:
    """The same values from another start on: children that send alike could be mistaken for each other unnoticed."""
    return {name: pool[by % len(pool) :] + pool[: by % len(pool)] for name, pool in pools.items()}


def _step(step: Step) -> Plan:
    match step:
        case Call():
            return {"do": "call", "target": step.target, "with": step.with_}
        case Spawn():
            return {"do": "spawn", "steps": [_step(one) for one in step.steps], "timeout_s": step.timeout}
        case _:
            return {"do": step_name(type(step)), **step.model_dump()}


def _faults(
    name: str, numbered: Iterable[tuple[int, PlacedFault]], seed: int, index: int
) -> tuple[list[Plan], list[Plan]]:
    """Those of this child, each time of one that repeats, and those that the seed did not choose."""
    chosen: list[Plan] = []
    left: list[Plan] = []
    for number, placed in numbered:
        for time, at in enumerate(placed.strikes(), 1):
            id = f"{name}#{number}" if placed.times == 1 else f"{name}#{number}.{time}"
            # A draw of its own, so that one fault more or less in the file changes nothing for the others.
            drawn = Random(f"{seed}:{id}:probability").random()
            relay = f"child-{index:03}.relay-{number}"
            (chosen if drawn < placed.probability else left).append(_fault(id, placed, at, relay))
    return chosen, left


def _fault(id: str, placed: PlacedFault, at: Placement, relay: str) -> Plan:
    fault = {
        "id": id,
        "kind": placed.fault.kind,
        "params": _params(placed.fault),
        "at": {key: value for key, value in dataclasses.asdict(at).items() if value is not None},
    }
    return fault | {"relay": relay} if isinstance(placed.fault, StandsBetween) else fault


def _params(fault: Any) -> Mapping[str, Any]:
    return dataclasses.asdict(fault)

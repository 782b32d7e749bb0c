"""Faults that wait for a message of another child (`at: {after: …}`), and which of them would wait for ever."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from gostage_sim.faults.contract import IN_PARENT, After
from gostage_sim.scenario.model import Child, PlacedFault
from gostage_sim.scenario.positions import Path
from gostage_sim.scenario.problems import unknown
from gostage_sim.scenario.traffic import at_least, of_its_own

_NAME = re.compile(r"(?P<group>[^\[\]]*)(?:\[(?P<copy>[1-9]\d{0,5})\])?")


@dataclass(frozen=True)
class _Wait:
    path: Path
    """Of its `after`."""
    child: str
    """Which waits."""
    sent: int
    """The fewest messages it has sent then: whoever waits for a later one waits for this wait, too."""
    group: str
    """Which it waits for, copies as one: what holds up one holds up all."""
    after: After

    def __str__(self) -> str:
        return f"{self.child} waits for message {self.after.message} of {self.after.child}"


def wait_problems(
    placed: Mapping[Path, PlacedFault], children: Mapping[str, Child], names: Sequence[str]
) -> Iterator[tuple[Path, str]]:
    """The place and the text of each mistake. `placed`: every fault that could be read, by its path; `children` those
    that could, of all these `names`."""
    waits: list[_Wait] = []
    for path, fault in placed.items():
        after, waiting = fault.at.after, str(path[1])
        if after is None:
            continue
        here: Path = (*path, "at", "after")
        problem = _child_problem(after, waiting, children, names)
        if problem is not None:
            yield (*here, "child"), problem
        elif (problem := _message_problem(after, children)) is not None:
            yield (*here, "message"), problem
        elif waiting in children and _group(after) in children:
            sent = _sent_before(fault, children[waiting])
            waits.append(_Wait(here, waiting, sent, _group(after), after))
    told: set[_Wait] = set()  # a circle is one mistake
    for wait in waits:
        circle = _circle(wait, waits)
        if told & {*circle}:
            continue
        if circle:
            told |= {*circle}
            yield wait.path, f"nobody in this circle would ever go on: {', '.join(map(str, circle))}"
        elif (other := _locked_out(wait, waits, children)) is not None:
            message = (
                f"child '{wait.child}' would wait for ever: faults of the parent are done one spawn at a time, it has "
                f"one and waits for child '{other}', which has one too"
            )
            yield wait.path, message


def _group(after: After) -> str:
    return after.child.partition("[")[0]


def _child_problem(after: After, waiting: str, children: Mapping[str, Child], names: Sequence[str]) -> str | None:
    found = _NAME.fullmatch(after.child)
    group = after.child if found is None else found["group"]
    if group not in names:
        return unknown("child", after.child, list(names))
    if group == waiting:
        return f"child '{waiting}' cannot wait for itself; expected another child, or {{message: n}} alone"
    child = children.get(group)
    if child is None or found is None:
        return None  # what is wrong with it is reported in its own place
    if child.command:
        return f"child '{group}' is a command, and nobody knows what it sends; expected a child with steps"
    if child.copies > 1 and found["copy"] is None:
        return f"child '{group}' has {child.copies} copies; say which one: '{group}[1]'"
    if found["copy"] is not None and (child.copies == 1 or int(found["copy"]) > child.copies):
        count = "no copies" if child.copies == 1 else f"{child.copies} copies"
        return f"there is no '{after.child}': child '{group}' has {count}"
    own = children.get(waiting)
    if own is not None and own.wave != child.wave:
        return (
            f"child '{group}' is in wave {child.wave} and child '{waiting}' in wave {own.wave}; "
            "expected a child of the same wave"
        )
    return None


def _message_problem(after: After, children: Mapping[str, Child]) -> str | None:
    name = _group(after)
    child = children.get(name)
    if child is None:
        return None
    sent = of_its_own(child.steps, child.faults)
    if sent is None:
        return f"child '{name}' calls an action of yours, and nobody knows what that sends; expected another child"
    if after.message > sent.total():
        return f"message {after.message} does not exist; child '{name}' sends {sent.total()} before its final store"
    return None


def _sent_before(fault: PlacedFault, child: Child) -> int:
    at = fault.at
    if at.message is not None:
        return at.message if at.byte is None else at.message - 1
    return at_least(child.steps[: at.step - 1]) if at.step else 0


def _circle(start: _Wait, waits: Sequence[_Wait]) -> list[_Wait]:
    """From this wait to itself, each in the way of the one before; empty when there is none."""
    ways = [[start]]
    seen = {start}
    while ways:
        way = ways.pop(0)
        for wait in waits:
            if wait.child == way[-1].group and wait.sent < way[-1].after.message:
                if wait is start:
                    return way
                if wait not in seen:
                    seen.add(wait)
                    ways.append([*way, wait])
    return []


def _locked_out(wait: _Wait, waits: Sequence[_Wait], children: Mapping[str, Child]) -> str | None:
    """The child with a fault of the parent that this one, with another, waits for, perhaps by way of others."""
    if not _in_parent(children[wait.child]):
        return None
    reached = [wait.group]
    for name in reached:  # grows meanwhile
        if _in_parent(children[name]):
            return name
        reached += [other.group for other in waits if other.child == name and other.group not in reached]
    return None


def _in_parent(child: Child) -> bool:
    return any(fault.at.point in IN_PARENT for fault in child.faults)

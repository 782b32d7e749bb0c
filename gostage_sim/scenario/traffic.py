"""Which messages a child puts on the wire when nothing stops it, as far as its part of the file can tell."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from gostage_sim.faults.contract import SendsMessages
from gostage_sim.scenario.model import Call, Child, Log, PlacedFault, Send, Spawn, Step

#: How many of each type.
Traffic = Counter[str]

#: What the engine sends at the end of every child.
ENGINE = ("final_store", "workflow_result")


def flattened(steps: Iterable[Step]) -> Iterator[Step]:
    """The steps as they are done, those of a `spawn` in its place: the child passes on what its children send."""
    for step in steps:
        if isinstance(step, Spawn):
            yield from flattened(step.steps)
        else:
            yield step


def at_least(steps: Iterable[Step]) -> int:
    """The fewest messages these steps send, when all are done: a user's action may send none."""
    return sum((of_steps([step]) or Traffic()).total() for step in flattened(steps))


def of_steps(steps: Iterable[Step]) -> Traffic | None:
    """What the steps send; None when a user's action is among them."""
    sent = Traffic()
    for step in flattened(steps):
        match step:
            case Send():
                sent[step.type] += step.count
            case Log():
                sent["log"] += 1
            case Call():
                return None
            case _:
                pass
    return sent


def of_program(child: Child) -> Traffic | None:
    """As `of_child`; None too for a program that is not ours."""
    return None if child.command else of_child(child.steps, child.faults)


def of_child(steps: Iterable[Step], faults: Sequence[PlacedFault]) -> Traffic | None:
    """The most it can send: by its steps, by these faults, and by the engine at its end. None when nobody can know."""
    sent = of_its_own(steps, faults)
    if sent is not None:
        sent.update(ENGINE)
    return sent


def of_its_own(steps: Iterable[Step], faults: Sequence[PlacedFault]) -> Traffic | None:
    """As `of_child`, but for what the engine sends."""
    sent = of_steps(steps)
    if sent is None:
        return None
    for placed in faults:
        fault: object = placed.fault
        if isinstance(fault, SendsMessages):
            sent.update({type: count * placed.times for type, count in fault.sends().items()})
    return sent

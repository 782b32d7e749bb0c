"""Victims: a fault in a child, milder ones before it, and perhaps a wait for somebody else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from hypothesis import strategies as st

from gostage_sim.faults.contract import IN_PARENT
from gostage_sim.scenario.model import Transport
from gostage_sim.strategies.child import SELDOM, Course, steps
from gostage_sim.strategies.fates import ALONE, MILD, alone_in_child, goes_on, may_hang
from gostage_sim.strategies.parameters import Data, faults, made
from gostage_sim.strategies.placing import messages_before, open_points, placements

#: Of a child whose faults may stop it for ever; to come to them takes it seconds on a busy machine.
_TIMEOUT = "6s"
#: A fault that lasts has messages to last over before the next one strikes.
_APART = 5


@st.composite
def victims(
    draw: st.DrawFn,
    transport: Transport,
    kinds: Sequence[str],
    *,
    others: Mapping[str, Data] | None = None,
) -> Data:
    """A child with one fault of these kinds, and perhaps milder ones before it. `others`: siblings, by name, for whose
    messages it may wait."""
    fault = draw(faults(kinds).filter(lambda fault: bool(open_points(made(fault), transport))))
    one = made(fault)
    doing = draw(steps(light=alone_in_child(one)))
    course = Course.of(doing)
    at = draw(placements(one, transport, course))
    placed = [{**fault, "at": at}]
    mild = [kind for kind in kinds if kind in MILD]
    room = messages_before(at, course) - _APART
    if mild and room > 0 and not alone_in_child(one):
        placed = draw(st.lists(_before(transport, mild, course, room), max_size=2)) + placed
    if others and isinstance(at, dict) and "handler" not in at and draw(st.booleans()):
        name = draw(st.sampled_from(sorted(others)))
        at["after"] = {"child": _first(name, others[name]), "message": draw(_early(others[name]))}
    child: Data = {"steps": doing, "faults": placed}
    if one.kind not in ALONE and not one.points & IN_PARENT and draw(SELDOM):
        child["copies"] = 2
    if may_hang(one):
        child["timeout"] = _TIMEOUT
    return child


@st.composite
def _before(draw: st.DrawFn, transport: Transport, mild: Sequence[str], course: Course, room: int) -> Data:
    """A fault that changes nothing for those behind it, at one of the first `room` messages, or at the definition."""
    points = ("definition", "message", "byte")
    fault = draw(
        faults(mild).filter(
            lambda fault: goes_on(made(fault)) and any(point in points for point in open_points(made(fault), transport))
        )
    )
    return {**fault, "at": draw(placements(made(fault), transport, course, at_most=room))}


@st.composite
def _early(draw: st.DrawFn, child: Data) -> int:
    """A message of the child's first two thirds: it is there after the faults, too."""
    return draw(st.integers(1, max(1, 2 * Course.of(child["steps"]).messages // 3)))


def _first(name: str, child: Data) -> str:
    return f"{name}[1]" if "copies" in child else name

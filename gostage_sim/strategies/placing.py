"""Faults at points that their child reaches: never at a message that is not sent."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from hypothesis import strategies as st

from gostage_sim.faults import fault_kind
from gostage_sim.faults.contract import Fault, LastsOverMessages, LimitsPlacement, LimitsTransports, Placement, Point
from gostage_sim.scenario.model import Transport
from gostage_sim.scenario.points import POINTS
from gostage_sim.strategies.child import Course
from gostage_sim.strategies.fates import between_messages, goes_on
from gostage_sim.strategies.parameters import Data, faults, made

#: The line of any message has more.
_MOST_BYTES = 20
_MOST_TIMES = 4
_MOST_APART = 10


@st.composite
def placed_faults(draw: st.DrawFn, transport: Transport, course: Course, *, kinds: Iterable[str] | None = None) -> Data:
    """An entry of `faults:`, of a child that takes this course: `{"crash": {}, "at": {"message": 20}}`."""
    fault = draw(faults(kinds).filter(lambda fault: bool(open_points(made(fault), transport))))
    return {**fault, "at": draw(placements(made(fault), transport, course))}


@st.composite
def placements(
    draw: st.DrawFn, fault: Fault, transport: Transport, course: Course, *, at_most: int | None = None
) -> str | Data:
    """What may stand behind `at:`, so that the child gets there. `at_most`: at none of its messages behind this one."""
    points = open_points(fault, transport)
    most = course.messages
    if at_most is not None:
        most = at_most
        points = [point for point in points if point == "definition" or (point in ("message", "byte") and most >= 1)]
    if between_messages(fault) and "message" in points:
        points, most = ["message"], min(most, course.messages - 1)
    point = draw(st.sampled_from(points))
    if point == "step":
        return {"step": draw(st.integers(1, course.steps))}
    if point == "handler":
        return {"handler": draw(st.integers(1, most))}
    if point not in ("message", "byte"):
        return point
    at = {"message": draw(st.integers(1, most))}
    if point == "byte":
        return {**at, "byte": draw(st.integers(1, _MOST_BYTES))}
    left = most - at["message"]
    if left and draw(st.booleans()):
        if isinstance(fault, LastsOverMessages) and fault.window_problem() is None:
            at["until"] = at["message"] + draw(st.integers(1, left))
        elif goes_on(fault):
            at["every"] = draw(st.integers(1, min(left, _MOST_APART)))
            at["times"] = draw(st.integers(2, min(left // at["every"] + 1, _MOST_TIMES)))
    return at


def open_points(fault: Fault, transport: Transport) -> list[Point]:
    """Where this fault may be placed on this transport, in the order of a child's life; perhaps nowhere."""
    return [point for point in POINTS if point in fault.points and _is_open(fault, Placement(point), transport)]


def kinds_for(transport: Transport, kinds: Sequence[str]) -> list[str]:
    """Those of the kinds that exist on the transport, with their defaults at least."""
    return [kind for kind in kinds if open_points(fault_kind(kind)(), transport)]


def messages_before(at: str | Data, course: Course) -> int:
    """How many messages the child has sent for sure when it comes to this point."""
    if isinstance(at, str):
        return course.messages if at == "result" else 0
    if "step" in at:
        return course.before(at["step"])
    return int(at["message"] if "message" in at else at["handler"]) - 1


def _is_open(fault: object, at: Placement, transport: Transport) -> bool:
    if isinstance(fault, LimitsPlacement) and fault.placement_problem(at) is not None:
        return False
    return not isinstance(fault, LimitsTransports) or fault.transport_problem(transport, at) is None

"""The child sends its final store twice."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar

from gostage_sim.faults.bounds import check_bounds
from gostage_sim.faults.contract import Point
from gostage_sim.faults.evidence import sent_times
from gostage_sim.units import Bytes, format_size

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gostage_sim.faults.contract import Victim
    from gostage_sim.history.model import ChildHistory, FaultRecord


@dataclass(frozen=True, slots=True)
class SecondStore:
    """Sends another `final_store`, of one value of `size` characters, after the child's own store and its result.

    It is a message like any other and must be handled. One of more than 16 MiB needs a child with a `max_message` that
    lets it pass.
    """

    kind: ClassVar[str] = "second_store"
    points: ClassVar[frozenset[Point]] = frozenset({"result"})
    example: ClassVar[str] = """\
- second_store: {size: 1MiB}
  at: result
"""

    size: Bytes = field(default=2**10, metadata={"description": "length of its one value", "ge": 0, "le": 2**30})

    def __post_init__(self) -> None:
        check_bounds(self)

    def sends(self) -> Mapping[str, int]:
        return {"final_store": 1}

    def inject(self, victim: Victim) -> None:
        victim.send("final_store", {"large": "x" * self.size})

    def witness(self, fault: FaultRecord, child: ChildHistory) -> str | None:
        """Two final stores in the child's journal, of which one was sent while the fault struck and handed over."""
        if fault.fired_ns is None or fault.over_ns is None or child.handed_over < len(child.sent):
            return None

        def is_store(name: str) -> bool:
            return name == "final_store"

        first = sent_times(child, 0, fault.fired_ns, is_store)
        second = sent_times(child, fault.fired_ns, fault.over_ns, is_store)
        return f"sent a second store of {format_size(self.size)}" if (len(first), len(second)) == (1, 1) else None

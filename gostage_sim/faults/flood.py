"""More messages than anyone wants, as fast as they go."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING, Any, ClassVar

from gostage_sim.faults.bounds import check_bounds
from gostage_sim.faults.contract import Placement, Point
from gostage_sim.faults.evidence import sent_times
from gostage_sim.units import Bytes, format_duration

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from gostage_sim.faults.contract import Victim
    from gostage_sim.history.model import ChildHistory, FaultRecord

#: Messages of one type that are sent in one go before it is the next type's turn.
_RUN = 1000
#: So much in so many messages fills every pipe and every window, unless a parent holds on to what it cannot handle yet.
_FILLS_BYTES, _FILLS_COUNT = 8 << 20, 10
#: The least that a message is on the wire beside its text.
_LINE_BYTES = 30


@dataclass(frozen=True, slots=True)
class Flood:
    """Sends `count` messages at once, the types `flood-0`, `flood-1`, … in turn, each with the payload `{"i": number}`.

    With a size each payload also has a `text` of that many characters. In bulk they go through `send_many()` in runs of
    up to 1,000 of one type; otherwise each through a `send()` of its own. With several threads each sends its share,
    all at once. With `logs` they are of the type `log`, as what is logged in the child. They are messages like any
    other: every one must be handled, in the order in which they were written. It cannot be placed at a byte, where a
    message is already on its way.
    """

    kind: ClassVar[str] = "flood"
    points: ClassVar[frozenset[Point]] = frozenset({"definition", "step", "message", "result"})
    example: ClassVar[str] = """\
- flood: {count: 100000, size: 64B, types: 3}
  at: {step: 1}
"""

    count: int = field(default=100_000, metadata={"description": "how many messages", "ge": 1, "le": 100_000_000})
    size: Bytes = field(default=0, metadata={"description": "length of a text in each payload", "le": 8 * 2**20})
    types: int = field(default=1, metadata={"description": "how many message types", "ge": 1, "le": 1000})
    bulk: bool = field(default=True, metadata={"description": "through send_many() instead of send()"})
    threads: int = field(default=1, metadata={"description": "how many threads send at once", "ge": 1, "le": 256})
    logs: bool = field(default=False, metadata={"description": "as log messages, all of the one type log"})

    def __post_init__(self) -> None:
        check_bounds(self)
        if self.logs and self.types != 1:
            raise ValueError(f"logs are of one type; found types: {self.types}")

    def sends(self) -> Mapping[str, int]:
        if self.logs:
            return {"log": self.count}
        share, rest = divmod(self.count, self.types)
        return {f"flood-{i}": share + (i < rest) for i in range(min(self.types, self.count))}

    def placement_problem(self, at: Placement) -> str | None:
        if self.threads > 1 and at.point == "message":
            return "nobody else may send while a child stands behind a message; with threads use {step: n} or result"
        return None

    def transport_problem(self, transport: str, at: Placement) -> str | None:
        if transport == "grpc" and at.point == "definition":
            return "by gRPC a child has no channel before it has read its definition"
        return None

    def inject(self, victim: Victim) -> None:
        if self.threads == 1:
            self._send(victim, range(self.count))
            return
        from threading import Thread

        shares = [range(first, self.count, self.threads) for first in range(self.threads)]
        threads = [Thread(target=self._send, args=(victim, share), name="flood") for share in shares]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def _send(self, victim: Victim, numbers: range) -> None:
        payloads = self._payloads(numbers)
        if not self.bulk:
            for i, payload in enumerate(payloads):
                victim.send(self._type(i), payload)
            return
        length = max(1, min(_RUN, len(numbers) // self.types))
        for i in range(-(-len(numbers) // length)):
            victim.send_many(self._type(i), islice(payloads, length))

    def _type(self, turn: int) -> str:
        return "log" if self.logs else f"flood-{turn % self.types}"

    def _payloads(self, numbers: range) -> Iterator[Any]:
        if self.logs:
            text = "x" * self.size
            return ({"level": "debug", "message": f"flood {i} {text}"} for i in numbers)
        if not self.size:
            return ({"i": i} for i in numbers)
        text = "x" * self.size
        return ({"i": i, "text": text} for i in numbers)

    def _is_mine(self, type: str) -> bool:
        return type == "log" if self.logs else type.startswith("flood-")

    def witness(self, fault: FaultRecord, child: ChildHistory) -> str | None:
        """The messages of these types in the child's journal since the fault fired: all, or those before its death. Of
        more than 8 MiB some must have had to wait, because there was no room for them: else it was no flood."""
        if fault.fired_ns is None:
            return None
        times = sent_times(child, fault.fired_ns, fault.over_ns, self._is_mine)
        finished = fault.over_ns is not None
        if len(times) == 0 or (finished and len(times) < self.count):
            return None
        took = format_duration((int(times[-1]) - fault.fired_ns) / 1e9)
        large = len(times) >= _FILLS_COUNT and len(times) * (self.size + _LINE_BYTES) >= _FILLS_BYTES
        if large and not child.waits:
            return None
        waited = f", {child.waits:,} writes or more had to wait" if child.waits else ""
        return f"sent {len(times):,} of {self.count:,} messages in {took}{waited}"

"""The director: decides who waits and who goes, so that faults strike while siblings are in the middle of their work.

It does no I/O: what children said goes in, who is released comes out. Siblings stop at gate `before` and victims at
their faults. When all are there the window opens and all go. Siblings stop again at gate `during`; when every fault is
over or its child gone, all siblings are there, and the parent's heart has beaten since, the window closes. From then on
nobody waits for anything. Whatever dies in whatever order, everyone alive is released in the end, because the dead are
not waited for.

A fault may also wait at its point, in the window or out of it, for a message of another child. Where that child ends
without it the one that waits goes on, and its fault has waited in vain.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Literal

Gate = Literal["before", "during"]


@dataclass(frozen=True, slots=True)
class Awaited:
    """What a fault of child `by` waits for at its point: that another child has sent this message."""

    by: str
    child: str
    message: int


class Phase(Enum):
    """Where the run stands."""

    GATHERING = "gathering"
    OPEN = "open"
    CLOSED = "closed"


@dataclass(slots=True)
class _Victim:
    to_come: set[str]
    """Its faults that are not over."""
    at: str | None = None
    """The fault at whose point it waits."""
    there: bool = False
    """It has reached one of its faults."""


@dataclass(slots=True)
class _Sibling:
    at: Gate | None = None


@dataclass(slots=True)
class Director:
    """One scenario: `faults` are the fault ids of each victim, `siblings` the names of those without, `awaited` what
    faults wait for, by their ids."""

    faults: Mapping[str, Iterable[str]]
    siblings: Iterable[str]
    awaited: Mapping[str, Awaited] = field(default_factory=dict)
    phase: Phase = Phase.GATHERING
    _beaten: bool = False
    _sent: set[tuple[str, int]] = field(default_factory=set)
    _gone: set[str] = field(default_factory=set)
    _victims: dict[str, _Victim] = field(init=False)
    _siblings: dict[str, _Sibling] = field(init=False)

    def __post_init__(self) -> None:
        self._victims = {name: _Victim(set(faults)) for name, faults in self.faults.items()}
        self._siblings = {name: _Sibling() for name in self.siblings}

    def reached(self, child: str, fault: str) -> list[str]:
        """A victim waits at a fault's point. Returns the children to release now, but for what `holds` them."""
        victim = self._victims.get(child)
        if victim is None or self.phase is not Phase.GATHERING:
            return [child]
        victim.at, victim.there = fault, True
        return self._settle()

    def over(self, child: str, fault: str) -> list[str]:
        """The code of a fault has returned."""
        victim = self._victims.get(child)
        if victim is not None:
            victim.to_come.discard(fault)
        return self._settle()

    def holds(self, fault: str) -> bool:
        """Whether the fault waits for a message of another child that may still come."""
        event = self.awaited.get(fault)
        return event is not None and event.child not in self._gone and (event.child, event.message) not in self._sent

    def in_vain(self, fault: str) -> bool:
        """Whether what the fault waits for can come no more."""
        event = self.awaited.get(fault)
        return event is not None and not self.holds(fault) and (event.child, event.message) not in self._sent

    def sent(self, child: str, message: int) -> list[str]:
        """A child that others wait for has sent this message."""
        self._sent.add((child, message))
        return self._waiting_for(child)

    def gate(self, child: str, gate: Gate) -> list[str]:
        """A sibling waits at a gate."""
        sibling = self._siblings.get(child)
        if sibling is None or self.phase is Phase.CLOSED or (gate == "before" and self.phase is Phase.OPEN):
            return [child]
        sibling.at = gate
        return self._settle()

    def beat(self) -> list[str]:
        """The parent's heart was seen to beat, or is no longer waited for; counts while the window is open."""
        self._beaten = self._beaten or self.phase is Phase.OPEN
        return self._settle()

    def gone(self, child: str) -> list[str]:
        """A child has ended, or will never come."""
        self._victims.pop(child, None)
        self._siblings.pop(child, None)
        self._gone.add(child)
        return [*self._settle(), *self._waiting_for(child)]

    def _waiting_for(self, child: str) -> list[str]:
        """Those with a fault that waits for this child; who waits for the window as well goes when that opens."""
        gathering = self._victims if self.phase is Phase.GATHERING else {}
        found = dict.fromkeys(event.by for event in self.awaited.values() if event.child == child)
        return [name for name in found if name not in gathering]

    def _settle(self) -> list[str]:
        released: list[str] = []
        if (
            self.phase is Phase.GATHERING
            and all(victim.there for victim in self._victims.values())
            and all(sibling.at for sibling in self._siblings.values())
        ):
            self.phase = Phase.OPEN
            for name, victim in self._victims.items():
                if victim.at is not None:
                    victim.at = None
                    released.append(name)
            for name, sibling in self._siblings.items():
                if sibling.at == "before":
                    sibling.at = None
                    released.append(name)
        if (
            self.phase is Phase.OPEN
            and self._beaten
            and not any(victim.to_come for victim in self._victims.values())
            and all(sibling.at == "during" for sibling in self._siblings.values())
        ):
            self.phase = Phase.CLOSED
            released += self._siblings
        return released

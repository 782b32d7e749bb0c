"""What a guarantee is: a pure function of the history, with a witness that must have been seen before a pass counts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Protocol

from gostage_sim.history.model import History


class Verdict(StrEnum):
    """The worst wins: fail > unknown > pass."""

    PASS = "pass"
    UNKNOWN = "unknown"
    FAIL = "fail"

    @staticmethod
    def worst(verdicts: list[Verdict]) -> Verdict:
        """The worst of them; UNKNOWN for none at all, because nothing was judged."""
        order = list(Verdict)
        return max(verdicts, key=order.index, default=Verdict.UNKNOWN)


@dataclass(frozen=True, slots=True)
class Judgement:
    """What one guarantee says of one history."""

    name: str
    verdict: Verdict
    reason: str
    """One sentence for a person: for a failure the first violating event, expected against seen; for unknown what was
    missing; for a pass what was seen."""
    evidence: Mapping[str, Any] = field(default_factory=dict)
    """JSON-able numbers and names behind the reason."""


class Judging(Protocol):
    """A guarantee, or what judges results as one does: its docstring says what holds and what must have been seen."""

    @property
    def name(self) -> str: ...

    @property
    def holds_when(self) -> str: ...

    @property
    def counts_only_if(self) -> str: ...


class Guarantee(Judging, Protocol):
    """One file of this folder."""

    def applies(self, history: History) -> bool:
        """Whether this history has anything to judge, for `guarantees: all`."""
        ...

    def judge(self, history: History) -> Judgement:
        """The verdict. Pure: no clock, no file, no process."""
        ...

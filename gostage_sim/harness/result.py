"""The result of one scenario: its history judged, in the shape `report.json` has."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from gostage_sim.guarantees.contract import Judgement, Verdict

_MANY_TIMES = " --repeat 20"


def many_times(command: str) -> str:
    """The command that repeats what did not pass: where the kernel's scheduler decides, once may not show it."""
    return command if command.endswith(_MANY_TIMES) else command + _MANY_TIMES


@dataclass(frozen=True, slots=True)
class FaultResult:
    """One planned fault and what became of it."""

    kind: str
    child: str
    armed: bool
    fired: bool
    witness: str | None
    """What proved it, in a clause; None when nothing did."""
    planned: bool = True
    """False where its probability left it out of this run, and nothing was to happen."""


@dataclass(frozen=True, slots=True)
class ChildResult:
    """One child in numbers."""

    name: str
    pid: int | None
    outcome: str | None
    """As the engine said; None when `spawn()` never returned."""
    exit_code: int | None
    signal: str | None
    sent: int
    handled: int
    malformed: int
    stderr_tail: str
    error: str | None = None
    handled_digest: str = ""
    """Of the messages that handlers saw, in any order: alike where two runs saw the same."""


@dataclass(frozen=True, slots=True)
class ParentResult:
    """The parent under test."""

    alive: bool
    peak_rss_growth_bytes: int
    max_heartbeat_gap_s: float
    refused_calls: int = 0
    """gRPC calls of those who were no child of it, or not by its only connection."""
    strangers: int | None = None
    """Connections to its gRPC server on which no call was let in; None where the kernel did not tell."""


@dataclass(frozen=True, slots=True)
class ScenarioResult:
    """One scenario on one transport, judged."""

    scenario: str
    """Its name; of a file with a matrix with the combination, `A crash [signal=SIGSEGV]`."""
    file: str
    transport: str
    verdict: Verdict
    reason: str
    """Of the worst guarantee; empty for a pass."""
    seed: int
    duration_s: float
    guarantees: tuple[Judgement, ...]
    faults: tuple[FaultResult, ...]
    children: tuple[ChildResult, ...]
    parent: ParentResult
    reproduce: str
    """A shell command that repeats this result."""
    tags: tuple[str, ...] = ()
    id: str = ""
    """As `scenario`: what `-k` and the lists select it by."""
    parameters: dict[str, Any] = field(default_factory=dict)
    """Of a file with a matrix: the values of this combination."""
    extra: dict[str, Any] = field(default_factory=dict)
    round: int = 1
    """Of a run that repeats its scenarios, counted from 1."""
    reproduced: tuple[int, int] | None = None
    """In how many rounds, of how many, the scenario came to this verdict; None where there was one, or it passed."""

"""The picture of one run of one scenario. Times are milliseconds since `Picture.start_ns`, None where nothing was."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Density:
    """How many messages in which column of time; columns without any are left out."""

    width_ms: float
    columns: tuple[int, ...]
    """Column n begins at n times the width."""
    sent: tuple[int, ...]
    handled: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Mark:
    """One moment, and what to say of it."""

    ms: float
    text: str


@dataclass(frozen=True, slots=True)
class Ledger:
    """The application's messages of one child, sent against handled."""

    sent: int
    handled: int
    agree: int
    """How many are the same from the first on."""
    difference: str | None
    """The first that is not; None where all that was handled is what was sent, in its order, and nothing is missing."""


@dataclass(frozen=True, slots=True)
class Lane:
    """One child."""

    name: str
    role: str
    pid: int | None
    spawned_ms: float | None
    returned_ms: float | None
    exit_ms: float | None
    ended: str
    """As the kernel said: `SIGSEGV`, `exit 0`, `not seen`."""
    source: str
    """Who asked the kernel: `pidfd`, `waitpid`, `waitid`, or nobody."""
    density: Density
    ledger: Ledger | None
    """None for a foreign program, of which nobody knows what it sent."""
    quarantined: tuple[Mark, ...]
    """Bad lines, each when the message before it was handled: at most `MOST_MARKS` of `quarantined_count`."""
    quarantined_count: int
    stopped: tuple[float, ...]
    held: tuple[tuple[float, float], ...]
    """From when to when a handler held up its messages on purpose."""


@dataclass(frozen=True, slots=True)
class FaultStory:
    """One fault: planned, armed, fired, healed."""

    id: str
    kind: str
    child: str
    at: str
    """Where it was to strike: `message: 250`."""
    params: str
    line: int | None
    """Of the scenario file."""
    armed_ms: float | None
    fired_ms: float | None
    over_ms: float | None
    until_ms: float | None
    """The end of the time in which it could be felt: when it was over, else when its child was gone."""
    witness: str | None
    notes: tuple[Mark, ...]
    """What was recorded of it on its way, at most `MOST_MARKS` of `notes_count`."""
    notes_count: int


@dataclass(frozen=True, slots=True)
class ParentLane:
    """The parent under test."""

    pid: int
    ended: str
    exit_ms: float | None
    beats: tuple[tuple[float, float], ...]
    """(when, how long since the one before, ms): the largest of each column."""
    beats_count: int
    memory: tuple[tuple[float, int], ...]
    """(when, bytes of anonymous memory), the largest of each column."""
    baseline_bytes: int | None
    unhandled: tuple[str, ...]
    stderr_tail: str


@dataclass(frozen=True, slots=True)
class Latency:
    """Quantiles of many spans of time, in microseconds, in columns of time."""

    width_ms: float
    columns: tuple[int, ...]
    p50: tuple[float, ...]
    p90: tuple[float, ...]
    p99: tuple[float, ...]
    most: tuple[float, ...]
    overall: tuple[float, float, float, float] | None
    """The same four of all messages."""
    count: int


@dataclass(frozen=True, slots=True)
class Picture:
    """Everything that is drawn of one history."""

    start_ns: int
    """`CLOCK_MONOTONIC`."""
    span_ms: float
    window: tuple[float, float] | None
    """In which faults happened."""
    parent: ParentLane
    lanes: tuple[Lane, ...]
    lanes_count: int
    """How many children there were; victims are drawn first, then in the order of the plan."""
    faults: tuple[FaultStory, ...]
    faults_count: int
    latency: Latency
    """From before a message was written until its handler was called."""
    handlers: Latency
    """From there to the handler's end."""
    messages: int
    """How many were handled in all."""
    problems: tuple[str, ...]

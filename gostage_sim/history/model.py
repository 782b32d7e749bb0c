"""What was recorded of one scenario, merged into one value that guarantees judge.

A `History` is built after the run from the journals of the child processes and of the subject, and from what the
observer saw itself. It holds facts only, no opinions. Times are nanoseconds of `CLOCK_MONOTONIC`, one clock for all
processes of the machine.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Role = Literal["victim", "sibling", "foreign", "fresh", "recovery"]
Result = Literal["success", "failure", "panic", "exit"]

#: Types the engine itself sends at the end of a child; counts of messages for people leave them out.
ENGINE_TYPES = frozenset({"workflow_start", "workflow_result", "final_store"})

#: One message: when it was recorded, which type (index into `Messages.types`), CRC-32 of type and payload.
MESSAGE_DTYPE = np.dtype([("t_ns", "<u8"), ("type", "<u4"), ("crc", "<u4")])


@dataclass(frozen=True, slots=True)
class Messages:
    """A sequence of messages in the order in which they were recorded; `rows` has dtype `MESSAGE_DTYPE`."""

    rows: NDArray[np.void] = field(default_factory=lambda: np.zeros(0, MESSAGE_DTYPE))
    types: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.rows)

    def by_application(self) -> int:
        """How many there are, the engine's own messages left out."""
        own = [i for i, name in enumerate(self.types) if name in ENGINE_TYPES]
        return int(np.count_nonzero(~np.isin(self.rows["type"], own)))

    def type_of(self, index: int) -> str:
        return self.types[int(self.rows["type"][index])]


@dataclass(frozen=True, slots=True)
class RawFrame:
    """Bytes a fault put on the wire itself, or what was cut off in the middle of a message."""

    t_ns: int
    offset: int
    """Byte offset in the child's stream."""
    length: int
    must_quarantine: bool
    """True when no parent may take these bytes for a message."""
    sent_before: int
    """How many messages of `ChildHistory.sent` precede it."""
    note: str = ""
    request: bool = False
    """A gRPC request of its own; its offset counts the bytes of such requests."""
    up_to: int | None = None
    """The child died while it wrote more than `length` bytes, at most so many; None where `length` is exact."""


@dataclass(frozen=True, slots=True)
class KernelExit:
    """How the process ended, as the kernel said (not as the engine said)."""

    t_ns: int
    exit_code: int | None
    signal: str | None
    """`SIGSEGV`, or None when it exited by itself."""
    source: str
    """`pidfd` (asked by the observer), `waitpid` (reaped by the observer) or `waitid` (peeked in the subject)."""


@dataclass(frozen=True, slots=True)
class FaultRecord:
    """One fault of one child: what was planned, and what was seen of it."""

    id: str
    kind: str
    params: dict[str, Any]
    at: dict[str, Any]
    child: str
    armed_ns: int | None = None
    """When the child, or the parent before it spawned the child, had read its plan with this fault in it."""
    fired_ns: int | None = None
    """When the point was reached and the fault begun."""
    over_ns: int | None = None
    """When the fault's code returned in the child; None where it never did. Of a fault of the parent, when it was
    undone after the spawn."""
    notes: tuple[dict[str, Any], ...] = ()
    """What the fault recorded on its way: `{"t_ns": …, "by": "child"|"observer"|"parent"|"relay", …}`."""


@dataclass(frozen=True, slots=True)
class Quarantined:
    """One bad line as the engine reported it."""

    offset: int
    length: int
    reason: str
    after_messages: int
    """How many messages had been delivered before it."""


@dataclass(frozen=True, slots=True)
class SpawnReport:
    """What the engine said of one spawn: the fields of `SpawnResult` that guarantees compare."""

    outcome: str
    exit_code: int | None
    signal: str | None
    pid: int | None
    error_type: str | None = None
    error_message: str | None = None
    malformed_count: int = 0
    malformed: tuple[Quarantined, ...] = ()
    """A bounded sample; `malformed_count` is exact."""
    handler_errors: int = 0
    stderr_tail: str = ""
    final_store: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class StoreWrite:
    """One put into a child's store, or one deletion."""

    key: str
    value: Any = None
    deleted: bool = False


@dataclass(frozen=True, slots=True)
class HandlerExit:
    """A handler raised what passes through `runner.spawn()`, as the scenario wants, and it came out."""

    error: str
    """`SystemExit: …`"""
    child_gone: bool
    """Whether the kernel had forgotten the child at that moment."""


@dataclass(frozen=True, slots=True)
class ChildHistory:
    """Everything known of one child process."""

    name: str
    """`victim`, or `sibling[2]` where there are copies; `recovery` is the fresh child started at the end, and
    `from-handler:TYPE` one that the handler of this type spawned."""
    group: str
    """The key in the scenario file."""
    role: Role
    timeout_s: float
    grace_s: float
    meets: bool = True
    """It was there with the faults of its wave, and waited for them as they did for it; not in another wave."""
    ends_daemons: bool = False
    """The engine was asked to end what left this child's session."""
    pid: int | None = None
    spawned_ns: int | None = None
    """Just before `runner.spawn()` was called."""
    returned_ns: int | None = None
    """Just after it returned, or raised what a handler had; None when it never did."""
    sent: Messages = field(default_factory=Messages)
    """Recorded before each message went to the wire."""
    handed_over: int = 0
    """How many of `sent` were surely handed over: over JSON their write returned, by gRPC they were acknowledged."""
    handed_over_bytes: int = 0
    """How much they are on the wire, in whole KiB."""
    longest_below: int = 1 << 16
    """No line of it was so long: a power of two, at least 64 KiB."""
    waits: int = 0
    """At least so many times there was no room for what it wrote next, in the pipe or in the window of gRPC."""
    handled: Messages = field(default_factory=Messages)
    """Recorded by the subject's handler."""
    raw: tuple[RawFrame, ...] = ()
    result: Result | None = None
    """What it said of its own end, None when no whole result was handed over."""
    result_error: dict[str, Any] | None = None
    """`{"type", "errno"}` of the error that this result told of; the second where there is one."""
    limits: dict[str, int] = field(default_factory=dict)
    """What it might use, by the names of the engine's `ResourceLimits`."""
    faults: tuple[FaultRecord, ...] = ()
    exit: KernelExit | None = None
    stopped_ns: tuple[int, ...] = ()
    """When the observer saw it in state T."""
    report: SpawnReport | None = None
    expect: dict[str, Any] = field(default_factory=dict)
    """The `expect:` of the scenario for this child."""
    expected_messages: int | None = None
    """How many messages its steps send when nothing goes wrong, None when only the run can tell."""
    expected_types: tuple[str, ...] | None = None
    """Of which types those are."""
    expected_store: dict[str, Any] = field(default_factory=dict)
    """What its steps leave in its store when nothing goes wrong."""
    store_writes: tuple[StoreWrite, ...] | None = ()
    """What its steps did to its store, in this order; None where a user's action may have done more."""
    wave: int = 1
    """Those of one wave are spawned side by side."""
    spawn_error: str | None = None
    """Text of an exception that came out of `runner.spawn()`."""
    handler_exit: HandlerExit | None = None
    """What a handler raised on purpose to leave `runner.spawn()`, which then has no report."""
    held: tuple[tuple[int, int], ...] = ()
    """From when to when a handler held up the messages of this child on purpose."""
    raised: tuple[int, ...] = ()
    """The messages, by their place in `handled`, at which their handler raised an Exception."""
    rejected: tuple[int, ...] = ()
    """The messages, by their place in `sent`, at which the parent's own middleware raised; no handler sees them."""
    clock_ahead_s: float = 0.0
    """How far the parent's clock was stepped forward during its spawn: so much less real time its timeout left it."""

    unstartable: str | None = None
    """The errno with which the kernel refuses to execute its program, as the observer saw before the run and after."""

    @property
    def refused(self) -> str | None:
        """The errno with which the kernel kept this child from starting, as the observer saw it, or as a fault of the
        parent met it itself."""
        notes = (note for fault in self.faults for note in fault.notes)
        met = (note["refused"] for note in notes if "refused" in note and note["by"] == "parent")
        return self.unstartable or next(met, None)


@dataclass(frozen=True, slots=True)
class Resources:
    """What the observer counted of the subject at one moment, from `/proc`."""

    t_ns: int
    processes: int
    """Live descendants of the subject, and of the observer as their reaper, the subject itself not counted."""
    zombies: int
    fds: int
    sockets: int
    """Those of `fds` that are sockets."""
    threads: int
    temp_files: int
    rss_anon_bytes: int


@dataclass(frozen=True, slots=True)
class Leftover:
    """A process that outlived the subject's work and that the observer had to end."""

    pid: int
    state: str
    """One letter, as in `/proc/PID/stat`."""
    command: str

    def __str__(self) -> str:
        return f"pid {self.pid}, state {self.state}: {self.command}"


@dataclass(frozen=True, slots=True)
class Descendant:
    """A process that descended from the parent, and lived, when the parent was about to be killed."""

    pid: int
    state: str
    """One letter, as in `/proc/PID/stat`."""
    command: str
    gone_ns: int | None = None
    """When its pidfd told of its end; None where that did not come before the observer looked no longer."""

    def __str__(self) -> str:
        return f"pid {self.pid}, state {self.state}: {self.command}"


@dataclass(frozen=True, slots=True)
class ParentHistory:
    """The subject: the parent process under test."""

    pid: int
    alive: bool
    """It was still the same process when the observer asked for the last time, before it was told to leave."""
    heartbeats_ns: NDArray[np.uint64] = field(default_factory=lambda: np.zeros(0, np.uint64))
    exit: KernelExit | None = None
    finished: bool = False
    """It said itself that all work was done."""
    refused_calls: int = 0
    """How many gRPC calls its runner refused until then."""
    strangers: int | None = None
    """How many connections to its gRPC server were no child's; None where that is not known."""
    overdue_s: float | None = None
    """The time of the scenario, where the observer ended the parent because that was over."""
    unhandled: tuple[str, ...] = ()
    """Exceptions nobody handled, in any thread."""
    baseline: Resources | None = None
    """Before the first spawn."""
    samples: tuple[Resources, ...] = ()
    final: Resources | None = None
    """After the last spawn returned."""
    stderr_tail: str = ""

    @property
    def memory_growth_bytes(self) -> int | None:
        """Its peak over the baseline; None where it was never counted."""
        if self.baseline is None or not self.samples:
            return None
        return max(0, max(sample.rss_anon_bytes for sample in self.samples) - self.baseline.rss_anon_bytes)


@dataclass(frozen=True, slots=True)
class Window:
    """The time in which faults happened: from the first victim's go-ahead until all faults were over."""

    opened_ns: int
    closed_ns: int | None


@dataclass(frozen=True, slots=True)
class History:
    """One run of one scenario on one transport."""

    scenario: str
    transport: str
    seed: int
    parent: ParentHistory
    children: tuple[ChildHistory, ...]
    window: Window | None = None
    leftovers: tuple[Leftover, ...] = ()
    descendants: tuple[Descendant, ...] = ()
    """Of a parent that a fault was about to kill."""
    twin: History | None = None
    """The same scenario without its faults, run just before, where that was asked for."""
    unattributed: Messages = field(default_factory=Messages)
    """Recorded by the subject's handler in the name of a child that was never spawned."""
    handlers: dict[str, dict[str, Any]] = field(default_factory=dict)
    """What the parent's handlers were to do, by message type: `raise_every`, `block_s`, `at`, … of the plan."""
    expect_run: dict[str, Any] = field(default_factory=dict)
    """The `expect_run:` of the scenario, sizes in bytes and times in seconds."""
    problems: tuple[str, ...] = ()
    """Evidence that is missing or damaged: a torn journal, a time-out of the harness itself."""
    lost: tuple[str, ...] = ()
    """Whole files of evidence that are missing or that nobody can read; without them nothing can be judged."""
    torn: int = 0
    """How many journals ended in the middle of a record, which was dropped: their writers died in it."""

    @property
    def journalled(self) -> tuple[ChildHistory, ...]:
        """The children that are ours. What a foreign program sent nobody knows."""
        return tuple(child for child in self.children if child.role != "foreign")

    @property
    def faults(self) -> tuple[FaultRecord, ...]:
        return tuple(fault for child in self.children for fault in child.faults)

    @property
    def outlived(self) -> tuple[ChildHistory, ...]:
        """The children whose end the parent could tell of: all but those that a killed parent left behind."""
        if self.killing is None:
            return self.children
        return tuple(child for child in self.children if child.returned_ns is not None)

    @property
    def killing(self) -> FaultRecord | None:
        """The fault that killed the parent; None where it lived, or died of something else.

        The observer noted which signal it sent, and the kernel's word on the parent agrees. What takes a living parent
        cannot be judged then.
        """
        end = self.parent.exit
        if end is None or end.signal is None or self.parent.finished or self.parent.overdue_s is not None:
            return None
        for fault in self.faults:
            for note in fault.notes:
                if note.get("by") == "observer" and note.get("killed_parent") == end.signal:
                    return fault
        return None

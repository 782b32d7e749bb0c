"""What a caller gets back from a spawn, whatever the child did."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from gostage_sim.gostage import errors
from gostage_sim.gostage.child.failure import describe, forget_frames
from gostage_sim.gostage.spawn.printable import printable
from gostage_sim.gostage.store import Store


class Outcome(StrEnum):
    """How a child ended."""

    COMPLETED = "completed"
    """It reported success and exited with 0."""
    FAILED = "failed"
    """An action raised an Exception, and the child reported it in an orderly way."""
    PANICKED = "panicked"
    """A BaseException came out of an action, or any exception out of a thread that nobody joined to the workflow."""
    EXITED = "exited"
    """It ended by itself without a result, or with an exit code that contradicts the result, or by `sys.exit()`."""
    SIGNALED = "signaled"
    """A signal killed it that this runner did not send."""
    TIMED_OUT = "timed_out"
    CANCELLED = "cancelled"
    LIMIT_EXCEEDED = "limit_exceeded"
    PROTOCOL_ERROR = "protocol_error"
    START_FAILED = "start_failed"


ERROR_CLASSES: dict[Outcome, type[errors.SpawnError]] = {
    Outcome.FAILED: errors.ChildFailedError,
    Outcome.PANICKED: errors.ChildPanickedError,
    Outcome.EXITED: errors.ChildExitedError,
    Outcome.SIGNALED: errors.ChildSignaledError,
    Outcome.TIMED_OUT: errors.ChildTimedOutError,
    Outcome.CANCELLED: errors.ChildCancelledError,
    Outcome.LIMIT_EXCEEDED: errors.ChildLimitExceededError,
    Outcome.PROTOCOL_ERROR: errors.ChildProtocolError,
    Outcome.START_FAILED: errors.ChildStartError,
}


@dataclass(frozen=True, slots=True)
class ChildError:
    """An exception of the child, or of its start, as text. Nothing of it was ever more than text."""

    type: str
    message: str
    traceback: str = ""
    errno: int | None = None
    """Why it could not be started, where the system said so."""


@dataclass(frozen=True, slots=True)
class MalformedLine:
    """One line in quarantine."""

    offset: int
    """Of its first byte in the child's stream."""
    length: int
    reason: str
    excerpt: bytes
    """The first bytes of it."""
    after_messages: int
    """How many messages had been read before it."""


@dataclass(slots=True)
class Malformed:
    """Lines that are no messages: all are counted, the first few are kept."""

    count: int = 0
    samples: list[MalformedLine] = field(default_factory=list)

    MAX_SAMPLES = 100

    def add(self, line: MalformedLine) -> None:
        self.count += 1
        if len(self.samples) < self.MAX_SAMPLES:
            self.samples.append(line)


@dataclass(frozen=True, slots=True)
class HandlerError:
    """A handler raised; the message counted as delivered and the next one came."""

    message_type: str
    sequence: int
    error: Exception
    """Without its traceback, whose frames would keep the message and all that came with it in memory."""
    traceback: str = ""

    @classmethod
    def of(cls, message_type: str, sequence: int, error: Exception) -> HandlerError:
        """The record of `error`, its traceback turned into text."""
        text = describe(error)["traceback"]
        forget_frames(error)
        return cls(message_type[:200], sequence, error, text)


@dataclass(frozen=True, slots=True)
class ResourceUsage:
    """What the kernel counted for a child and those of its descendants that it waited for."""

    user_s: float
    """CPU seconds in the program itself."""
    system_s: float
    """CPU seconds in the kernel on its behalf."""
    max_rss_bytes: int
    """Most memory that one process had resident. Linux counts from the fork: never less than what this program had then
    (getrusage(2))."""
    peak_memory_bytes: int | None = None
    """Most memory of all its processes together; None without a memory cgroup."""
    oom_kills: int = 0
    """How many of its processes the kernel killed for the limit of its memory cgroup."""

    @property
    def cpu_s(self) -> float:
        return self.user_s + self.system_s

    def describe(self) -> str:
        memory = self.max_rss_bytes if self.peak_memory_bytes is None else self.peak_memory_bytes
        return f"{self.cpu_s:.2f} s of CPU and at most {memory} bytes of memory"


@dataclass(frozen=True, slots=True)
class SpawnResult:
    """The whole story of one child."""

    workflow_id: str
    outcome: Outcome
    pid: int | None = None
    exit_code: int | None = None
    """None when a signal ended it, or when it never started."""
    signal: str | None = None
    """`SIGSEGV`, for example; also the one this runner sent after a time-out."""
    error: ChildError | None = None
    final_store: dict[str, Any] = field(default_factory=dict)
    """What the child sent at its end; empty when it did not get that far."""
    message_counts: dict[str, int] = field(default_factory=dict)
    malformed: Malformed = field(default_factory=Malformed)
    handler_errors: list[HandlerError] = field(default_factory=list)
    """The first hundred."""
    rejected: int = 0
    """How many messages inbound middleware refused; no handler saw them."""
    stderr_tail: str = ""
    """The last 64 KiB of the child's stderr. Hostile text: escape it before a terminal sees it."""
    first_message_s: float | None = None
    """From the start to the first message."""
    total_s: float = 0.0
    usage: ResourceUsage | None = None
    """None for a child that never started, that a fork server started, or whose exit status somebody else took."""

    @property
    def store(self) -> Store:
        """The final store to read from, a new one each time: `result.store.get("order", Order)`.

        `final_store` is the plain data of it, in which `$type` marks what JSON does not have; see
        `storing.encoding`. StoreError when the data is nested too deep to be read.
        """
        return Store.from_export(self.final_store)

    @property
    def success(self) -> bool:
        return self.outcome is Outcome.COMPLETED

    def describe(self) -> str:
        """One sentence: outcome, how it died, pid, and the end of what it said."""
        parts = [f"child {self.workflow_id!r} {self.outcome.replace('_', ' ')}"]
        if self.signal is not None:
            parts.append(f"killed by {self.signal}")
        elif self.exit_code is not None:
            parts.append(f"exit code {self.exit_code}")
        if self.pid is not None:
            parts.append(f"pid {self.pid}")
        if self.error is not None:
            parts.append(f"{self.error.type}: {_last_line(self.error.message)}")
        elif self.stderr_tail.strip():
            parts.append(f"stderr ends: {_last_line(self.stderr_tail)}")
        return ", ".join(parts)

    def raise_for_outcome(self) -> None:
        """Raise the SpawnError subclass of the outcome; nothing when it completed.

        The cause of one that could not be started is an OSError where the system said no: a child that runs out of
        descriptors while it starts one of its own has hit its limit as with any other file.
        """
        if self.success:
            return
        raised = ERROR_CLASSES[self.outcome](self)
        if self.error is not None and self.error.errno is not None:
            raise raised from OSError(self.error.errno, os.strerror(self.error.errno))
        raise raised


def _last_line(text: str) -> str:
    """The last line that says something, printable and short."""
    line = next((line for line in reversed(text.splitlines()) if line.strip()), "")
    shown = printable(line.strip())
    return shown if len(shown) <= 200 else f"{shown[:200]}…"

"""The session core: one child's life as the parent sees it, without I/O.

Bytes, end-of-file, the exit status and the time go in; messages and orders come out. Every ugly order of events is a
unit test that needs no process. The rules:

* Messages come out in the order of their lines. A bad line goes into quarantine and the next line is read.
* The exit ends a session, not end-of-file: after it the pipes are drained until they end or `drain_s` is over.
* When time is over or the caller cancels, the whole process group gets SIGTERM, after `grace_s` SIGKILL.
* The outcome is decided once, from what was seen.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum, StrEnum
from typing import Any

from gostage_sim.gostage.spawn.options import SpawnOptions
from gostage_sim.gostage.spawn.result import ChildError, Malformed, MalformedLine, Outcome
from gostage_sim.gostage.wire.framing import LineSplitter, Oversize
from gostage_sim.gostage.wire.messages import DECODE_ERRORS, Message, Origin, decode_line

EXCERPT_BYTES = 256
READ_TYPES = ("final_store", "workflow_result")
"""What the session reads itself, beside handing it on."""
MAX_TYPES = 1000
"""Distinct message types that are counted one by one; a hostile child may invent a new one for every message."""
MAX_TYPE_CHARACTERS = 200
"""A longer type is not counted by its name: a thousand types of 16 MiB each would be in memory to the end."""
UNKILLABLE_S = 10.0
"""How long after SIGKILL a process may still be there (uninterruptible sleep) before the session gives up on it."""


class Order(Enum):
    """What the driver must do."""

    TERMINATE = "SIGTERM to the group"
    KILL = "SIGKILL to the group"
    FINISH = "stop reading and release everything"


class _State(Enum):
    RUNNING = "running"
    TERMINATING = "SIGTERM sent"
    KILLED = "SIGKILL sent"
    DRAINING = "exited, pipes still open"
    FINISHED = "finished"


class _Ending(StrEnum):
    """Why the session itself ended the child."""

    TIMED_OUT = Outcome.TIMED_OUT
    CANCELLED = Outcome.CANCELLED
    PROTOCOL_ERROR = Outcome.PROTOCOL_ERROR


@dataclass(frozen=True, slots=True)
class ExitStatus:
    """What the kernel said: one of the two is set, or neither when somebody else took the status."""

    exit_code: int | None
    signal: str | None


class Session:
    """Feed it what happens; ask it what to do. `now` is seconds of one monotonic clock."""

    def __init__(self, options: SpawnOptions, origin: Origin, now: float, *, foreign: bool = False) -> None:
        self._options = options
        self._origin = origin
        self._foreign = foreign
        self._started = now
        self._state = _State.RUNNING
        self._splitter = LineSplitter(options.max_message_bytes, EXCERPT_BYTES)
        self._streams_open = True
        self._ending: _Ending | None = None
        self._exit: ExitStatus | None = None
        self._result: dict[str, Any] | None = None
        self.deadline = math.inf if options.timeout_s is None else now + options.timeout_s
        """When `tick` must be called at the latest."""
        self.received = 0
        self._type_counts: dict[str, int] = {}  # of the types that the session does not read itself
        self._read_counts = dict.fromkeys(READ_TYPES, 0)
        self.malformed = Malformed()
        self.final_store: dict[str, Any] = {}

    @property
    def message_counts(self) -> dict[str, int]:
        """How many messages of each type came."""
        return {**self._type_counts, **{kind: count for kind, count in self._read_counts.items() if count}}

    @property
    def exit_status(self) -> ExitStatus:
        return self._exit or ExitStatus(None, None)

    @property
    def finished(self) -> bool:
        return self._state is _State.FINISHED

    # --- bytes ------------------------------------------------------------------------------------------------------

    def feed(self, chunk: bytes) -> Iterator[Message]:
        """The messages that `chunk` completes, one after another; take all of them before the next call."""
        oversize, lines, offset = self._splitter.feed(chunk)
        if oversize is not None:
            self._quarantine_oversize(oversize)
        return self._decode(lines, offset)

    def stdout_ended(self) -> Iterator[Message]:
        """The pipe is at its end; what stands after the last newline is a message if it is whole."""
        rest = self._splitter.finish()
        if isinstance(rest, Oversize):
            self._quarantine_oversize(rest)
        elif rest is not None:
            yield from self._decode([rest.data], rest.offset)

    def _decode(self, lines: list[bytes], offset: int) -> Iterator[Message]:
        """The messages in these lines; `offset` is where the first line begins. The hot path of every parent."""
        limit = self._options.max_message_bytes
        if lines and max(map(len, lines)) > limit:
            for line in lines:
                if len(line) <= limit:
                    yield from self._decode([line], offset)
                else:
                    self._quarantine_oversize(Oversize(offset, len(line), line[:EXCERPT_BYTES]))
                offset += len(line) + 1
            return
        decode, origin, counts = decode_line, self._origin, self._type_counts
        measured = 0  # lines before which `offset` is; summing from the first for each bad line would be quadratic
        for index, line in enumerate(lines):
            try:
                message = decode(line)
            except DECODE_ERRORS as error:
                if line.strip():
                    reason = "nested too deep" if isinstance(error, RecursionError) else str(error)
                    offset += sum(map(len, lines[measured:index])) + index - measured
                    measured = index
                    self._put_away(MalformedLine(offset, len(line), reason, line[:EXCERPT_BYTES], self.received))
                continue
            self.received = sequence = self.received + 1
            message._origin = origin
            message._sequence = sequence
            kind = message.type
            if kind in counts:
                counts[kind] += 1
            else:
                self._take_note(message)
            yield message

    def _take_note(self, message: Message) -> None:
        """A type seen for the first time, or one that the session reads itself."""
        kind, payload = message.type, message.payload
        if kind in self._read_counts:
            self._read_counts[kind] += 1
            if isinstance(payload, dict) and kind == "final_store":
                self.final_store = payload
            elif isinstance(payload, dict):
                self._result = payload
        else:
            if len(self._type_counts) >= MAX_TYPES or len(kind) > MAX_TYPE_CHARACTERS:
                kind = "(other types)"
            self._type_counts[kind] = self._type_counts.get(kind, 0) + 1

    def _quarantine_oversize(self, line: Oversize) -> None:
        reason = f"longer than max_message_bytes ({self._options.max_message_bytes})"
        self._put_away(MalformedLine(line.offset, line.length, reason, line.start, self.received))

    def _put_away(self, line: MalformedLine) -> None:
        self.malformed.add(line)
        if self._options.malformed == "fail" and self._ending is None:
            self._ending = _Ending.PROTOCOL_ERROR
            if not self.finished:  # else it was among what the pipes still held
                self.deadline = -math.inf  # due at once: the next tick terminates

    # --- events -----------------------------------------------------------------------------------------------------

    def cancel(self, now: float) -> tuple[Order, ...]:
        """The caller no longer wants it."""
        return self._terminate(_Ending.CANCELLED, now)

    def tick(self, now: float) -> tuple[Order, ...]:
        """Time has come to `now`; what is due."""
        if now < self.deadline:
            return ()
        if self._state is _State.RUNNING:
            return self._terminate(_Ending.TIMED_OUT, now)
        if self._state is _State.TERMINATING:
            self._state, self.deadline = _State.KILLED, now + UNKILLABLE_S
            return (Order.KILL,)
        return self._finish()

    def exited(self, now: float) -> tuple[Order, ...]:
        """The child is gone (and not yet reaped); what it wrote is drained."""
        if self._state in (_State.DRAINING, _State.FINISHED):
            return ()
        if not self._streams_open:
            return self._finish()
        self._state, self.deadline = _State.DRAINING, now + self._options.drain_s
        return ()

    def streams_closed(self) -> tuple[Order, ...]:
        """Both pipes are at their end and were drained."""
        self._streams_open = False
        return self._finish() if self._state is _State.DRAINING else ()

    def reaped(self, status: ExitStatus) -> None:
        """The exit status, once the session is finished."""
        self._exit = status

    def _terminate(self, ending: _Ending, now: float) -> tuple[Order, ...]:
        if self._state is not _State.RUNNING:
            return ()
        self._ending = self._ending or ending  # a bad line that is to end the child came first
        self._state, self.deadline = _State.TERMINATING, now + self._options.grace_s
        return (Order.TERMINATE,)

    def _finish(self) -> tuple[Order, ...]:
        self._state, self.deadline = _State.FINISHED, math.inf
        return (Order.FINISH,)

    # --- the end ----------------------------------------------------------------------------------------------------

    def verdict(self) -> tuple[Outcome, ChildError | None]:
        """The outcome and the child's error, decided from what was seen."""
        error = self._reported_error()
        status = self.exit_status
        if self._ending is not None:
            return Outcome(self._ending), error or self._own_error()
        if status.signal is not None:
            limit = {"SIGXCPU": "cpu_s", "SIGXFSZ": "file_size_bytes"}.get(status.signal)
            if limit is not None and getattr(self._options.limits, limit) is not None:
                return Outcome.LIMIT_EXCEEDED, ChildError("LimitExceeded", f"limit {limit} was hit: {status.signal}")
            return Outcome.SIGNALED, error
        if self._result is None:
            clean = self._foreign and status.exit_code == 0
            return (Outcome.COMPLETED if clean else Outcome.EXITED), error
        if self._result.get("success") is True:
            # No status at all: somebody else in this program reaped the child. Then its own word is the best there is.
            return (Outcome.COMPLETED if status.exit_code in (0, None) else Outcome.EXITED), error
        if status.exit_code == 0 and not self._foreign:
            return Outcome.EXITED, error  # ours never leave with 0 after a failure; something else ended this one
        facts = self._result.get("error")
        if isinstance(facts, dict) and facts.get("panicked") is True:
            return Outcome.PANICKED, error
        if error is not None and error.type == "MemoryError" and self._options.limits.memory_bytes is not None:
            return Outcome.LIMIT_EXCEEDED, ChildError("LimitExceeded", "limit memory_bytes was hit: MemoryError")
        return Outcome.FAILED, error

    def _own_error(self) -> ChildError | None:
        if self._ending is _Ending.TIMED_OUT:
            return ChildError("TimeoutError", f"not finished after {self._options.timeout_s:g} s")
        if self._ending is _Ending.PROTOCOL_ERROR and self.malformed.samples:
            line = self.malformed.samples[0]
            return ChildError("ProtocolError", f"bad line at byte {line.offset}: {line.reason}")
        return None

    def _reported_error(self) -> ChildError | None:
        """The error in the child's result, taken as text whatever it is."""
        if self._result is None or self._result.get("success") is True:
            return None
        facts = self._result.get("error")
        facts = facts if isinstance(facts, dict) else {}
        message = facts.get("message", self._result.get("error_message", ""))
        return ChildError(_text(facts.get("type", "error")), _text(message), _text(facts.get("traceback", "")))


def _text(value: Any) -> str:
    try:
        return str(value)
    except (RecursionError, ValueError):  # decoded by a reader that goes deeper than `repr` does
        return f"<{type(value).__name__} nested too deep>"

"""The session core: one child's life as the parent sees it, without I/O.

Bytes, end-of-file, the exit status and the time go in; messages and orders come out. Every ugly order of events is a
unit test that needs no process. The rules:

* Messages come out in the order they went in. What is none goes into quarantine, and the next one is read.
* The exit ends a session, not end-of-file: after it what was sent is drained until it ends or `drain_s` is over.
* When time is over or the caller cancels, the whole process group gets SIGTERM, after `grace_s` SIGKILL.
* The outcome is decided once, from what was seen.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import Enum, StrEnum
from typing import Any

from gostage_sim.gostage.spawn.limits import hit_by_error, hit_by_last_words, hit_by_signal
from gostage_sim.gostage.spawn.options import SpawnOptions
from gostage_sim.gostage.spawn.readers import LineReader, PutAway, Reader
from gostage_sim.gostage.spawn.result import ChildError, Malformed, MalformedLine, Outcome, ResourceUsage
from gostage_sim.gostage.wire.messages import UNSAID, Message, Origin

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
    DRAINING = "exited, streams still open"
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
    usage: ResourceUsage | None = None


class Session:
    """Feed it what happens; ask it what to do. `now` is seconds of one monotonic clock."""

    def __init__(
        self,
        options: SpawnOptions,
        origin: Origin,
        now: float,
        *,
        foreign: bool = False,
        make_reader: Callable[[int, PutAway], Reader] = LineReader,
    ) -> None:
        self._options = options
        self._origin = origin
        self._foreign = foreign
        self._started = now
        self._state = _State.RUNNING
        self._reader = make_reader(options.max_message_bytes, self._put_away)
        self._streams_open = True
        self._ending: _Ending | None = None
        self._exit: ExitStatus | None = None
        self._result: dict[str, Any] | None = None
        self.deadline = math.inf if options.timeout_s is None else now + options.timeout_s
        """When `tick` must be called at the latest."""
        self.received = 0
        self._place = UNSAID
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

    def feed(self, chunk: Any) -> Iterator[Message]:
        """The messages that `chunk` completes, one after another; take all of them before the next call.

        A chunk is what the session's reader takes: bytes of a pipe, or a frame of a gRPC call.
        """
        return self._number(self._reader.feed(chunk))

    def stream_ended(self) -> Iterator[Message]:
        """Nothing more comes; what was held back is a message if it is whole."""
        return self._number(self._reader.finish())

    def _number(self, messages: list[Message]) -> Iterator[Message]:
        """Count them, and tell each where it comes from."""
        origin, place = self._origin, self._place
        for sequence, message in enumerate(messages, self.received + 1):
            message._origin = origin
            message._sequence = sequence
            if message._where is UNSAID:
                message._where = place
            else:
                place = message._where
        self._place = place
        self.received += len(messages)
        self._count(messages)
        return iter(messages)

    def _count(self, messages: list[Message]) -> None:
        """By type. What comes at once is mostly of one, which then takes one addition."""
        counts = self._type_counts
        kinds = {message.type for message in messages}
        if len(kinds) == 1 and counts.keys() >= kinds:
            counts[kinds.pop()] += len(messages)
            return
        for message in messages:
            kind = message.type
            if kind in counts:
                counts[kind] += 1
            else:
                self._take_note(message)

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

    def _put_away(self, offset: int, length: int, reason: str, excerpt: bytes, before: int = 0) -> None:
        self.malformed.add(MalformedLine(offset, length, reason, excerpt, self.received + before))
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
        """Everything that the child can speak through is at its end and was drained."""
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

    def verdict(self, stderr_tail: str = "") -> tuple[Outcome, ChildError | None]:
        """The outcome and the child's error, decided from what was seen; `stderr_tail` only where no result was."""
        error = self._reported_error()
        status = self.exit_status
        facts = self._error_facts()
        left = facts.get("exited") is True
        if self._ending is not None:  # sys.exit() is how many a program answers SIGTERM, and not why it had to
            return Outcome(self._ending), self._own_error() if left else error or self._own_error()
        if status.signal is not None:
            hit = hit_by_signal(self._options.limits, status.signal, status.usage)
            return (Outcome.SIGNALED, error) if hit is None else (Outcome.LIMIT_EXCEEDED, _limit_error(hit))
        if self._result is None:
            hit = hit_by_last_words(self._options.limits, status.exit_code, stderr_tail, status.usage)
            if hit is not None:
                return Outcome.LIMIT_EXCEEDED, _limit_error(hit)
            clean = self._foreign and status.exit_code == 0
            return (Outcome.COMPLETED, error) if clean else (Outcome.EXITED, error or self._silence())
        if self._result.get("success") is True:
            # No status at all: somebody else in this program reaped the child. Then its own word is the best there is.
            return (Outcome.COMPLETED if status.exit_code in (0, None) else Outcome.EXITED), error
        if left or (status.exit_code == 0 and not self._foreign):
            return Outcome.EXITED, error  # ours never leave with 0 after a failure; something else ended this one
        if error is not None:
            code = facts.get("errno")
            hit = hit_by_error(self._options.limits, error.type, error.message, code, status.usage)
            if hit is not None:
                return Outcome.LIMIT_EXCEEDED, _limit_error(hit, error.traceback)
        return (Outcome.PANICKED if facts.get("panicked") is True else Outcome.FAILED), error

    def _silence(self) -> ChildError | None:
        """What is likely wrong with a program of ours that left in peace and sent nothing."""
        if self.received or self.exit_status.exit_code != 0:
            return None
        return ChildError(
            "NoResult",
            "the child ended with exit code 0 and sent no message; a program that starts itself again must call "
            "gostage.child_main() when gostage.is_child()",
        )

    def _own_error(self) -> ChildError | None:
        if self._ending is _Ending.TIMED_OUT:
            return ChildError("TimeoutError", f"not finished after {self._options.timeout_s:g} s")
        if self._ending is _Ending.PROTOCOL_ERROR and self.malformed.samples:
            line = self.malformed.samples[0]
            return ChildError("ProtocolError", f"bad line at byte {line.offset}: {line.reason}")
        return None

    def _error_facts(self) -> dict[str, Any]:
        facts = None if self._result is None else self._result.get("error")
        return facts if isinstance(facts, dict) else {}

    def _reported_error(self) -> ChildError | None:
        """The error in the child's result, taken as text whatever it is."""
        if self._result is None or self._result.get("success") is True:
            return None
        facts = self._error_facts()
        message = facts.get("message", self._result.get("error_message", ""))
        return ChildError(_text(facts.get("type", "error")), _text(message), _text(facts.get("traceback", "")))


def _limit_error(hit: str, traceback: str = "") -> ChildError:
    return ChildError("LimitExceeded", hit, traceback)


def _text(value: Any) -> str:
    try:
        return str(value)
    except (RecursionError, ValueError):  # decoded by a reader that goes deeper than `repr` does
        return f"<{type(value).__name__} nested too deep>"

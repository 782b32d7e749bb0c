"""What a fault is: frozen parameters, where it may be placed, how it is done, and what witnesses that it happened.

A fault runs inside the child at its point (`inject`), unless something outside must do it: then it also has `inflict`,
which the observer runs while the child holds still at the point, or goes on from it. A fault of the parent has `around`
instead, which the parent enters before it spawns the child, or while it handles one of the child's messages. One that
can be done at points of either kind has both. This module and every fault are imported by child processes, so they
import little.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Protocol, runtime_checkable

if TYPE_CHECKING:
    import random
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from contextlib import AbstractContextManager

    from gostage_sim.history.model import ChildHistory, FaultRecord

Point = Literal["spawn", "definition", "step", "message", "byte", "result", "handler"]

#: Every point inside a child, for faults that can strike anywhere in it.
ANYWHERE: frozenset[Point] = frozenset({"definition", "step", "message", "byte", "result"})

#: The point of faults of the parent that make sense only before the child is started.
AT_SPAWN: frozenset[Point] = frozenset({"spawn"})

#: The points of faults that strike in the parent.
IN_PARENT: frozenset[Point] = frozenset({"spawn", "handler"})


@dataclass(frozen=True, slots=True)
class After:
    """Something that another child does: it has sent message `message` (counted from 1), and nothing that happens to it
    can lose that any more."""

    child: str
    """`name`, or `name[2]` where there are copies."""
    message: int


@dataclass(frozen=True, slots=True)
class Placement:
    """A logical point in a child's life, never a time.

    * `spawn`: in the parent, around the call that starts the child and waits for it; of a child with copies around each
      of these calls, or around that for copy `spawn` (counted from 1) alone
    * `definition`: before the definition is read from stdin
    * `step`: before step `step` (counted from 1)
    * `message`: when message `message` (counted from 1, on the channel) is handed over: over JSON the kernel has it, by
      gRPC the parent has acknowledged it, and so everything before it
    * `byte`: when `byte` bytes (at least 1) of message `message`, of its line on either transport, are handed over
    * `result`: between the result and the exit
    * `handler`: in the parent, while a handler has message `handler` of the child (counted from 1, as they are handled;
      the final store and the result at its end too), in the handler's thread; a fault that lasts is in effect from
      there on until the spawn has returned
    """

    point: Point
    step: int | None = None
    message: int | None = None
    byte: int | None = None
    until: int | None = None
    """The last message for which a fault that lasts is in effect; None where it lasts to the end."""
    spawn: int | None = None
    """The copy of the child that has the fault; None where each has it."""
    handler: int | None = None
    after: After | None = None
    """At a step, a message or a byte: the child waits there until this has happened."""


class Victim(Protocol):
    """What a fault may do inside the child; `gostage_sim.harness.child` provides it."""

    rng: random.Random
    """Seeded from the scenario's seed, the child and the fault."""

    @property
    def stdout_fd(self) -> int:
        """The private descriptor of the real stdout; fd 1 points at stderr."""

    @property
    def channel_fd(self) -> int:
        """What carries the messages: the same descriptor over JSON, the socket of the connection by gRPC."""

    def note(self, **facts: Any) -> None:
        """Record JSON-able facts in this fault's record, in the memory-mapped journal: they survive a SIGKILL."""

    def send(self, type: str, payload: Any) -> None:
        """An ordinary message, journalled like any other."""

    def send_many(self, type: str, payloads: Iterable[Any]) -> None:
        """Many ordinary messages, journalled, written in blocks."""

    def write_raw(
        self, data: bytes, *, must_quarantine: bool, message: tuple[str, Any] | None = None, note: str = ""
    ) -> None:
        """Bytes straight to the wire, journalled with their offset. `message` says which message a good parent reads
        from them, so that it counts as sent."""

    def request(self, data: bytes, *, must_quarantine: bool, note: str = "") -> str:
        """By gRPC: these bytes as a `SendMessage` of their own, journalled; the name of the status it ends with."""

    @property
    def server(self) -> str:
        """By gRPC: where the parent listens, `127.0.0.1:40112`."""

    @property
    def token(self) -> str:
        """By gRPC: what lets this child in."""

    def before_each_message(self, action: Callable[[], None]) -> None:
        """Call `action` before every later message of this child, up to the last one of the fault's window. When that
        is over the record has a note `window_over`."""

    def call_observer(self) -> None:
        """Have the observer inflict its part, and go on meanwhile."""

    def interpose(self, relay: Callable[[Stream], None]) -> None:
        """At the definition: start a process between this child and its parent, which runs `relay` on all that the
        child sends. Several stand behind each other, the first nearest to the parent."""

    def hold(self) -> None:
        """Have the observer inflict its part, and stay at the point until killed, or released by who holds the
        `Target`: blocks in the kernel, without using CPU."""


class Stream(Protocol):
    """What a child sends, as a relay process between it and its parent holds it; `gostage_sim.harness.stream` provides
    it. Over JSON these are the bytes of the pipe, by gRPC those of the TCP connection; what comes back from the parent
    passes as it is. BrokenPipeError when the parent has closed its end, which the fault leaves alone.

    Every piece is recorded in the relay's own journal, `by: relay`: `{"read": offset, "length": …}` as it came from the
    child, `{"wrote": offset, "length": …}` once the kernel has it on its way to the parent.
    """

    rng: random.Random
    """As the victim's."""
    in_lines: bool
    """Whether it is made of lines, as over JSON."""
    position: int
    """How many bytes have been handed on."""
    line_start: int
    """Where in these the last line begins that has no end yet."""
    lines: int
    """How many ends of lines were among them."""

    def read(self, timeout_s: float | None = None) -> bytes | None:
        """What comes next, 64 KiB at most; `b""` at the end, None when nothing came in this time."""

    def __iter__(self) -> Iterator[bytes]:
        """What comes, piece by piece, to its end."""

    def frames(self) -> Iterator[bytes]:
        """As `__iter__`, but over JSON in whole lines with their newlines, the last perhaps without."""

    def write(self, data: bytes) -> None:
        """Hand these bytes on; waits while the parent is behind."""

    def wait(self, seconds: float) -> bool:
        """Let time pass, but no longer than the parent's end is open: False when that was closed."""

    def release(self) -> None:
        """Let a child that waits for it exit, though the relay is not done; at the relay's end that is done for it."""

    def reset(self) -> None:
        """End both sides at once, by gRPC with a RST. Does not return."""

    def note(self, **facts: Any) -> None:
        """Record facts in the fault's record, `by: relay`."""


class Target(Protocol):
    """What the observer can do to a child it holds a pidfd on, and to its parent."""

    pid: int

    def signal(self, name: str) -> None:
        """Send `SIGTERM`, … through the pidfd; raises ProcessLookupError when it is gone."""

    def wait_for_state(self, state: str, timeout_s: float) -> bool:
        """Wait until `/proc/PID/stat` shows this state letter; False when it did not within the time."""

    def wait_for_write(self, timeout_s: float) -> int | None:
        """Wait until the kernel shows a thread of it asleep in the write(2) of a pipe, and say of how many bytes; None
        when it did not within the time, or was gone."""

    def wait_until_pending(self, name: str, timeout_s: float) -> bool:
        """Wait until the kernel shows that somebody has sent this signal, which the child blocks; False when it did not
        within the time."""

    def wait_for_end(self, timeout_s: float) -> bool:
        """Wait until the child is gone, a zombie or less; False when it was not within the time."""

    def release(self) -> None:
        """Let the child go on from the point where it holds."""

    def record_descendants(self) -> None:
        """Write down who descends from the parent, which is about to be killed, and watch them go."""

    def signal_parent(self, name: str, *, group: bool = False) -> None:
        """Send a signal to the parent through its pidfd, or to its process group; ProcessLookupError when it is
        gone."""

    def wait_until_parent_took(self, name: str, timeout_s: float) -> bool:
        """Whether the parent handles this signal, and none is pending within the time."""

    def wait_for_parents_end(self, timeout_s: float) -> bool:
        """Wait until the parent's pidfd tells of its end; False when it did not within the time."""

    def note(self, **facts: Any) -> None:
        """Record facts in the fault's record, `by: observer`."""


class Parent(Protocol):
    """What a fault may do in the parent around one spawn; `gostage_sim.harness.parent_faults` provides it."""

    starting: bool
    """Whether the child is still to be started; else a handler has one of its messages."""
    command: list[str]
    """What starts the child. A fault may put another in its place, for this one spawn."""

    def note(self, **facts: Any) -> None:
        """Record facts in the fault's record, `by: parent`."""

    def hold(self) -> None:
        """In a handler: have the observer inflict its part, and stay there until that ends this process or raises."""

    def before_reaping(self, action: Callable[[int], object]) -> None:
        """Call `action` with its pid when the engine is about to take the exit status of this child."""

    def close_runner(self) -> None:
        """`Runner.close()`."""

    def use_for_spawns(self, middleware: Any) -> AbstractContextManager[None]:
        """`Runner.use_for_spawns()`, for the spawns that begin meanwhile."""

    def use_for_messages(self, inbound: Callable[[Any], Any]) -> AbstractContextManager[None]:
        """Inbound IPC middleware of the broker, for the messages of this child's own actions; what it raises at is
        recorded as rejected."""

    def step_clock(self, seconds: float) -> None:
        """Set the clock of the runner forward, or back, and record it."""

    def clock_looks(self) -> int:
        """How often the runner has looked at its clock."""

    def listening(self) -> list[int]:
        """The TCP ports at which this process listens, as the kernel says."""


class Fault(Protocol):
    """A frozen dataclass in one file of this folder; its fields are the parameters a scenario file may give.

    It has one of two powers: `StrikesInChild`, or `StrikesInParent` where its points are `IN_PARENT`; or both.

    Its docstring says exactly what it does for real. Each field has `metadata` with a `description`, and bounds (`ge`,
    `le`) where there are any: pydantic reads these names from the metadata of a plain dataclass, so that a schema
    shows them without the child having to import pydantic; `bounds.check_bounds` checks them. Parameters
    that contradict each other are a ValueError of `__post_init__`.
    """

    kind: ClassVar[str]
    points: ClassVar[frozenset[Point]]
    example: ClassVar[str]
    """An entry of `faults:` in a scenario file, as YAML; printed by `gostage-sim explain`."""

    def witness(self, fault: FaultRecord, child: ChildHistory) -> str | None:
        """What in the history proves that it happened, in one clause (`killed by SIGSEGV`); None when nothing does.

        Only asked when `fault.fired_ns` is set. It must not trust the engine under test: wait status, `/proc` state,
        journal entries and byte offsets count, `child.report` does not.
        """


@runtime_checkable
class StrikesInChild(Protocol):
    """Power of a fault: it is done in the child."""

    def inject(self, victim: Victim) -> None:
        """Do it, in the child, at the point. May never return."""


@runtime_checkable
class StrikesInParent(Protocol):
    """Power of a fault: it is done in the parent, and undone."""

    def around(self, parent: Parent) -> AbstractContextManager[None]:
        """In effect while the child is spawned and waited for, or from one of its messages on until the spawn has
        returned; meanwhile siblings run, and none of them starts or ends.

        A fault that keeps the child from starting tries the same itself and notes the errno's name as `refused`.
        """


@runtime_checkable
class InflictedFromOutside(Protocol):
    """Optional power of a fault: the observer does it while the child, or the parent, holds still at the point, or when
    the child has called it."""

    def inflict(self, target: Target) -> None: ...


@runtime_checkable
class StandsBetween(Protocol):
    """Optional power of a fault of the stream: what its relay does, which it asks for by `Victim.interpose`."""

    def relay(self, stream: Stream) -> None:
        """In a process of its own. The stream to the parent ends when this returns."""


@runtime_checkable
class SendsMessages(Protocol):
    """Power of every fault that puts messages on the channel: it says beforehand which. Others send none."""

    def sends(self) -> Mapping[str, int]:
        """How many of each type; their sum counts, how it is shared among the types may differ."""


@runtime_checkable
class LimitsPlacement(Protocol):
    """Optional power of a fault: parameters that narrow where it may be placed."""

    def placement_problem(self, at: Placement) -> str | None:
        """Why it cannot be placed there with these parameters, or None."""


@runtime_checkable
class LastsOverMessages(Protocol):
    """Optional power of a fault: it is in effect for later messages too, and can be ended by `at: {…, until: m}`."""

    def window_problem(self) -> str | None:
        """Why it cannot be ended with these parameters, or None."""


@runtime_checkable
class LimitsTransports(Protocol):
    """Optional power of a fault: it does not exist on every transport, or not everywhere on it."""

    def transport_problem(self, transport: str, at: Placement) -> str | None:
        """Why it cannot be done on this transport (`json` or `grpc`) there, or None."""

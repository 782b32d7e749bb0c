"""The session core under every order of events, without a process."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from gostage_sim.gostage.spawn.options import ResourceLimits, SpawnOptions
from gostage_sim.gostage.spawn.readers import LineReader
from gostage_sim.gostage.spawn.result import Outcome
from gostage_sim.gostage.spawn.session import UNKILLABLE_S, ExitStatus, Order, Session
from gostage_sim.gostage.wire.messages import Message, Origin

ORIGIN = Origin("w", 42, "s")


def session(*, foreign: bool = False, **options: Any) -> Session:
    options = {"timeout_s": 10.0, "grace_s": 2.0, "drain_s": 0.5, **options}
    return Session(SpawnOptions(**options), ORIGIN, 100.0, foreign=foreign)


def line(type_: str, payload: object = None) -> bytes:
    return json.dumps({"type": type_, "payload": payload}).encode() + b"\n"


SUCCESS = line("workflow_result", {"workflow_id": "w", "success": True})
FAILURE = line(
    "workflow_result", {"success": False, "error": {"type": "ValueError", "message": "no", "traceback": "tb"}}
)
LEFT = line("workflow_result", {"success": False, "error": {"type": "SystemExit", "message": "m", "exited": True}})
PANIC = line("workflow_result", {"success": False, "error": {"type": "X", "message": "m", "panicked": True}})


def end(core: Session, exit_code: int | None = 0, signal: str | None = None) -> Outcome:
    """Exit, close the pipes, reap; the outcome."""
    core.exited(101.0)
    list(core.stream_ended())
    assert core.streams_closed() == (Order.FINISH,)
    assert core.finished
    core.reaped(ExitStatus(exit_code, signal))
    return core.verdict()[0]


@pytest.mark.parametrize(
    ("said", "exit_code", "signal", "foreign", "outcome"),
    [
        (SUCCESS, 0, None, False, Outcome.COMPLETED),
        (SUCCESS, 3, None, False, Outcome.EXITED),
        (SUCCESS, None, "SIGSEGV", False, Outcome.SIGNALED),
        (SUCCESS, None, None, False, Outcome.COMPLETED),
        (FAILURE, 1, None, False, Outcome.FAILED),
        (PANIC, 70, None, False, Outcome.PANICKED),
        (b"", 0, None, False, Outcome.EXITED),
        (b"", 0, None, True, Outcome.COMPLETED),
        (b"", 3, None, True, Outcome.EXITED),
        (b"", None, "SIGKILL", False, Outcome.SIGNALED),
        (line("workflow_result", "not an object"), 0, None, False, Outcome.EXITED),
        (line("workflow_result", {"success": "yes"}), 1, None, False, Outcome.FAILED),
        (FAILURE, 0, None, False, Outcome.EXITED),
        (FAILURE, 0, None, True, Outcome.FAILED),
        (FAILURE + SUCCESS, 0, None, False, Outcome.COMPLETED),
        (LEFT, 0, None, False, Outcome.EXITED),
        (LEFT, 0, None, True, Outcome.EXITED),
        (LEFT, 1, None, False, Outcome.EXITED),
        (LEFT, 70, None, False, Outcome.EXITED),
        (LEFT, None, "SIGSEGV", False, Outcome.SIGNALED),
    ],
)
def test_outcomes(said: bytes, exit_code: int | None, signal: str | None, foreign: bool, outcome: Outcome) -> None:
    """The outcome follows from what the child said and what the kernel said, the kernel's word first."""
    core = session(foreign=foreign)
    list(core.feed(said))
    assert end(core, exit_code, signal) is outcome


@pytest.mark.parametrize(
    ("said", "exit_code", "told"),
    [(b"", 0, True), (b"a stray print\n", 0, True), (b"", 1, False), (line("a"), 0, False)],
)
def test_a_program_that_forgot_to_be_a_child(said: bytes, exit_code: int, told: bool) -> None:
    """One of ours that leaves in peace and has sent nothing has most likely never asked whether it is a child."""
    core = session()
    list(core.feed(said))
    end(core, exit_code)
    error = core.verdict()[1]
    assert (error is not None) == told
    if error is not None:
        assert error.message == (
            "the child ended with exit code 0 and sent no message; a program that starts itself again must call "
            "gostage.child_main() when gostage.is_child()"
        )


@pytest.mark.parametrize(
    ("limits", "said", "status", "text"),
    [
        (
            ResourceLimits(cpu_s=1),
            b"",
            ExitStatus(None, "SIGXCPU"),
            "limit cpu_s=1 was hit: SIGXCPU; its usage is not known",
        ),
        (
            ResourceLimits(memory_bytes=10**9),
            line("workflow_result", {"success": False, "error": {"type": "MemoryError", "message": ""}}),
            ExitStatus(1, None),
            "limit memory_bytes=1000000000 was hit: MemoryError; its usage is not known",
        ),
    ],
)
def test_limits(limits: ResourceLimits, said: bytes, status: ExitStatus, text: str) -> None:
    """A limit that was hit is named in the error."""
    core = session(limits=limits)
    list(core.feed(said))
    core.exited(101.0)
    core.streams_closed()
    core.reaped(status)
    outcome, error = core.verdict()
    assert outcome is Outcome.LIMIT_EXCEEDED
    assert error is not None
    assert error.message == text


def test_time_over() -> None:
    """At the deadline the group gets SIGTERM, after the grace period SIGKILL; the outcome says timed out."""
    core = session()
    assert core.tick(109.9) == ()
    assert core.tick(110.0) == (Order.TERMINATE,)
    assert core.tick(111.9) == ()
    assert core.tick(112.0) == (Order.KILL,)
    assert end(core, None, "SIGKILL") is Outcome.TIMED_OUT
    assert core.verdict()[1].message == "not finished after 10 s"  # type: ignore[union-attr]


def test_sys_exit_as_an_answer_to_sigterm() -> None:
    """A child that leaves because it is told to was still ended for the time it took, and the error says that."""
    core = session()
    core.tick(110.0)
    list(core.feed(LEFT))
    assert end(core) is Outcome.TIMED_OUT
    assert core.verdict()[1].message == "not finished after 10 s"  # type: ignore[union-attr]


def test_unkillable() -> None:
    """A process that SIGKILL does not end is given up after a bound; the session still finishes."""
    core = session()
    core.tick(110.0)
    core.tick(112.0)
    assert core.tick(112.0 + UNKILLABLE_S) == (Order.FINISH,)
    assert core.verdict()[0] is Outcome.TIMED_OUT


def test_cancel() -> None:
    """A cancelled child is terminated once, and the outcome says cancelled also when it exits by itself then."""
    core = session()
    assert core.cancel(101.0) == (Order.TERMINATE,)
    assert core.cancel(101.0) == ()
    assert end(core, 0) is Outcome.CANCELLED


def test_exit_ends_a_session_not_end_of_file() -> None:
    """A grandchild that holds the pipe open gets a short drain; then the session finishes without end-of-file."""
    core = session()
    assert core.exited(101.0) == ()
    assert core.tick(101.4) == ()
    assert [message.type for message in core.feed(line("late"))] == ["late"]
    assert core.tick(101.5) == (Order.FINISH,)
    assert core.finished


def test_closed_pipes_do_not_end_a_session() -> None:
    """A child that closes its pipes and lives on is waited for, until its time is over."""
    core = session()
    list(core.stream_ended())
    assert core.streams_closed() == ()
    assert not core.finished
    assert core.tick(110.0) == (Order.TERMINATE,)
    assert core.exited(110.1) == (Order.FINISH,)


def test_quarantine() -> None:
    """Bad lines are counted with offset, length and reason; good ones around them are read, empty ones are none."""
    core = session(max_message_bytes=1024)
    data = line("a") + b"not json\n" + b"\n" + b" \r\n" + b"[1]\n" + b"x" * 2000 + b"\n" + line("b")[:-1] + b"\r\n"
    assert [message.type for message in core.feed(data)] == ["a", "b"]
    samples = [(bad.offset, bad.length, bad.reason, bad.after_messages) for bad in core.malformed.samples]
    first = len(line("a"))
    assert samples == [
        (first, 8, "JSON is malformed: invalid character (byte 4)", 1),
        (first + 13, 3, "Expected `object`, got `array`", 1),
        (first + 17, 2000, "longer than max_message_bytes (1024)", 1),
    ]
    assert core.malformed.count == 3


def test_cut_off_last_line() -> None:
    """What stands after the last newline is a message when it is whole, and quarantined when it is not."""
    whole, cut = session(), session()
    list(whole.feed(b'{"type":"last"}'))
    assert [message.type for message in whole.stream_ended()] == ["last"]
    list(cut.feed(b'{"type":"la'))
    assert list(cut.stream_ended()) == []
    assert [(bad.offset, bad.length) for bad in cut.malformed.samples] == [(0, 11)]


def test_malformed_can_be_fatal() -> None:
    """With `malformed="fail"` the first bad line ends the child, and the error names its place."""
    core = session(malformed="fail")
    list(core.feed(line("a") + b"oops\n"))
    assert core.tick(100.0) == (Order.TERMINATE,)
    assert end(core, None, "SIGTERM") is Outcome.PROTOCOL_ERROR
    error = core.verdict()[1]
    assert error is not None
    assert error.message == f"bad line at byte {len(line('a'))}: JSON is malformed: invalid character (byte 0)"


def test_the_first_reason_to_end_a_child_stays() -> None:
    """A caller who cancels after the bad line that is to end the child does not change why it is ended."""
    core = session(malformed="fail")
    list(core.feed(b"oops\n"))
    assert core.cancel(100.0) == (Order.TERMINATE,)
    assert end(core, None, "SIGTERM") is Outcome.PROTOCOL_ERROR


def test_a_finished_session_gives_no_more_orders() -> None:
    """A bad line among what the pipes still held is in quarantine, and nothing is due any more."""
    core = session(malformed="fail")
    core.exited(101.0)
    assert core.tick(101.5) == (Order.FINISH,)
    list(core.feed(b"oops\n"))
    assert (core.malformed.count, core.tick(10_000.0), core.cancel(10_000.0)) == (1, (), ())


def test_samples_and_types_are_bounded() -> None:
    """A hostile child can fill neither the list of samples nor the table of types."""
    core = session()
    for i in range(1500):
        list(core.feed(line(f"type-{i}") + b"bad\n"))
    assert core.malformed.count == 1500
    assert len(core.malformed.samples) == 100
    assert len(core.message_counts) <= 1001
    assert sum(core.message_counts.values()) == 1500


def test_long_messages_keep_what_they_are() -> None:
    """A handler may keep long messages that follow one another: each has its own payload and place."""
    core = session()
    kept: list[Message] = []
    for number in range(3):
        place = {"stage_id": f"stage {number}", "action_name": "a"}
        whole = json.dumps({"type": "t", "context": place, "payload": str(number) * 200_000}).encode() + b"\n"
        for start in range(0, len(whole), 65536):
            kept += core.feed(whole[start : start + 65536])
    assert [(m.payload[:2], len(m.payload), m.context.stage_id) for m in kept] == [
        (str(number) * 2, 200_000, f"stage {number}") for number in range(3)
    ]


def test_lines_come_from_where_the_line_before_came() -> None:
    """A line that does not say its place has that of the one before, over chunks and bad lines; `{}` is no place."""
    said = b'{"type":"t","context":{"stage_id":"%b"}}\n'
    stream = line("t") + said % b"one" + line("t") + b"bad\n" + line("t") + said % b"two" + line("t")
    stream += b'{"type":"t","context":{}}\n' + line("t")
    for cut in (1, 7, 50, len(stream)):
        core = session()
        messages = [m for start in range(0, len(stream), cut) for m in core.feed(stream[start : start + cut])]
        assert [m.context.stage_id for m in messages] == ["", "one", "one", "one", "two", "two", "", ""]


def test_messages_are_counted_by_type() -> None:
    """Whether what comes at once is of one type or of several, known or new."""
    core = session()
    for types in ("a", "aaa", "ab", "bb", "abc"):
        list(core.feed(b"".join(map(line, types))))
    assert core.message_counts == {"a": 6, "b": 4, "c": 1}
    assert core.received == 11


@pytest.mark.parametrize("cut", [1, 20, 10_000])
def test_a_line_that_is_not_text_is_no_message(cut: int) -> None:
    """Wherever it is not: in what nobody reads as well, and however it is cut. Other lines are read as ever."""
    core = session()
    bad = [
        b'{"type":"t","context":"\xff"}\n',
        b'{"type":"t","extra\xc3":1}\n',
        b'{"type":"t","extra":"\xed\xa0\x80"}\n',
    ]
    long = b'{"type":"t","extra":"' + "🐢".encode() * (30_000 if cut == 1 else 300_000) + b'"}\n'
    good = '{"type":"t","payload":"ü","extra":"🐢"}\n'.encode()
    stream = b"".join(line + good + one for line, one in zip(bad, (line("t"), long, good), strict=True))
    received = sum(len(list(core.feed(stream[at : at + cut]))) for at in range(0, len(stream), cut))
    assert (received, core.malformed.count) == (6, 3)
    assert [sample.offset for sample in core.malformed.samples] == [stream.index(line) for line in bad]


def test_a_child_cannot_set_the_context() -> None:
    """Origin and sequence are the parent's, whatever keys the child writes; a strange context is no error."""
    core = session()
    hostile = b'{"type":"x","_origin":{"pid":1},"_sequence":99,"context":"nonsense"}\n'
    context = next(core.feed(hostile)).context
    assert (context.pid, context.workflow_id, context.sequence, context.stage_id) == (42, "w", 1, "")


LINES = {
    "message": b'{"type":"n","payload":{"i":1,"s":"\xf0\x9f\x90\xa2\xc3\xbc"}}',
    "padded": b' {"payload":[1.5,null,true],"type":"n","extra":0} \r',
    "success": SUCCESS[:-1],
    "failure": FAILURE[:-1],
    "panic": PANIC[:-1],
    "no result": line("workflow_result", 7)[:-1],
    "store": line("final_store", {"k": "\u2028"})[:-1],
    "longest": line("n", "x" * 996)[:-1],
    "empty": b"",
    "blank": b" \t\r",
    "torn": b'{"type":',
    "not an object": b"[1]",
    "no type": b'{"payload":1}',
    "type is no text": b'{"type":1}',
    "no UTF-8": b'{"type":"\xc3("}',
    "deep": b"[" * 1000,
    "too long": b"x" * 1025,
    "far too long": b"y" * 3000,
}
MAX_BYTES = 1024
assert len(LINES["longest"]) == MAX_BYTES
assert {kind for kind, data in LINES.items() if len(data) > MAX_BYTES} == {"too long", "far too long"}

ENDS = [
    (0, None),
    (1, None),
    (3, None),
    (70, None),
    (None, "SIGTERM"),
    (None, "SIGKILL"),
    (None, "SIGSEGV"),
    (None, None),
]


@dataclass
class Reading:
    """What must come of a stream, told by the plainest of readers."""

    messages: list[tuple[str, Any]] = field(default_factory=list)
    bad: list[tuple[int, int, int]] = field(default_factory=list)
    """Offset, length, and how many messages precede it."""

    @classmethod
    def of(cls, stream: bytes, *, ended: bool) -> Reading:
        found, offset = cls(), 0
        *lines, rest = stream.split(b"\n")
        for data in [*lines, rest] if ended else lines:
            try:
                if len(data) > MAX_BYTES:
                    raise ValueError
                document = json.loads(data)
                if not isinstance(document, dict) or not isinstance(document.get("type"), str):
                    raise TypeError
                found.messages.append((document["type"], document.get("payload")))
            except (ValueError, TypeError):
                if data.strip():
                    found.bad.append((offset, len(data), len(found.messages)))
            offset += len(data) + 1
        return found

    def outcome(self, exit_code: int | None, signal: str | None, *, foreign: bool) -> Outcome:
        """Of a child that nobody ended."""
        results = [
            payload for type_, payload in self.messages if type_ == "workflow_result" and isinstance(payload, dict)
        ]
        if signal is not None:
            return Outcome.SIGNALED
        if not results:
            return Outcome.COMPLETED if foreign and exit_code == 0 else Outcome.EXITED
        if results[-1]["success"]:
            return Outcome.COMPLETED if exit_code in (0, None) else Outcome.EXITED
        if exit_code == 0 and not foreign:
            return Outcome.EXITED
        return Outcome.PANICKED if results[-1]["error"].get("panicked") else Outcome.FAILED


class Life(RuleBasedStateMachine):
    """Any interleaving of chunks cut anywhere, exits, time that jumps, cancels and ends of streams.

    It never raises, delivers at once what is whole, in order, and once; never holds more than a line may have; gives
    each order at its time, once, and in the order SIGTERM, SIGKILL, finish; always finishes; and has one outcome.
    """

    fatal = False
    """Whether a bad line ends the child."""

    @initialize(
        lines=st.lists(st.sampled_from(list(LINES)), max_size=12),
        newline_at_end=st.booleans(),
        foreign=st.booleans(),
    )
    def begin(self, lines: list[str], newline_at_end: bool, foreign: bool) -> None:
        self.now = 100.0
        self.foreign = foreign
        self.core = session(
            max_message_bytes=MAX_BYTES, malformed="fail" if self.fatal else "quarantine", foreign=foreign
        )
        self.unread = b"\n".join(LINES[kind] for kind in lines) + (b"\n" if newline_at_end else b"")
        self.read = b""
        self.bad = 0
        self.unclear = False
        self.ended = self.closed = False
        self.seen: list[tuple[str, Any]] = []
        self.orders: list[Order] = []
        self.due: float = 110.0
        self.causes: set[Outcome] = set()
        self.exit: tuple[int | None, str | None] | None = None

    # --- what the driver does ---------------------------------------------------------------------------------------

    def take(self, messages: Iterator[Message], between: Sequence[str] = ()) -> None:
        """Handle them, with something happening between two."""
        reading = Reading.of(self.read, ended=self.ended)
        # Whether a bad line is known before the good ones of its chunk are handled is left to the session.
        self.unclear = self.fatal and len(reading.bad) > self.bad
        events = iter(between)
        for message in messages:
            self.seen.append((message.type, message.payload))
            assert (message.origin, message._sequence) == (ORIGIN, len(self.seen))
            happening = next(events, None)
            if happening is not None:
                {"exit": self.exits, "cancel": self.cancelled, "tick": self.ticks}[happening]()
        if self.unclear:
            self.causes = self.causes or {Outcome.PROTOCOL_ERROR}
            self.due = self.core.deadline
        self.bad, self.unclear = len(reading.bad), False

    def obey(self, orders: tuple[Order, ...], cause: Outcome | None = None) -> None:
        for order in orders:
            assert Order.FINISH not in self.orders
            self.orders.append(order)
            self.due = self.now + {Order.TERMINATE: 2.0, Order.KILL: UNKILLABLE_S, Order.FINISH: math.inf}[order]
            if order is Order.TERMINATE and not self.causes:
                assert cause is not None
                self.causes = {cause, Outcome.PROTOCOL_ERROR} if self.unclear else {cause}

    def ticks(self) -> None:
        due = self.now >= self.due
        orders = self.core.tick(self.now)
        assert self.unclear or len(orders) == due
        self.obey(orders, Outcome.TIMED_OUT)

    # --- what may happen --------------------------------------------------------------------------------------------

    @precondition(lambda self: self.unread and not self.ended)
    @rule(size=st.integers(1, 2500), between=st.lists(st.sampled_from(["exit", "cancel", "tick"]), max_size=4))
    def chunk(self, size: int, between: list[str]) -> None:
        part, self.unread = self.unread[:size], self.unread[size:]
        self.read += part
        self.take(self.core.feed(part), between)

    @precondition(lambda self: self.unread and not self.ended)
    @rule(cuts=st.lists(st.integers(1, 5), min_size=1, max_size=20))
    def crumbs(self, cuts: list[int]) -> None:
        for size in cuts:
            part, self.unread = self.unread[:size], self.unread[size:]
            self.read += part
            if part:
                self.take(self.core.feed(part))

    @rule(seconds=st.floats(-30, 30))
    def time_jumps(self, seconds: float) -> None:
        self.now += seconds
        self.ticks()

    @rule(end=st.sampled_from(ENDS))
    def exits(self, end: tuple[int | None, str | None] = (None, "SIGSEGV")) -> None:
        alive = self.exit is None and Order.FINISH not in self.orders
        self.exit = self.exit or end
        orders = self.core.exited(self.now)
        assert orders == ((Order.FINISH,) if alive and self.closed else ())
        if alive:
            self.due = self.now + 0.5
        self.obey(orders)

    @rule()
    def cancelled(self) -> None:
        running = self.exit is None and not self.orders
        orders = self.core.cancel(self.now)
        assert orders == ((Order.TERMINATE,) if running else ())
        self.obey(orders, Outcome.CANCELLED)

    @precondition(lambda self: not self.ended)
    @rule()
    def stdout_ends(self) -> None:
        """Wherever the stream stands: what was never written is not missed."""
        self.unread, self.ended = b"", True
        self.take(self.core.stream_ended())

    @precondition(lambda self: self.ended and not self.closed)
    @rule()
    def streams_close(self) -> None:
        self.closed = True
        draining = self.exit is not None and Order.FINISH not in self.orders
        orders = self.core.streams_closed()
        assert orders == ((Order.FINISH,) if draining else ())
        self.obey(orders)

    # --- what must hold ---------------------------------------------------------------------------------------------

    @invariant()
    def delivered_at_once_and_bounded(self) -> None:
        if hasattr(self, "core"):
            reading = Reading.of(self.read, ended=self.ended)
            assert self.seen == reading.messages
            assert self.core.received == len(self.seen)
            bad = [(line.offset, line.length, line.after_messages) for line in self.core.malformed.samples]
            assert (self.core.malformed.count, bad) == (len(reading.bad), reading.bad)
            assert isinstance(self.core._reader, LineReader)
            assert self.core._reader.held_bytes <= MAX_BYTES
            assert self.orders == [order for order in Order if order in self.orders]
            assert self.core.finished == (Order.FINISH in self.orders)

    def teardown(self) -> None:
        if not hasattr(self, "core"):
            return
        if self.exit is None:
            self.exit = (None, None)  # a process that not even SIGKILL ends
        for _ in range(4):  # whatever came before, time alone finishes it
            self.now = max(self.now, 100.0) + 1000
            self.ticks()
        assert self.core.finished
        if not self.ended:  # what the pipes still hold is read after the end
            rest, self.unread = self.unread, b""
            self.read += rest
            self.take(self.core.feed(rest))
            self.stdout_ends()
        self.delivered_at_once_and_bounded()
        self.core.reaped(ExitStatus(*self.exit))
        outcome, _ = self.core.verdict()
        reading = Reading.of(self.read, ended=True)
        assert outcome in (self.causes or {reading.outcome(*self.exit, foreign=self.foreign)})
        assert self.core.verdict()[0] is outcome


class StrictLife(Life):
    """The same where the first bad line ends the child: then that is the outcome, whatever happens to it later."""

    fatal = True


TestLife, TestStrictLife = Life.TestCase, StrictLife.TestCase
TestLife.settings = TestStrictLife.settings = settings(max_examples=200, stateful_step_count=25, deadline=None)

"""The session core under every order of events, without a process."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from gostage_sim.gostage.spawn.options import ResourceLimits, SpawnOptions
from gostage_sim.gostage.spawn.result import Outcome
from gostage_sim.gostage.spawn.session import UNKILLABLE_S, ExitStatus, Order, Session
from gostage_sim.gostage.wire.messages import Origin

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
PANIC = line("workflow_result", {"success": False, "error": {"type": "X", "message": "m", "panicked": True}})


def end(core: Session, exit_code: int | None = 0, signal: str | None = None) -> Outcome:
    """Exit, close the pipes, reap; the outcome."""
    core.exited(101.0)
    list(core.stdout_ended())
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
    list(core.stdout_ended())
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
    assert [message.type for message in whole.stdout_ended()] == ["last"]
    list(cut.feed(b'{"type":"la'))
    assert list(cut.stdout_ended()) == []
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


def test_samples_and_types_are_bounded() -> None:
    """A hostile child can fill neither the list of samples nor the table of types."""
    core = session()
    for i in range(1500):
        list(core.feed(line(f"type-{i}") + b"bad\n"))
    assert core.malformed.count == 1500
    assert len(core.malformed.samples) == 100
    assert len(core.message_counts) <= 1001
    assert sum(core.message_counts.values()) == 1500


def test_a_child_cannot_set_the_context() -> None:
    """Origin and sequence are the parent's, whatever keys the child writes; a strange context is no error."""
    core = session()
    hostile = b'{"type":"x","_origin":{"pid":1},"_sequence":99,"context":"nonsense"}\n'
    context = next(core.feed(hostile)).context
    assert (context.pid, context.workflow_id, context.sequence, context.stage_id) == (42, "w", 1, "")


class Life(RuleBasedStateMachine):
    """Any interleaving of chunks, exits, time and cancels: never raises, always finishes, in order, bounded."""

    @initialize(lines=st.lists(st.sampled_from(["good", "bad", "long", "deep", "empty", "utf8"]), max_size=30))
    def begin(self, lines: list[str]) -> None:
        self.now = 100.0
        self.core = session(max_message_bytes=1024)
        self.handled: list[int] = []
        self.expected: list[int] = []
        self.bad = 0
        data = b""
        for number, kind in enumerate(lines):
            if kind == "good":
                data += line("n", number)
                self.expected.append(number)
            elif kind != "empty":
                data += {"bad": b'{"type":', "long": b"x" * 1500, "deep": b"[" * 1000, "utf8": b'{"type":"\xc3("}'}[
                    kind
                ]
                data += b"\n"
                self.bad += 1
            else:
                data += b"\n"
        self.data = data
        self.ended = False
        self.finishes = 0

    def obey(self, orders: tuple[Order, ...]) -> None:
        self.finishes += orders.count(Order.FINISH)

    @precondition(lambda self: self.data and not self.core.finished)
    @rule(size=st.integers(1, 700))
    def chunk(self, size: int) -> None:
        part, self.data = self.data[:size], self.data[size:]
        self.handled += [message.payload for message in self.core.feed(part)]

    @rule(seconds=st.floats(0, 20))
    def time_passes(self, seconds: float) -> None:
        self.now += seconds
        self.obey(self.core.tick(self.now))

    @rule()
    def exits(self) -> None:
        self.obey(self.core.exited(self.now))

    @rule()
    def cancelled(self) -> None:
        self.obey(self.core.cancel(self.now))

    @precondition(lambda self: not self.data and not self.ended)
    @rule()
    def pipes_end(self) -> None:
        self.handled += [message.payload for message in self.core.stdout_ended()]
        self.ended = True
        self.obey(self.core.streams_closed())

    @invariant()
    def in_order_and_bounded(self) -> None:
        if hasattr(self, "core"):
            assert self.handled == self.expected[: len(self.handled)]
            assert self.core._splitter.held_bytes <= 1024
            assert self.finishes <= 1

    def teardown(self) -> None:
        if not hasattr(self, "core"):
            return
        for _ in range(5):  # whatever came before, time alone finishes it once the child is gone
            self.obey(self.core.exited(self.now))
            self.now += 30
            self.obey(self.core.tick(self.now))
        assert self.core.finished
        assert self.finishes == 1
        assert isinstance(self.core.verdict()[0], Outcome)
        if self.ended:
            assert self.handled == self.expected
            assert self.core.malformed.count == self.bad


TestLife = Life.TestCase
TestLife.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)

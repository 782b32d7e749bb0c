"""What the session core says of a child that did not complete: the error to its outcome, and what it kept."""

from __future__ import annotations

import errno
from typing import Any

import pytest

from gostage_sim.gostage.spawn.options import ResourceLimits
from gostage_sim.gostage.spawn.result import ChildError, Outcome, ResourceUsage
from gostage_sim.gostage.spawn.session import UNKILLABLE_S, ExitStatus, Order, Session, _text

from .test_session import FAILURE, LEFT, SUCCESS, line, session

USED = ResourceUsage(1.5, 0.5, 4096)
IT_USED = "it used 2.00 s of CPU and at most 4096 bytes of memory"
TOO_MANY = "OSError: [Errno 24] Too many open files"
TRACEBACK = f"Traceback (most recent call last):\n  File ...\n{TOO_MANY}\n"


def ended(
    core: Session,
    said: bytes,
    code: int | None = 1,
    signal: str | None = None,
    usage: ResourceUsage | None = USED,
    stderr: str = "",
) -> tuple[Outcome, ChildError | None]:
    list(core.feed(said))
    core.exited(101.0)
    list(core.stream_ended())
    core.streams_closed()
    core.reaped(ExitStatus(code, signal, usage))
    return core.verdict(stderr)


def result(**facts: Any) -> bytes:
    return line("workflow_result", {"success": False, **facts})


@pytest.mark.parametrize(
    ("said", "error"),
    [
        (FAILURE, ChildError("ValueError", "no", "tb")),
        (result(error={}), ChildError("error", "")),
        (result(), ChildError("error", "")),
        (result(error_message="told by another program"), ChildError("error", "told by another program")),
        (result(error={"message": "ours"}, error_message="not this"), ChildError("error", "ours")),
        (result(error={"type": 5, "message": [1], "traceback": None}), ChildError("5", "[1]", "None")),
    ],
)
def test_the_error_of_a_result(said: bytes, error: ChildError) -> None:
    """What the child tells, as text; what it leaves out is empty, and its type is `error`."""
    assert ended(session(), said) == (Outcome.FAILED, error)


def test_what_cannot_be_text_is_named() -> None:
    """A reader may go deeper than `repr` does."""
    value: list[Any] = []
    for _ in range(100_000):
        value = [value]
    assert _text(value) == "<list nested too deep>"


def test_success_has_no_error() -> None:
    """Also where the exit code contradicts it."""
    assert ended(session(), SUCCESS, 0) == (Outcome.COMPLETED, None)
    assert ended(session(), SUCCESS, 3) == (Outcome.EXITED, None)


def test_silence_is_explained() -> None:
    """A program that ends in peace without a word has probably never called `child_main()`."""
    outcome, error = ended(session(), b"", 0)
    assert error is not None
    assert (outcome, error.type) == (Outcome.EXITED, "NoResult")
    assert error.message.startswith("the child ended with exit code 0 and sent no message; a program that")


@pytest.mark.parametrize(
    ("said", "error"),
    [
        (b"", ChildError("TimeoutError", "not finished after 10 s")),
        (LEFT, ChildError("TimeoutError", "not finished after 10 s")),
        (b"no message\n", ChildError("TimeoutError", "not finished after 10 s")),
        (FAILURE, ChildError("ValueError", "no", "tb")),
    ],
)
def test_the_error_of_a_child_that_took_too_long(said: bytes, error: ChildError) -> None:
    """What it told of itself, or that its time was over; an exit in answer to SIGTERM is not why, nor is a bad line."""
    core = session()
    assert core.tick(110.0) == (Order.TERMINATE,)
    assert ended(core, said) == (Outcome.TIMED_OUT, error)


def test_a_child_that_cannot_be_killed_is_waited_for() -> None:
    """After SIGKILL the session gives the kernel its time before it gives up."""
    core = session()
    core.tick(110.0)
    assert core.tick(112.0) == (Order.KILL,)
    assert core.deadline == 112.0 + UNKILLABLE_S
    assert core.tick(112.0 + UNKILLABLE_S - 0.1) == ()


def test_the_error_of_a_bad_line_that_ends_the_child() -> None:
    """With `malformed="fail"` it says where the line is and what is wrong with it; its beginning is kept."""
    core = session(malformed="fail")
    outcome, error = ended(core, SUCCESS + b"[]\n", 0)
    reason = "Expected `object`, got `array`"
    assert outcome is Outcome.PROTOCOL_ERROR
    assert error == ChildError("ProtocolError", f"bad line at byte {len(SUCCESS)}: {reason}")
    assert [(bad.offset, bad.length, bad.excerpt) for bad in core.malformed.samples] == [(len(SUCCESS), 2, b"[]")]


def test_a_bad_line_is_no_error_of_a_child_that_was_cancelled() -> None:
    """Where bad lines are put aside, none of them is why it was ended."""
    core = session()
    list(core.feed(b"[]\n"))
    assert core.cancel(100.5) == (Order.TERMINATE,)
    assert ended(core, b"", None, "SIGTERM") == (Outcome.CANCELLED, None)


def test_how_many_messages_came_before_a_line_that_is_too_long() -> None:
    """Those that were read when it began, also where it never ended."""
    core = session(max_message_bytes=1024)
    ended(core, SUCCESS + SUCCESS + b"x" * 2000)
    assert [bad.after_messages for bad in core.malformed.samples] == [2]


@pytest.mark.parametrize(
    ("limits", "said", "code", "signal", "stderr", "hit", "traceback"),
    [
        ({"cpu_s": 1}, b"", None, "SIGXCPU", "", "cpu_s=1 was hit: SIGXCPU", ""),
        ({"cpu_s": 1}, b"", None, "SIGKILL", "", "cpu_s=1 was hit: SIGKILL", ""),
        (
            {"open_files": 32},
            b"",
            1,
            None,
            TRACEBACK,
            "open_files=32 was hit: OSError: [Errno 24] Too many open files",
            "",
        ),
        (
            {"file_size_bytes": 9},
            result(error={"type": "OSError", "message": "m", "errno": errno.EFBIG, "traceback": "tb"}),
            1,
            None,
            "",
            "file_size_bytes=9 was hit: OSError: m",
            "tb",
        ),
        (
            {"processes": 9},
            result(error={"type": "RuntimeError", "message": "can't start new thread"}),
            1,
            None,
            "",
            "processes=9 was hit: RuntimeError: can't start new thread",
            "",
        ),
    ],
    ids=["by SIGXCPU", "by SIGKILL", "by last words", "by errno", "by message"],
)
def test_a_limit_that_was_hit(
    limits: dict[str, int], said: bytes, code: int | None, signal: str | None, stderr: str, hit: str, traceback: str
) -> None:
    """The error names the limit, what showed it, and what the child had used."""
    core = session(limits=ResourceLimits(**limits))
    outcome, error = ended(core, said, code, signal, stderr=stderr)
    assert (outcome, error) == (
        Outcome.LIMIT_EXCEEDED,
        ChildError("LimitExceeded", f"limit {hit}; {IT_USED}", traceback),
    )


def test_what_the_session_reads_itself_is_counted_and_kept() -> None:
    """Of several final stores the last one counts; one that is no object is counted and changes nothing."""
    core = session()
    assert core.final_store == {}
    for payload in ({"a": 1}, {"b": 2}, "no object"):
        list(core.feed(line("final_store", payload)))
    assert core.final_store == {"b": 2}
    assert core.message_counts == {"final_store": 3}

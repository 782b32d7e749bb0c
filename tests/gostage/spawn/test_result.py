"""What a result says of a child, in one sentence that is safe to print."""

from __future__ import annotations

import pytest

from gostage_sim.gostage.spawn.result import ChildError, HandlerError, Malformed, MalformedLine, Outcome, SpawnResult


@pytest.mark.parametrize(
    ("result", "text"),
    [
        (SpawnResult("w", Outcome.COMPLETED, pid=7, exit_code=0), "child 'w' completed, exit code 0, pid 7"),
        (
            SpawnResult("w", Outcome.SIGNALED, pid=7, signal="SIGSEGV", stderr_tail="one\n\x1b[31mtwo\n\n"),
            "child 'w' signaled, killed by SIGSEGV, pid 7, stderr ends: \\x1b[31mtwo",
        ),
        (
            SpawnResult("w", Outcome.FAILED, pid=7, exit_code=1, error=ChildError("E", "a\nb"), stderr_tail="x"),
            "child 'w' failed, exit code 1, pid 7, E: b",
        ),
        (
            SpawnResult("w", Outcome.START_FAILED, error=ChildError("OSError", "x" * 300)),
            f"child 'w' start failed, OSError: {'x' * 200}…",
        ),
    ],
)
def test_describe(result: SpawnResult, text: str) -> None:
    """Outcome, how it died, pid, and the end of what it said, with control characters escaped and bounded."""
    assert result.describe() == text


def test_completed_raises_nothing() -> None:
    """A completed child is no error."""
    result = SpawnResult("w", Outcome.COMPLETED)
    result.raise_for_outcome()
    assert result.success


def test_samples_are_bounded() -> None:
    """All bad lines are counted, the first hundred are kept."""
    malformed = Malformed()
    for i in range(150):
        malformed.add(MalformedLine(i, 1, "bad", b"x", 0))
    assert (malformed.count, len(malformed.samples), malformed.samples[-1].offset) == (150, 100, 99)


def test_a_handler_error_keeps_nothing_alive() -> None:
    """The traceback is text, for the whole chain of exceptions; the type of the message is cut short."""
    try:
        try:
            raise KeyError("first")
        except KeyError as error:
            raise ValueError("second") from error
    except ValueError as error:
        record = HandlerError.of("t" * 1000, 3, error)
    assert record.error.__traceback__ is None
    assert record.error.__cause__ is not None
    assert record.error.__cause__.__traceback__ is None
    assert (len(record.message_type), record.sequence) == (200, 3)
    assert "KeyError: 'first'" in record.traceback
    assert record.traceback.endswith("ValueError: second\n")

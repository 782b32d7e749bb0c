"""Exceptions as data, whatever their own code does."""

from __future__ import annotations

import sys
from collections.abc import Callable

import pytest

from gostage_sim.gostage.child.failure import MAX_FRAMES, MAX_LINKS, MAX_TEXT, describe, forget_frames, sendable


def test_described() -> None:
    """Type, message and traceback are text."""
    try:
        raise ValueError("no")
    except ValueError as error:
        facts = describe(error)
    assert (facts["type"], facts["message"]) == ("ValueError", "no")
    assert facts["traceback"].startswith("Traceback (most recent call last):\n")
    assert facts["traceback"].endswith("ValueError: no\n")


def test_hostile_exception() -> None:
    """An exception whose text and notes raise is described all the same."""

    class HostileError(Exception):
        @property
        def __notes__(self) -> list[str]:  # type: ignore[override]
            raise SystemExit

        def __str__(self) -> str:
            raise SystemExit

    facts = describe(HostileError())
    assert facts["message"] == "<unprintable HostileError: its __str__ raised SystemExit>"
    assert facts["traceback"] == "<no traceback: formatting it raised SystemExit>"


def _own_cause() -> BaseException:
    error = ValueError()
    error.__cause__ = error
    return error


class GuardedError(Exception):
    @property
    def __cause__(self) -> BaseException:  # type: ignore[override]
        raise SystemExit

    @property
    def __traceback__(self) -> None:  # type: ignore[override]
        raise SystemExit


@pytest.mark.parametrize(
    ("cause", "errno"), [(OSError(24, "many"), 24), (MemoryError(), 12), (ValueError(), None), (_own_cause(), None)]
)
def test_the_errno_of_what_it_was_raised_from(cause: BaseException, errno: int | None) -> None:
    """An exception that was raised from one with an errno has that, at any distance."""
    middle, outer = RuntimeError(), LookupError()
    outer.__cause__, middle.__cause__ = middle, cause
    outer.__context__ = OSError(27, "big")
    assert describe(outer).get("errno") == errno


def test_frames_are_forgotten() -> None:
    """All tracebacks behind an exception are taken away, also of one that is behind itself, and of one that resists."""
    outer, inner = GuardedError(), ValueError()
    inner.__context__ = outer
    try:
        try:
            raise inner
        except ValueError:
            raise outer from inner
    except GuardedError:
        pass
    forget_frames(outer)
    assert vars(BaseException)["__traceback__"].__get__(outer) is None
    assert inner.__traceback__ is None


def _chain(links: int, attribute: str) -> BaseException:
    error: BaseException = MemoryError("first")
    for _ in range(links):
        behind, error = error, MemoryError("last")
        setattr(error, attribute, behind)
    return error


def _nested(depth: int) -> BaseException:
    error: Exception = ValueError("leaf")
    for _ in range(depth):
        error = ExceptionGroup("nested", [error])
    return error


def _cycle() -> BaseException:
    one, other = ValueError("one"), ValueError("other")
    one.__cause__, other.__cause__ = other, one
    return one


LEFT_OUT = "<over 100 exceptions behind it or in it are left out>\n"
VAST: dict[str, tuple[Callable[[], BaseException], str]] = {
    "contexts": (lambda: _chain(MAX_LINKS, "__context__"), f"MemoryError: last\n{LEFT_OUT}"),
    "causes": (lambda: _chain(MAX_LINKS, "__cause__"), f"MemoryError: last\n{LEFT_OUT}"),
    "members": (
        lambda: ExceptionGroup("many", [ValueError(str(i)) for i in range(MAX_LINKS)]),
        f"ExceptionGroup: many (100 sub-exceptions)\n{LEFT_OUT}",
    ),
    "nested groups": (lambda: _nested(MAX_LINKS), f"ExceptionGroup: nested (1 sub-exception)\n{LEFT_OUT}"),
    "a long message": (lambda: ValueError("x" * (MAX_TEXT + 1)), "x\n"),
    "few contexts": (lambda: _chain(MAX_LINKS - 1, "__context__"), "\nMemoryError: last\n"),
    "a cycle": (_cycle, "\nValueError: one\n"),
}


@pytest.mark.parametrize("name", VAST)
def test_exceptions_that_hold_many(name: str) -> None:
    """Of an exception with more than a hundred behind it or in it there is what it is and where it was raised."""
    make, ending = VAST[name]
    try:
        raise make()
    except BaseException as error:
        text = describe(error)["traceback"]
    assert text.endswith(ending)
    assert f'{__file__}", line ' in text
    assert len(text) < MAX_TEXT + 100


def test_a_deep_traceback_keeps_its_end() -> None:
    """Of a recursion without end the last frames are shown."""

    def fall(depth: int) -> None:
        if depth == 0:
            raise ValueError("bottom")
        fall(depth - 1)

    before = sys.getrecursionlimit()
    sys.setrecursionlimit(10 * MAX_FRAMES)
    try:
        fall(3 * MAX_FRAMES)
    except ValueError as error:
        text = describe(error)["traceback"]
    finally:
        sys.setrecursionlimit(before)
    assert text.endswith("ValueError: bottom\n")
    assert "test_a_deep_traceback" not in text
    assert f"[Previous line repeated {MAX_FRAMES - 4} more times]" in text


def test_bounded_and_utf8() -> None:
    """A message of a megabyte loses its middle, and a lone surrogate is escaped."""
    text = sendable("a" * 500_000 + "b" * 500_000)
    half = MAX_TEXT // 2
    assert text == f"{'a' * half}\n… {1_000_000 - MAX_TEXT} characters left out …\n{'b' * half}"
    assert sendable("\ud800") == "\\ud800"

"""Exceptions as data, whatever their own code does."""

from __future__ import annotations

from gostage_sim.gostage.child.failure import MAX_TEXT, describe, sendable


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


def test_bounded_and_utf8() -> None:
    """A message of a megabyte loses its middle, and a lone surrogate is escaped."""
    text = sendable("a" * 500_000 + "b" * 500_000)
    half = MAX_TEXT // 2
    assert text == f"{'a' * half}\n… {1_000_000 - MAX_TEXT} characters left out …\n{'b' * half}"
    assert sendable("\ud800") == "\\ud800"

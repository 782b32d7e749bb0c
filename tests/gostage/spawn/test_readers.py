"""What a reader says of what is no message, and how much of it it keeps."""

from __future__ import annotations

from typing import Any

import pytest

from gostage_sim.gostage.spawn.readers import EXCERPT_BYTES, LineReader

GOOD = b'{"type":"a"}\n'


def read(*chunks: bytes, most: int = 1024) -> tuple[list[str], list[tuple[Any, ...]]]:
    """The types of the messages in these chunks, and what was put away: offset, length, reason, excerpt, before."""
    away: list[tuple[Any, ...]] = []
    reader = LineReader(most, lambda *facts: away.append(facts))
    messages = [message for chunk in chunks for message in reader.feed(chunk)] + reader.finish()
    return [message.type for message in messages], away


def test_a_bad_line_among_good_ones() -> None:
    """It is put away with its offset, its length without the newline, its text and how many came before it."""
    types, away = read(GOOD + GOOD + b"[1, 2]\n" + GOOD)
    assert types == ["a", "a", "a"]
    assert away == [(2 * len(GOOD), 6, "Expected `object`, got `array`", b"[1, 2]", 2)]


@pytest.mark.parametrize("size", [EXCERPT_BYTES - 1, EXCERPT_BYTES, EXCERPT_BYTES + 1, 1023, 1024])
def test_of_a_long_bad_line_the_beginning_is_kept(size: int) -> None:
    """The first 256 bytes; of a shorter one all, but not its newline."""
    ((_, length, _, excerpt, before),) = read(b"x" * size + b"\n")[1]
    assert (length, excerpt, before) == (size, b"x" * min(size, EXCERPT_BYTES), 0)


@pytest.mark.parametrize(
    "chunks", [[b"x" * 1025 + b"\n" + GOOD], [b"x" * 1000, b"x" * 25, b"\n" + GOOD], [b"x" * 1025]]
)
def test_a_line_that_is_too_long(chunks: list[bytes]) -> None:
    """In one chunk, in several, or without an end: the reason says how long one may be, and its beginning is kept."""
    types, away = read(*chunks)
    assert types == ["a"] * chunks[-1].count(GOOD)
    (facts,) = away
    assert facts[:4] == (0, 1025, "longer than max_message_bytes (1024)", b"x" * EXCERPT_BYTES)


def test_a_line_that_is_nested_too_deep() -> None:
    """The reason is ours: that of the decoder is about its recursion."""
    ((_, _, reason, _, _),) = read(b'{"type":"a","payload":' + b"[" * 100_000 + b"\n", most=1 << 20)[1]
    assert reason == "nested too deep"

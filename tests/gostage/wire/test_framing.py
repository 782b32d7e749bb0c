"""Bytes become lines, wherever they are cut, and never more than the limit is held."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from gostage_sim.gostage.wire.framing import LONG_LINE_BYTES, MAX_KEPT_BYTES, Line, LineSplitter, Oversize

LINES = st.lists(st.binary(max_size=40).filter(lambda line: b"\n" not in line), max_size=20)


def cut(data: bytes, cuts: list[int]) -> list[bytes]:
    places = sorted({0, len(data), *(c % (len(data) + 1) for c in cuts)})
    return [data[a:b] for a, b in pairwise(places)]


@given(LINES, st.binary(max_size=40).filter(lambda rest: b"\n" not in rest), st.lists(st.integers(0, 2000)))
def test_cuts_do_not_matter(lines: list[bytes], rest: bytes, cuts: list[int]) -> None:
    """Every line comes out once, in order and with its offset, wherever the chunks were cut."""
    data = b"".join(line + b"\n" for line in lines) + rest
    splitter = LineSplitter(1000)
    seen = []
    for chunk in cut(data, cuts):
        oversize, whole, offset = splitter.feed(chunk)
        assert oversize is None
        for line in whole:
            assert data[offset : offset + len(line)] == line
            seen.append(line)
            offset += len(line)
    assert seen == [line + b"\n" for line in lines]
    assert splitter.finish() == (Line(rest, len(data) - len(rest)) if rest else None)
    assert splitter.offset == len(data)


@given(st.integers(10, 100), st.lists(st.binary(min_size=1, max_size=50), max_size=30))
def test_bounded(limit: int, chunks: list[bytes]) -> None:
    """An unfinished line is held up to the limit and no further."""
    splitter = LineSplitter(limit)
    for chunk in chunks:
        splitter.feed(chunk)
        assert splitter.held_bytes <= limit


def test_long_line_is_let_go_and_reported() -> None:
    """A line over the limit is reported once with its offset, its length and its first bytes; the next line is read."""
    splitter = LineSplitter(10, excerpt_bytes=4)
    assert splitter.feed(b"one\nabcdefgh") == (None, [b"one\n"], 0)
    assert splitter.feed(b"ijklmnop") == (None, [], 4)
    assert splitter.held_bytes == 0
    assert splitter.feed(b"qr\ntwo\n") == (Oversize(4, 18, b"abcd"), [b"two\n"], 23)
    assert splitter.finish() is None


def test_long_last_line() -> None:
    """A line over the limit that never ended is reported at the end."""
    splitter = LineSplitter(10, excerpt_bytes=2)
    splitter.feed(b"x" * 11)
    splitter.feed(b"y" * 5)
    assert splitter.finish() == Oversize(0, 16, b"xx")
    splitter = LineSplitter(300)
    splitter.feed(b"x" * 400)
    assert splitter.finish() == Oversize(0, 400, b"x" * 256)


def in_pieces(splitter: LineSplitter, line: bytes, size: int = LONG_LINE_BYTES) -> bytes | bytearray:
    """What comes out for a line that is fed in chunks of this size."""
    whole = [one for start in range(0, len(line), size) for one in splitter.feed(line[start : start + size])[1]]
    assert whole == [line]
    return whole[0]


def test_long_lines_share_a_buffer() -> None:
    """Long lines that follow one another come in one buffer, each whole; a short one gives it back."""
    splitter = LineSplitter(16 * MAX_KEPT_BYTES)
    first = in_pieces(splitter, b"a" * 3 * LONG_LINE_BYTES + b"\n")
    assert in_pieces(splitter, b"b" * 5 * LONG_LINE_BYTES + b"\n") is first
    assert in_pieces(splitter, b"c" * 2 * LONG_LINE_BYTES + b"\n") is first
    splitter.feed(b"short\n")
    assert in_pieces(splitter, b"d" * 3 * LONG_LINE_BYTES + b"\n") is not first
    assert first == b"c" * 2 * LONG_LINE_BYTES + b"\n"


def test_very_long_lines_are_not_kept() -> None:
    """The buffer of a line that is longer than may be kept goes with the line; one that is just as long stays."""
    splitter = LineSplitter(16 * MAX_KEPT_BYTES)
    first = in_pieces(splitter, b"a" * (MAX_KEPT_BYTES - 1) + b"\n")
    assert in_pieces(splitter, b"b" * 3 * LONG_LINE_BYTES + b"\n") is first
    first = in_pieces(splitter, b"a" * MAX_KEPT_BYTES + b"\n")
    assert in_pieces(splitter, b"b" * 3 * LONG_LINE_BYTES + b"\n") is not first


def test_lines_in_small_pieces_are_their_own() -> None:
    """A line that is not long is handed over for good, in however many pieces it came."""
    splitter = LineSplitter(1000)
    lines = [in_pieces(splitter, b"%d" % number * 100 + b"\n", 7) for number in range(3)]
    assert lines == [b"0" * 100 + b"\n", b"1" * 100 + b"\n", b"2" * 100 + b"\n"]


def test_a_line_that_is_just_not_long_is_its_own() -> None:
    """With 64 KiB, its newline included, it is handed over for good; with a byte more in the shared buffer."""
    splitter = LineSplitter(16 * MAX_KEPT_BYTES)
    assert type(in_pieces(splitter, b"a" * (LONG_LINE_BYTES - 1) + b"\n", 1000)) is bytes
    assert type(in_pieces(splitter, b"a" * LONG_LINE_BYTES + b"\n", 1000)) is bytearray

"""Bytes cut into lines, with a bound on what is held back.

Lines end at `\\n` alone: U+2028, `\\r` and the like may stand inside a JSON string. No I/O, no decoding.
"""

from __future__ import annotations

from dataclasses import dataclass
from io import BytesIO


@dataclass(frozen=True, slots=True)
class Line:
    """One line without its newline, and where it began."""

    data: bytes | bytearray
    offset: int
    """Of its first byte in the stream."""


@dataclass(frozen=True, slots=True)
class Oversize:
    """A line longer than allowed; its bytes were let go."""

    offset: int
    length: int
    start: bytes
    """The first bytes of it."""


LONG_LINE_BYTES = 64 * 1024
"""A longer line that came in several chunks is handed over in a buffer that the next `feed` writes to again."""
MAX_KEPT_BYTES = 4 * 1024 * 1024
"""How large that buffer may be between two lines."""


class _Unfinished:
    """What has come of a line, and no end of it.

    The last piece stays as it is, because most lines end in the next chunk; those before it are copied into a buffer.
    Long lines one after another get the same one: malloc would give its memory back to the kernel after each, and fetch
    it again page by page, which takes longer than decoding it.
    """

    def __init__(self) -> None:
        self._buffer, self._used, self._last = bytearray(), 0, b""

    def __len__(self) -> int:
        return self._used + len(self._last)

    def add(self, piece: bytes) -> None:
        """Go on with this piece."""
        if self._last:
            end = self._used + len(self._last)
            self._buffer[self._used : end] = self._last
            self._used = end
        self._last = piece

    def end(self, piece: bytes) -> bytes | bytearray:
        """The whole line, with this piece as its last; nothing is left."""
        if not self._used:
            line = self._last + piece
            self._buffer, self._last = bytearray(), b""
            return line
        self.add(piece)
        self.add(b"")
        buffer, used = self._buffer, self._used
        self._used = 0
        if used <= LONG_LINE_BYTES:
            return bytes(buffer[:used])
        del buffer[used:]
        if used > MAX_KEPT_BYTES:
            self._buffer = bytearray()
        return buffer

    def start(self, size: int) -> bytes:
        """The first bytes of it."""
        return (bytes(self._buffer[: min(size, self._used)]) + self._last)[:size]


class LineSplitter:
    """Feed it chunks; it gives back whole lines and keeps at most `max_line_bytes` of an unfinished one."""

    def __init__(self, max_line_bytes: int, excerpt_bytes: int = 256) -> None:
        self._max = max_line_bytes
        self._excerpt_bytes = excerpt_bytes
        self._held = _Unfinished()
        self._skipping: bytes | None = None  # the start of a line that is too long and still going on
        self._skipped = 0
        self.offset = 0
        """Of the first byte of the unfinished line."""

    @property
    def held_bytes(self) -> int:
        """How much of an unfinished line is kept."""
        return len(self._held)

    def feed(self, chunk: bytes) -> tuple[Oversize | None, list[bytes | bytearray], int]:
        """`(too long line that ended or None, whole lines, offset of the first of them)`; the lines with their newline.

        The too long line precedes the whole ones. A line that is too long but whole inside this chunk is among the
        lines: the chunk had to be in memory anyway, and the caller compares lengths.
        """
        lines: list[bytes | bytearray] = [*BytesIO(chunk)]  # searches with memchr, which `split` does not
        tail = bytes(lines.pop()) if lines and not chunk.endswith(b"\n") else b""
        if not lines:
            self._hold(tail)
            return None, [], self.offset
        end = self.offset + self._skipped + len(self._held) + len(chunk) - len(tail)
        oversize = None
        if self._skipping is None:
            lines[0] = self._held.end(bytes(lines[0]))
        else:
            length = self._skipped + len(lines.pop(0)) - 1
            oversize = Oversize(self.offset, length, self._skipping)
            self.offset += length + 1
            self._skipping, self._skipped = None, 0
        start, self.offset = self.offset, end
        self._hold(tail)
        return oversize, lines, start

    def finish(self) -> Line | Oversize | None:
        """What stands after the last newline, when the stream has ended."""
        if self._skipping is not None:
            return Oversize(self.offset, self._skipped, self._skipping)
        if not self._held:
            return None
        line = Line(self._held.end(b""), self.offset)
        self.offset += len(line.data)
        return line

    def _hold(self, tail: bytes) -> None:
        if self._skipping is not None:
            self._skipped += len(tail)
            return
        self._held.add(tail)
        if len(self._held) > self._max:
            self._skipping = self._held.start(self._excerpt_bytes)
            self._skipped = len(self._held)
            self._held = _Unfinished()

"""Bytes cut into lines, with a bound on what is held back.

Lines end at `\\n` alone: U+2028, `\\r` and the like may stand inside a JSON string. No I/O, no decoding.
"""

from __future__ import annotations

from dataclasses import dataclass


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


class LineSplitter:
    """Feed it chunks; it gives back whole lines and keeps at most `max_line_bytes` of an unfinished one."""

    def __init__(self, max_line_bytes: int, excerpt_bytes: int = 256) -> None:
        self._max = max_line_bytes
        self._excerpt_bytes = excerpt_bytes
        self._held = bytearray()  # of the unfinished line; as a list, tiny chunks would cost 30 times their bytes
        self._skipping: bytes | None = None  # the start of a line that is too long and still going on
        self._skipped = 0
        self.offset = 0
        """Of the first byte of the unfinished line."""

    @property
    def held_bytes(self) -> int:
        """How much of an unfinished line is kept."""
        return len(self._held)

    def feed(self, chunk: bytes) -> tuple[Oversize | None, list[bytes | bytearray], int]:
        """`(too long line that ended or None, whole lines, offset of the first of them)`.

        The too long line precedes the whole ones. A line that is too long but whole inside this chunk is among the
        lines: the chunk had to be in memory anyway, and the caller compares lengths. A line that came in several chunks
        is handed over as the bytearray that gathered it: as bytes it would be in memory twice.
        """
        lines: list[bytes | bytearray] = [*chunk.split(b"\n")]
        tail = lines.pop()
        end = self.offset + self._skipped + len(self._held) + len(chunk) - len(tail)
        oversize = None
        if lines and (self._skipping is not None or self._held):
            first = lines[0]
            if self._skipping is not None:
                oversize = Oversize(self.offset, self._skipped + len(first), self._skipping)
                self.offset += self._skipped + len(first) + 1
                self._skipping, self._skipped = None, 0
                del lines[0]
            else:
                self._held += first
                lines[0] = self._held
                self._held = bytearray()
        start = self.offset
        if lines:
            self.offset = end
        if tail:
            self._hold(tail)
        return oversize, lines, start

    def finish(self) -> Line | Oversize | None:
        """What stands after the last newline, when the stream has ended."""
        if self._skipping is not None:
            return Oversize(self.offset, self._skipped, self._skipping)
        if not self._held:
            return None
        line = Line(self._held, self.offset)
        self._held = bytearray()
        self.offset += len(line.data)
        return line

    def _hold(self, tail: bytes | bytearray) -> None:
        if self._skipping is not None:
            self._skipped += len(tail)
            return
        self._held += tail
        if len(self._held) > self._max:
            self._skipping = bytes(self._held[: self._excerpt_bytes])
            self._skipped = len(self._held)
            self._held = bytearray()

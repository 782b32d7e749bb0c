"""What a child sent, made into messages: the lines out of a pipe here, the frames of gRPC calls in `frames`.

A reader does no I/O and never raises for what a child sends: what is no message goes to `put_away`. It holds back no
more than one message may be long.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from gostage_sim.gostage.wire.framing import LONG_LINE_BYTES, LineSplitter, Oversize
from gostage_sim.gostage.wire.messages import DECODE_ERRORS, Message, decode_line, require_text

EXCERPT_BYTES = 256


class PutAway(Protocol):
    """Takes what is no message into quarantine."""

    def __call__(self, offset: int, length: int, reason: str, excerpt: bytes, before: int = 0) -> None:
        """`before` counts the messages in front of it that the same `feed` returns."""


class Reader(Protocol):
    """Turns what was read into messages, in order."""

    def feed(self, chunk: Any, /) -> list[Message]:
        """The messages that this completes."""
        ...

    def finish(self) -> list[Message]:
        """The message that only the end completes, if there is one."""
        ...


class LineReader:
    """Reads a child's stdout: JSON lines, fed in chunks of any size."""

    def __init__(self, max_message_bytes: int, put_away: PutAway) -> None:
        self._max = max_message_bytes
        self._put_away = put_away
        self._splitter = LineSplitter(max_message_bytes, EXCERPT_BYTES)

    @property
    def held_bytes(self) -> int:
        """How much of an unfinished line is kept."""
        return self._splitter.held_bytes

    def feed(self, chunk: bytes, /) -> list[Message]:
        oversize, lines, offset = self._splitter.feed(chunk)
        if oversize is not None:
            self._put_away_oversize(oversize)
        return self._decode(lines, offset, len(chunk), chunk.isascii())

    def finish(self) -> list[Message]:
        """What stands after the last newline is a message if it is whole."""
        rest = self._splitter.finish()
        if isinstance(rest, Oversize):
            self._put_away_oversize(rest)
        elif rest is not None:
            return self._decode([rest.data], rest.offset, 0, False)
        return []

    def _decode(self, lines: Sequence[bytes | bytearray], offset: int, most: int, is_ascii: bool) -> list[Message]:
        """The messages in these lines; `offset` is where the first line begins. The hot path of every parent.

        `most` bytes have all but the first, which may have begun in an earlier chunk; that is true of `is_ascii`, too.

        The lines of a chunk are decoded together, by one call into C, before the first is handled: they are few enough
        to be in memory at once. Only where one of them is no message does each get a look of its own.
        """
        if not lines:
            return []
        most = max(most, len(lines[0]))
        try:
            if most > self._max:
                raise ValueError
            if not (is_ascii and lines[0].isascii()):
                for line in lines:
                    require_text(line)
            messages = list(map(decode_line, lines))
        except DECODE_ERRORS:
            messages = self._decode_each(lines, offset)
        if most > LONG_LINE_BYTES:
            for message in messages:
                message.let_go_of_line()
        return messages

    def _decode_each(self, lines: Sequence[bytes | bytearray], offset: int) -> list[Message]:
        """The messages among these lines; the others are put into quarantine."""
        messages: list[Message] = []
        for line in lines:
            length = len(line) - line.endswith(b"\n")
            try:
                if length > self._max:
                    raise ValueError(too_long(self._max))
                require_text(line)
                messages.append(decode_line(line))
            except DECODE_ERRORS as error:
                if line.strip():
                    excerpt = bytes(line[: min(length, EXCERPT_BYTES)])
                    self._put_away(offset, length, reason(error), excerpt, len(messages))
            offset += len(line)
        return messages

    def _put_away_oversize(self, line: Oversize) -> None:
        self._put_away(line.offset, line.length, too_long(self._max), line.start)


def too_long(max_message_bytes: int) -> str:
    """Why a message that is too long is in quarantine."""
    return f"longer than max_message_bytes ({max_message_bytes})"


def reason(error: Exception) -> str:
    """Why a message that cannot be decoded is in quarantine."""
    return "nested too deep" if isinstance(error, RecursionError) else str(error)

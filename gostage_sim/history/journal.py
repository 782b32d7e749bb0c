"""The journal: an append-only memory-mapped file of small records that survives the death of its writer.

What a process stored in a shared mapping belongs to the kernel, so a SIGKILL loses nothing but the record being
written. Records are 24 bytes, in the order of `RECORD`; the last byte is the commit marker and is written last, so a
torn record has none and ends the journal for its reader. Records that carry text are followed by it, padded to whole
records; the text is there before the commit of its record. The file grows in windows, only the newest of which is
mapped.

Child processes import this module: it imports next to nothing.
"""

from __future__ import annotations

import mmap
import os
from struct import Struct
from time import monotonic_ns

from gostage_sim.gostage.wire.encode import encode_value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

#: Time, CRC-32, index of the type, a number, reserved, kind, commit marker.
RECORD = Struct("<QIIIHBB")
SIZE = RECORD.size
COMMITTED = 0xC5

#: About to put a message on the wire: its CRC-32 and type.
SENDING = 1
#: The first `number` messages cannot be lost by any death of the child: the kernel has them, or the parent said so. In
#: place of a CRC-32, how many KiB that were.
HANDED_OVER = 2
#: A handler saw a message of the child with the index `number`: its CRC-32 and type.
HANDLED = 3
#: A heartbeat.
BEAT = 4
#: The next name in the table of types, as text of `number` bytes.
TYPE = 5
#: A JSON object as text of `number` bytes.
EVENT = 6
#: The handler of the message of child `number` that was recorded last raised.
RAISED = 7
#: The handler of the message of child `number` that was recorded last came to its end, however.
DONE = 8

#: The `number` of a handled message whose sender nobody knows.
STRANGER = 0xFFFFFFFF

TEXT_KINDS = frozenset({TYPE, EVENT})

_FIRST_WINDOW_BYTES = 256 << 10
_LARGEST_WINDOW_BYTES = 4 << 20

_pack = RECORD.pack_into


class Journal:
    """Writes one journal. Several threads may write if they hold one lock of their own around every call."""

    __slots__ = ("_end", "_fd", "_map", "_position", "_start", "_types", "_window", "path")

    def __init__(self, path: str) -> None:
        """A new file at `path`; FileExistsError when there is one, because a journal has one writer."""
        self.path = path
        self._fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        self._types: dict[str, int] = {}
        self._start = self._position = self._end = 0
        self._window = _FIRST_WINDOW_BYTES // 2
        self._map: mmap.mmap
        self._advance(SIZE)

    def sending(self, type: str, crc: int) -> None:
        """Record a message before any byte of it goes to the wire."""
        index = self._types.get(type)
        if index is None:
            index = self._new_type(type)
        position = self._position
        if position + SIZE > self._end:
            self._advance(SIZE)
        _pack(self._map, position - self._start, monotonic_ns(), crc, index, 0, 0, SENDING, COMMITTED)
        self._position = position + SIZE

    def handed_over(self, count: int, size: int = 0) -> None:
        """Record that the first `count` messages, of so many bytes in all, cannot be lost any more."""
        position = self._position
        if position + SIZE > self._end:
            self._advance(SIZE)
        _pack(
            self._map,
            position - self._start,
            monotonic_ns(),
            size >> 10 & 0xFFFFFFFF,
            0,
            count,
            0,
            HANDED_OVER,
            COMMITTED,
        )
        self._position = position + SIZE

    def handled(self, child: int, type: str, crc: int) -> None:
        """Record that a handler was called with a message of the child with this index."""
        index = self._types.get(type)
        if index is None:
            index = self._new_type(type)
        position = self._position
        if position + SIZE > self._end:
            self._advance(SIZE)
        _pack(self._map, position - self._start, monotonic_ns(), crc, index, child, 0, HANDLED, COMMITTED)
        self._position = position + SIZE

    def raised(self, child: int) -> None:
        """Record that the handler of the last message of the child with this index raised."""
        self._of_child(child, RAISED)

    def done(self, child: int) -> None:
        """Record that the handler of the last message of the child with this index came to its end."""
        self._of_child(child, DONE)

    def _of_child(self, child: int, kind: int) -> None:
        position = self._position
        if position + SIZE > self._end:
            self._advance(SIZE)
        _pack(self._map, position - self._start, monotonic_ns(), 0, 0, child, 0, kind, COMMITTED)
        self._position = position + SIZE

    def beat(self) -> None:
        """Record that this process is alive."""
        position = self._position
        if position + SIZE > self._end:
            self._advance(SIZE)
        _pack(self._map, position - self._start, monotonic_ns(), 0, 0, 0, 0, BEAT, COMMITTED)
        self._position = position + SIZE

    def event(self, name: str, **facts: Any) -> None:
        """Record JSON-able facts under a name; when JSON cannot write them, the `repr` of each."""
        record = {"event": name, **facts}
        try:
            text = encode_value(record)
        except (TypeError, ValueError, RecursionError):
            text = encode_value({"event": name} | {key: repr(value) for key, value in facts.items()})
        self._text(EVENT, text)

    def close(self) -> None:
        """Unmap, and cut the file off after the last record. Safe to call twice."""
        if self._map.closed:
            return
        self._map.close()
        os.ftruncate(self._fd, self._position)
        os.close(self._fd)

    def detach(self) -> None:
        """In a forked process: what it records from here on goes nowhere, the file belongs to the one it came from."""
        os.close(self._fd)
        self._fd = os.open(os.devnull, os.O_RDONLY)  # a full window is an error then, and none of the file
        self._map = mmap.mmap(-1, self._end - self._start)

    def _new_type(self, name: str) -> int:
        self._text(TYPE, name)
        index = self._types[name] = len(self._types)
        return index

    def _text(self, kind: int, text: str) -> None:
        data = text.encode("utf-8", "replace")
        slots = -(-len(data) // SIZE)
        if self._position + (1 + slots) * SIZE > self._end:
            self._advance((1 + slots) * SIZE)
        at = self._position - self._start
        self._map[at + SIZE : at + SIZE + len(data)] = data
        _pack(self._map, at, monotonic_ns(), 0, 0, len(data), 0, kind, COMMITTED)
        self._position += (1 + slots) * SIZE

    def _advance(self, needed: int) -> None:
        """Map a new window that starts at the page of the current position; the old one leaves our memory."""
        if self._end:
            self._map.close()
        self._window = min(2 * self._window, _LARGEST_WINDOW_BYTES)
        self._start = self._position - self._position % mmap.ALLOCATIONGRANULARITY
        length = max(self._window, self._position - self._start + needed)
        length += -length % mmap.PAGESIZE
        # Not ftruncate: on a full disk a hole in a mapping is a SIGBUS in the middle of a store, this an OSError here.
        os.posix_fallocate(self._fd, self._start, length)
        self._map = mmap.mmap(self._fd, length, offset=self._start)
        self._end = self._start + length

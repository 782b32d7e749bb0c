"""What passes from a child to its parent, in the hands of a relay: read, handed on, written down with its offsets."""

from __future__ import annotations

import os
import select
from math import ceil
from time import monotonic

TYPE_CHECKING = False
if TYPE_CHECKING:
    import random
    from collections.abc import Callable, Iterator
    from typing import Any

    from gostage_sim.history.journal import Journal

READ_BYTES = 64 * 1024


class Stream:
    """The `Stream` of the faults' contract, between two descriptors.

    `release` is called, once, when the child may leave. `reset` ends both sides at once, where the kernel can.
    """

    def __init__(
        self,
        source: int,
        sink: int,
        journal: Journal,
        fault: str,
        rng: random.Random,
        *,
        in_lines: bool,
        release: Callable[[], None],
        reset: Callable[[], None],
    ) -> None:
        self.rng = rng
        self.in_lines = in_lines
        self.position = 0
        self.line_start = 0
        self.lines = 0
        self._read_bytes = 0
        self._source, self._sink = source, sink
        self._journal, self._fault = journal, fault
        self._release, self._reset = release, reset
        self._both, self._other = select.poll(), select.poll()
        self._both.register(source, select.POLLIN)
        for poll in (self._both, self._other):
            poll.register(sink, select.POLLRDHUP)  # of a pipe without a reader the kernel tells unasked

    def note(self, **facts: Any) -> None:
        self._journal.event("note", fault=self._fault, facts=facts)

    def read(self, timeout_s: float | None = None) -> bytes | None:
        ready = [fd for fd, _ in self._both.poll(None if timeout_s is None else ceil(max(0.0, timeout_s) * 1000))]
        if self._sink in ready:
            raise BrokenPipeError("the parent has closed its end")
        if not ready:
            return None
        try:
            data = os.read(self._source, READ_BYTES)
        except ConnectionResetError:  # a child by gRPC that was killed
            data = b""
        if data:
            self.note(read=self._read_bytes, length=len(data))
        self._read_bytes += len(data)
        return data

    def __iter__(self) -> Iterator[bytes]:
        while piece := self.read():
            yield piece

    def frames(self) -> Iterator[bytes]:
        if not self.in_lines:
            yield from self
            return
        rest: list[bytes] = []  # of a line; joined once, when its end is here
        for piece in self:
            head, newline, tail = piece.rpartition(b"\n")
            if newline:
                for line in b"".join((*rest, head)).split(b"\n"):
                    yield line + newline
                rest = [tail]
            else:
                rest.append(piece)
        if last := b"".join(rest):
            yield last

    def write(self, data: bytes) -> None:
        view = memoryview(data)
        while view:
            view = view[os.write(self._sink, view) :]
        if data:
            self.note(wrote=self.position, length=len(data))
        newline = data.rfind(b"\n")
        if newline >= 0:
            self.line_start = self.position + newline + 1
            self.lines += data.count(b"\n")
        self.position += len(data)

    def wait(self, seconds: float) -> bool:
        until = monotonic() + seconds
        while (left_s := until - monotonic()) > 0:
            if self._other.poll(ceil(left_s * 1000)):
                return False
        return True

    def release(self) -> None:
        self._release()

    def reset(self) -> None:
        self._reset()

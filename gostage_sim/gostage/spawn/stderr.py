"""What a child writes to stderr: its end is kept, and its lines are forwarded if the caller wants them."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator

from gostage_sim.gostage.spawn.printable import printable
from gostage_sim.gostage.spawn.readiness import is_writable
from gostage_sim.gostage.wire.framing import LineSplitter, Oversize

TAIL_BYTES = 64 * 1024
MAX_LINE_BYTES = 8 * 1024
"""Of a line that is forwarded; what is longer is cut there."""
MAX_SHOWN_CHARACTERS = 1000
"""Of a line that goes to this program's stderr: at most 4 KiB, which a pipe takes whole or not at all."""
MAX_STALL_S = 0.1

Forward = bool | Callable[[str], object]


class ChildStderr:
    """Feed it what was read; it keeps the last 64 KiB and gives back the lines to forward, each to `forward(line)`."""

    def __init__(self, forward: Forward, workflow_id: str) -> None:
        self.tail = b""
        self._splitter = LineSplitter(MAX_LINE_BYTES, MAX_LINE_BYTES)
        self.line_number = 0
        """Of the line that was given back last, from 1."""
        self.forward: Callable[[str], object] | None = None
        if forward is True:
            self.forward = OwnStderr(workflow_id).show
        elif forward is not False:
            self.forward = forward

    def feed(self, chunk: bytes) -> Iterator[str]:
        """The lines that `chunk` ends, without their newline; none unless they are to be forwarded."""
        self.tail = (self.tail + chunk)[-TAIL_BYTES:]
        if self.forward is None:
            return
        oversize, lines, _ = self._splitter.feed(chunk)
        if oversize is not None:
            yield self._cut(oversize.start, oversize.length)
        for line in lines:
            yield self._cut(line[:-1], len(line) - 1)

    def finish(self) -> Iterator[str]:
        """What stands after the last newline, when nothing more comes."""
        rest = self._splitter.finish()
        if isinstance(rest, Oversize):
            yield self._cut(rest.start, rest.length)
        elif rest is not None:
            yield self._cut(rest.data, len(rest.data))

    def _cut(self, line: bytes | bytearray, length: int) -> str:
        self.line_number += 1
        text = line[:MAX_LINE_BYTES].decode("utf-8", "backslashreplace").removesuffix("\r")
        return text if length <= MAX_LINE_BYTES else f"{text}… {length - MAX_LINE_BYTES} bytes left out"


class OwnStderr:
    """This program's stderr, for the lines of one child. Never waits long for who reads it: then lines are left out."""

    def __init__(self, workflow_id: str) -> None:
        self._prefix = f"{printable(workflow_id)[:200]}: "
        self._left_out = 0

    def show(self, line: str) -> None:
        """Write one line, with the child's name in front and nothing in it that a terminal obeys."""
        stream = sys.stderr
        if stream is None:  # closed by whoever started this program
            return
        try:
            fd = stream.fileno()
        except (AttributeError, OSError):  # a stream of Python's own: a test's, an IDE's
            fd = -1
        if fd >= 0 and not is_writable(fd, 0 if self._left_out else MAX_STALL_S):
            self._left_out += 1
            return
        if self._left_out:
            line = f"({self._left_out} lines left out: nobody read this program's stderr) {line}"
            self._left_out = 0
        shown = printable(line)
        if len(shown) > MAX_SHOWN_CHARACTERS - len(self._prefix):
            shown = f"{shown[: MAX_SHOWN_CHARACTERS - len(self._prefix) - 1]}…"
        # Surrogates were made visible; what else its encoding cannot take is the stream's own error handler's.
        stream.write(f"{self._prefix}{shown}\n")
        stream.flush()

"""Between gRPC's threads and the thread that waits for the child: one bounded queue of frames a child.

gRPC's threads put, the driver takes; a descriptor is readable while there is something to take. A full queue makes
`put` wait, and through gRPC's flow control the child. Who put a frame may acknowledge it: it will be taken, whatever
becomes of the child, unless `put` says that the session is over. No gRPC in here.
"""

from __future__ import annotations

import contextlib
import os
from collections import deque
from collections.abc import Callable
from enum import Enum
from threading import Condition
from typing import NamedTuple

from gostage_sim.gostage.spawn.process import close_kept, keep_from_forks

MAX_HELD_BYTES = 256 * 1024
"""In the queue, before `put` waits; a frame that is larger goes into an empty queue."""
FRAME_BYTES = 64
"""What a frame counts beside its data, so that empty ones are not for nothing."""


class Kind(Enum):
    """What a frame holds."""

    MESSAGE = "a serialised IPCMessage"
    LINES = "a serialised LineBatch"
    END_OF_LINES = "nothing; no more batches follow, or those of another call"


class Frame(NamedTuple):
    """One request of a call, not looked at yet."""

    kind: Kind
    data: bytes = b""

    @property
    def size(self) -> int:
        return len(self.data) + FRAME_BYTES


class SessionOverError(Exception):
    """The session is over: nothing is taken any more."""


class RefusedError(Exception):
    """A call that this child must not make now; the text is for who made it."""


class Call:
    """One call that is being served; `cancel` ends it from any thread."""

    __slots__ = ("cancel", "kind", "peer")

    def __init__(self, peer: str, kind: Kind, cancel: Callable[[], object]) -> None:
        self.peer = peer
        self.kind = kind
        self.cancel = cancel


class Inlet:
    """What one child sends by gRPC. The descriptor belongs to this object; `close()` returns it."""

    def __init__(self, on_close: Callable[[Inlet], object]) -> None:
        self._on_close: Callable[[Inlet], object] | None = on_close
        self._changed = Condition()
        self._frames: deque[Frame] = deque()
        self._held_bytes = 0
        self._calls: set[Call] = set()
        self._fd = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        keep_from_forks(self._fd)

    # --- gRPC's threads ---------------------------------------------------------------------------------------------

    def begin(self, call: Call) -> None:
        """A call of the child begins. RefusedError where it would tear what another one sends; see `end`.

        One connection at a time, or a second process could speak for the child while it lives; and one call of lines,
        which may go on from batch to batch.
        """
        with self._changed:
            if self._fd < 0:
                raise SessionOverError
            for other in self._calls:
                if other.peer != call.peer:
                    raise RefusedError(f"this child is connected already, from {other.peer}")
                if other.kind is call.kind is Kind.LINES:
                    raise RefusedError("this child has a SendLines call already")
            self._calls.add(call)

    def put(self, frame: Frame) -> None:
        """Wait until there is room, and queue it. SessionOverError when nobody will take it."""
        with self._changed:
            while self._fd >= 0 and self._frames and self._held_bytes + frame.size > MAX_HELD_BYTES:
                self._changed.wait()
            if self._fd < 0:
                raise SessionOverError
            self._frames.append(frame)
            self._held_bytes += frame.size
            self._wake()

    def end(self, call: Call) -> None:
        """The call is over; what it put is in the queue. A second time this does nothing."""
        with self._changed:
            if call in self._calls:
                self._calls.remove(call)
                self._wake()

    def _wake(self) -> None:
        if self._fd >= 0:
            os.eventfd_write(self._fd, 1)

    # --- the driver's thread ----------------------------------------------------------------------------------------

    def fileno(self) -> int:
        """Readable when there is a frame to take, or a call has ended."""
        return self._fd

    def take(self) -> Frame | None:
        """The oldest frame; None when there is none now."""
        with self._changed:
            if not self._frames:
                if self._fd >= 0:
                    with contextlib.suppress(BlockingIOError):
                        os.eventfd_read(self._fd)
                return None
            frame = self._frames.popleft()
            self._held_bytes -= frame.size
            self._changed.notify_all()
            return frame

    def is_idle(self) -> bool:
        """Whether no call is served and nothing is left to take."""
        with self._changed:
            return not self._calls and not self._frames

    def close(self) -> None:
        """Take nothing more and end all calls; what is in the queue can still be taken."""
        with self._changed:
            fd, self._fd = self._fd, -1
            calls, self._calls = self._calls, set()
            self._changed.notify_all()
            if fd >= 0:
                close_kept(fd)
            on_close, self._on_close = self._on_close, None  # the server is not to live on with an old session
        for call in calls:
            call.cancel()
        if on_close is not None:
            on_close(self)

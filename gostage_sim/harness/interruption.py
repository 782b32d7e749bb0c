"""Signals that interrupt the parent, handled as programs do, but never in the middle of a journal's record.

SIGINT raises KeyboardInterrupt as in any Python program, SIGTERM SystemExit as in one that has a handler to leave in
order by. A record cut in two would spoil the evidence, so whoever writes one holds an `Undivided`; an exception that is
due meanwhile comes right after it.
"""

from __future__ import annotations

import signal
import threading
from types import FrameType


class Undivided:
    """A lock that no interruption divides. Python runs signal handlers in the main thread alone."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._busy = False
        self._due: BaseException | None = None

    def __enter__(self) -> None:
        if threading.current_thread() is threading.main_thread():
            self._busy = True
        self._lock.acquire()

    def __exit__(self, *exception: object) -> None:
        self._lock.release()
        if threading.current_thread() is threading.main_thread():
            self._busy = False
            due, self._due = self._due, None
            if due is not None:
                try:
                    raise due
                finally:
                    del due  # see below

    def interrupt(self, number: int, frame: FrameType | None = None) -> None:
        """A signal's handler: raises now, or when the lock is released."""
        due = KeyboardInterrupt() if number == signal.SIGINT else SystemExit(128 + number)
        if not self._busy:
            try:
                raise due
            finally:
                del due  # its traceback names this frame: a cycle, and what the engine holds would stay
        self._due = due


def handle_interruptions(lock: Undivided) -> None:
    """From here on SIGINT and SIGTERM interrupt the main thread where it is, but for the lock."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lock.interrupt)

"""Turns of the threads that wait for children."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterator

import pytest

from gostage_sim.gostage.spawn import turns
from gostage_sim.gostage.spawn.turns import Turns


class Waiting:
    """A thread that wants to go on, and has to wait for the GIL to do so."""

    def __init__(self) -> None:
        self.has_moved = False
        self._gate = threading.Lock()
        self._gate.acquire()
        self._thread = threading.Thread(target=self._move)
        self._thread.start()

    def let_go(self) -> None:
        """From here on it waits for nothing but the GIL, of which this does not let go."""
        self._gate.release()

    def _move(self) -> None:
        with self._gate:
            self.has_moved = True

    def join(self) -> None:
        self._thread.join()


@pytest.fixture
def waiting(monkeypatch: pytest.MonkeyPatch) -> Iterator[Waiting]:
    """While no thread is made to let go of the GIL, and none but those of the test takes turns."""
    monkeypatch.setattr(turns, "_taking_part", set())
    before = sys.getswitchinterval()
    sys.setswitchinterval(60)
    thread = Waiting()
    yield thread
    sys.setswitchinterval(before)
    thread.join()


def test_a_busy_thread_gives_way(waiting: Waiting) -> None:
    """Another thread goes on although the busy one never blocks."""
    waiting.let_go()
    until = time.monotonic() + 10
    with Turns() as busy, Turns():
        while not waiting.has_moved and time.monotonic() < until:
            busy.give_way()
    assert waiting.has_moved


def test_who_is_alone_goes_on(waiting: Waiting) -> None:
    """Nobody else waits for a child, and nothing is given away, not even to other threads of the program."""
    waiting.let_go()
    until = time.monotonic() + 0.1
    with Turns() as alone:
        while time.monotonic() < until:
            alone.give_way()
    assert not waiting.has_moved

"""Turns of the threads that wait for children."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterator

import pytest

from gostage_sim.gostage.spawn.turns import Turns


@pytest.fixture
def nobody_is_interrupted() -> Iterator[None]:
    """A thread that does not let go of the GIL keeps it for a minute."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(60)
    yield
    sys.setswitchinterval(before)


@pytest.mark.usefixtures("nobody_is_interrupted")
def test_a_busy_thread_gives_way() -> None:
    """Another thread goes on although the busy one never blocks."""
    until = time.monotonic() + 20
    moved = False

    def move() -> None:
        nonlocal moved
        with Turns():
            moved = True

    with Turns() as busy, Turns():
        other = threading.Thread(target=move)
        other.start()
        while not moved and time.monotonic() < until:
            busy.give_way()
        assert moved
        assert time.monotonic() < until
    other.join()


@pytest.mark.usefixtures("nobody_is_interrupted")
def test_who_is_alone_goes_on() -> None:
    """Nobody else waits for a child, and nothing is given away, not even to other threads of the program."""
    moved = threading.Event()
    with Turns() as alone:
        other = threading.Thread(target=moved.set)
        other.start()
        seen = moved.is_set()
        until = time.monotonic() + 0.1
        while time.monotonic() < until:
            alone.give_way()
        assert moved.is_set() is seen
    other.join()

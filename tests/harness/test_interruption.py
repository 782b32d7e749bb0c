"""A signal raises where the main thread is, but never between the two halves of a record."""

from __future__ import annotations

import contextlib
import gc
import os
import signal
import subprocess
import sys
import threading
import weakref

import pytest

from gostage_sim.harness.interruption import Undivided


def test_what_is_due_comes_when_the_lock_is_released() -> None:
    """In the main thread an interruption waits for the end of what the lock guards, and comes out right there."""
    lock = Undivided()
    done = []

    def record() -> None:
        with lock:
            lock.interrupt(signal.SIGINT)
            done.append("the other half")
        done.append("what follows")

    with pytest.raises(KeyboardInterrupt):
        record()
    assert done == ["the other half"]
    with lock:
        done.append("again")
    assert done[1:] == ["again"]


def test_it_comes_at_once_when_the_lock_is_free_or_with_another_thread() -> None:
    """Nobody else's work is divided by an exception in the main thread."""
    lock = Undivided()
    held, let_go = threading.Event(), threading.Event()

    def hold() -> None:
        with lock:
            held.set()
            let_go.wait()

    thread = threading.Thread(target=hold)
    thread.start()
    held.wait()
    with pytest.raises(SystemExit) as left:
        lock.interrupt(signal.SIGTERM)
    assert left.value.code == 128 + signal.SIGTERM
    let_go.set()
    thread.join()


@pytest.mark.parametrize("busy", [False, True])
def test_nothing_is_held_by_what_it_raised(busy: bool) -> None:
    """What the interrupted frames held is given back when the exception is forgotten, not when garbage is collected."""

    class Held:
        pass

    lock = Undivided()

    def interrupted() -> weakref.ref[Held]:
        held = Held()
        try:
            wait_with(held)
        except KeyboardInterrupt:
            return weakref.ref(held)
        raise AssertionError("not interrupted")

    def wait_with(held: Held) -> None:
        with lock if busy else contextlib.nullcontext():
            lock.interrupt(signal.SIGINT)

    gc.disable()
    try:
        assert interrupted()() is None
    finally:
        gc.enable()


def test_signals_are_handled_as_programs_do() -> None:
    """SIGINT is a KeyboardInterrupt and SIGTERM a SystemExit, for real, in a process of its own."""
    program = """
import os, signal
from gostage_sim.harness.interruption import Undivided, handle_interruptions
lock = Undivided()
handle_interruptions(lock)
try:
    with lock:
        os.kill(os.getpid(), signal.SIGINT)
        print("half", flush=True)
        print("half", flush=True)
except KeyboardInterrupt:
    print("interrupted", flush=True)
os.kill(os.getpid(), signal.SIGTERM)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, env={**os.environ})
    assert (done.stdout, done.returncode, done.stderr) == ("half\nhalf\ninterrupted\n", 143, "")

"""Guarantee `parent-alive`."""

from __future__ import annotations

from typing import Any

import numpy as np

from gostage_sim.guarantees.contract import Judgement, Verdict
from gostage_sim.guarantees.parent_alive import ParentAlive
from gostage_sim.history.model import KernelExit, Messages, Window

from .histories import BEATS, CLOSED, MS, OPENED, SECOND, history, parent, sibling, victim


def judged(**changes: Any) -> Judgement:
    return ParentAlive().judge(history(parent=parent(**changes)))


def test_holds() -> None:
    """A parent whose heart beats throughout and that handles messages to the end is alive."""
    found = judged()
    assert found.verdict is Verdict.PASS
    assert found.reason == "60 heartbeats, the largest gap 0.100 s, and messages handled to the end"
    assert found.evidence["max_heartbeat_gap_s"] == 0.1


def test_killed() -> None:
    """A parent that ended before its work was done is a violation, named by its exit."""
    exit = KernelExit(OPENED, None, "SIGKILL", "waitpid")
    found = judged(exit=exit, alive=False, finished=False)
    assert found.verdict is Verdict.FAIL
    assert found.reason == "the parent (pid 50) ended before its work was done: killed by SIGKILL"


def test_ended_by_the_observer() -> None:
    """Where the observer itself ended the parent, the reason says so, and why."""
    exit = KernelExit(OPENED, None, "SIGKILL", "waitpid")
    found = judged(exit=exit, alive=False, finished=False, overdue_s=20.0)
    assert found.verdict is Verdict.FAIL
    assert found.reason == (
        "the parent (pid 50) was not done when the time of the scenario, 20s, was over; the observer ended it"
    )


def test_did_not_leave_in_order() -> None:
    """A parent that crashes on its way out, or leaves with a code of failure, did not live through it."""
    assert judged(exit=KernelExit(6 * SECOND, 0, None, "waitpid")).verdict is Verdict.PASS
    found = judged(exit=KernelExit(6 * SECOND, None, "SIGSEGV", "waitpid"))
    assert found.reason == "the parent (pid 50) had done its work, but did not leave in order: killed by SIGSEGV"


def test_gone_or_stuck() -> None:
    """A parent that is gone, or that never finishes, is a violation."""
    assert judged(alive=False).reason == "the parent (pid 50) was gone when the observer last asked for it"
    assert judged(finished=False).reason == "the parent (pid 50) was alive, but never finished its work"


def test_unhandled_exception() -> None:
    """An exception nobody handled is a violation, even in a thread the parent survives."""
    found = judged(unhandled=("RuntimeError: boom\x07",))
    assert found.reason == r"an exception was not handled in the parent: 'RuntimeError: boom\x07'"


def test_heart_paused() -> None:
    """A gap between two beats over the bound is a violation."""
    beats = BEATS[(BEATS <= SECOND) | (BEATS >= 35 * SECOND // 10)]
    found = judged(heartbeats_ns=beats)
    assert found.verdict is Verdict.FAIL
    assert found.reason == (
        "the parent's heart paused for 2.500 s, 0.500 s after the first spawn; at most 2.000 s is expected"
    )


def test_heart_stopped_for_good() -> None:
    """A heart that stops before the last sign of work is a gap too."""
    assert judged(heartbeats_ns=BEATS[BEATS < SECOND]).verdict is Verdict.FAIL


def test_no_witness() -> None:
    """Without beats in the window and messages handled after it, nobody saw the parent survive."""
    assert judged(heartbeats_ns=np.zeros(0, np.uint64)).reason == "the parent's heart was never seen to beat"
    outside = BEATS[(BEATS <= OPENED - SECOND // 2) | (BEATS >= CLOSED + SECOND // 10)]
    found = judged(heartbeats_ns=outside)
    assert found.verdict is Verdict.UNKNOWN
    assert found.reason == "the parent's heart was not seen to beat inside the window of the faults"
    found = ParentAlive().judge(history(victim(), sibling(1), window=Window(OPENED, 9 * SECOND)))
    assert found.reason == "the parent was not seen to handle a message after the window of the faults"
    found = ParentAlive().judge(history(victim(), window=None))
    assert (found.verdict, found.reason) == (Verdict.UNKNOWN, "the window of the faults never opened")
    found = ParentAlive().judge(history(victim(), window=Window(OPENED, None)))
    assert (found.verdict, found.reason) == (Verdict.UNKNOWN, "the window of the faults never closed")


def test_window_shorter_than_a_beat() -> None:
    """In a window too short for a beat, one on each side of it counts."""
    found = ParentAlive().judge(history(window=Window(OPENED + 10 * MS, OPENED + 20 * MS)))
    assert found.verdict is Verdict.PASS


def test_no_faults() -> None:
    """Without faults it needs beats and handled messages, no window."""
    assert ParentAlive().judge(history(sibling(1), window=None)).verdict is Verdict.PASS
    found = ParentAlive().judge(history(sibling(1, handled=Messages()), window=None))
    assert (found.verdict, found.reason) == (Verdict.UNKNOWN, "the parent was never seen to handle a message")

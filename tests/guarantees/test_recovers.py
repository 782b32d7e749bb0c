"""Guarantee `recovers`."""

from __future__ import annotations

from gostage_sim.guarantees.contract import Verdict
from gostage_sim.guarantees.recovers import Recovers
from gostage_sim.history.model import ChildHistory, SpawnReport

from .histories import OPENED, content, handled_as, history, recovery, sibling, victim


def judged(fresh: ChildHistory | None) -> tuple[Verdict, str]:
    found = Recovers().judge(history(victim(), sibling(1), *([fresh] if fresh else [])))
    return found.verdict, found.reason


def test_holds() -> None:
    """A fresh child that completes after the fault shows that the runner recovered."""
    assert judged(recovery()) == (
        Verdict.PASS,
        "fresh child 300 completed on the same runner, its messages handled",
    )


def test_violated() -> None:
    """A fresh child that does not complete, or whose messages are not handled, is a violation."""
    assert judged(recovery(report=SpawnReport("start_failed", None, None, None))) == (
        Verdict.FAIL,
        "recovery should have completed with exit code 0, but ended as start_failed, no exit status",
    )
    assert judged(handled_as(recovery(), content(2))) == (Verdict.FAIL, "2 messages of recovery handled, 3 expected")
    assert judged(recovery(report=None)) == (Verdict.FAIL, "the spawn of recovery after the faults never returned")
    assert judged(recovery(report=None, spawn_error="OSError: EMFILE")) == (
        Verdict.FAIL,
        "the spawn of recovery after the faults raised OSError: EMFILE",
    )


def test_no_witness() -> None:
    """It must be a new process, spawned after the last fault began."""
    assert judged(None) == (Verdict.UNKNOWN, "no fresh child was spawned after the faults")
    assert judged(recovery(pid=None)) == (Verdict.UNKNOWN, "the pid of recovery is not known")
    assert judged(recovery(pid=201)) == (Verdict.UNKNOWN, "recovery has pid 201, which sibling[1] had too")
    assert judged(recovery(spawned_ns=OPENED)) == (
        Verdict.UNKNOWN,
        "recovery was spawned 0.050 s before the last fault, victim.1, began",
    )

"""Guarantee `prompt-return`."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from gostage_sim.guarantees.contract import Verdict
from gostage_sim.guarantees.prompt_return import PromptReturn
from gostage_sim.history.model import KernelExit

from .histories import OPENED, SECOND, history, parent, sibling, victim


def test_holds() -> None:
    """Spawns that returned right after their children were gone pass."""
    judgement = PromptReturn().judge(history())
    assert judgement.verdict is Verdict.PASS
    assert judgement.reason == (
        "4 spawns returned in time, the slowest 0.100 s after the exit; victim was seen dead (killed by SIGSEGV)"
    )


def test_late_after_the_exit() -> None:
    """A spawn that hangs on after its child is gone is late."""
    late = victim(returned_ns=OPENED + SECOND // 10 + 5 * SECOND)
    judgement = PromptReturn().judge(history(late))
    assert judgement.verdict is Verdict.FAIL
    assert judgement.reason == (
        "spawn() of victim returned 5.000 s after its child's exit; at most 2.000 s is expected"
    )


def test_slow_handlers_are_allowed_for() -> None:
    """As long as messages are being handled after the exit, the spawn is not late."""
    slow = victim(returned_ns=OPENED + 9 * SECOND)
    slow.handled.rows["t_ns"][-1] = OPENED + 8 * SECOND
    assert PromptReturn().judge(history(slow)).verdict is Verdict.PASS
    held = victim(returned_ns=OPENED + 9 * SECOND, held=((OPENED, OPENED + 8 * SECOND),))
    assert PromptReturn().judge(history(held)).verdict is Verdict.PASS


def test_late_after_the_deadline() -> None:
    """A child that outlives its deadline and grace period is not waited for."""
    exit = KernelExit(OPENED + 30 * SECOND, None, "SIGKILL", "pidfd")
    late = victim(timeout_s=1.0, exit=exit, returned_ns=OPENED + 30 * SECOND)
    judgement = PromptReturn().judge(history(late))
    assert judgement.reason == (
        "spawn() of victim returned 29.500 s after its deadline and grace period; at most 2.000 s is expected"
    )


def test_never_returned() -> None:
    """A spawn that never returned in a living parent is a violation; in a dead one nobody can tell."""
    stuck = victim(returned_ns=None, report=None)
    judgement = PromptReturn().judge(history(stuck))
    assert (judgement.verdict, judgement.reason) == (
        Verdict.FAIL,
        "spawn() of victim never returned, though the parent was alive",
    )
    judgement = PromptReturn().judge(history(stuck, parent=parent(alive=False)))
    assert (judgement.verdict, judgement.reason) == (
        Verdict.UNKNOWN,
        "spawn() of victim never returned, because the parent was gone",
    )


def test_no_ordeal() -> None:
    """Without a child with a fault that was seen stopped, blocked or dead nothing was tried."""
    judgement = PromptReturn().judge(history(victim(faults=()), sibling(1)))
    assert judgement.verdict is Verdict.UNKNOWN
    assert judgement.reason == "no child with a fault was seen stopped, blocked in its fault, dead or refused"


def test_a_child_that_could_not_be_started() -> None:
    """There is nothing to wait for: the spawn returns at once, long before the deadline that no child has."""
    fault = replace(victim().faults[0], notes=({"t_ns": OPENED, "by": "parent", "refused": "EMFILE"},))
    facts: dict[str, Any] = {"faults": (fault,), "pid": None, "exit": None, "spawned_ns": OPENED}
    found = PromptReturn().judge(history(victim(**facts, returned_ns=OPENED + SECOND), sibling(1)))
    assert (found.verdict, found.evidence["witnesses"]) == (
        Verdict.PASS,
        {"victim": "refused by the kernel (EMFILE)"},
    )
    found = PromptReturn().judge(history(victim(**facts, returned_ns=OPENED + 3 * SECOND), sibling(1)))
    assert (found.verdict, found.reason) == (
        Verdict.FAIL,
        "spawn() of victim returned 3.000 s after it was called, though no child could be started; "
        "at most 2.000 s is expected",
    )

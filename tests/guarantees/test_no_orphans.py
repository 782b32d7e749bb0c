"""Guarantee `no-orphans`, and what others say of a parent that was killed."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from gostage_sim.guarantees.contract import Verdict
from gostage_sim.guarantees.judge import judge
from gostage_sim.guarantees.no_loss import NoLoss
from gostage_sim.guarantees.no_orphans import NoOrphans
from gostage_sim.history.model import ChildHistory, Descendant, FaultRecord, History, KernelExit, Leftover

from .histories import MS, OPENED, SECOND, content, handled_as, history, parent, recovery, sibling, victim

KILLED = OPENED + 100 * MS
CHILD = Descendant(100, "S", "python -m child", KILLED + 5 * MS)
SLEEPER = Descendant(77, "S", "sleep 1000", KILLED + 20 * MS)
END = KernelExit(KILLED, None, "SIGKILL", "waitpid")


def killing(*notes: dict[str, Any]) -> FaultRecord:
    told = ({"t_ns": KILLED, "by": "observer", "killed_parent": "SIGKILL"},)
    kill: dict[str, Any] = {"kind": "kill_parent", "params": {"signal": "SIGKILL"}, "notes": (*notes, *told)}
    return replace(victim().faults[0], **kill)


def cut_short(child: ChildHistory, **changes: Any) -> ChildHistory:
    return replace(child, returned_ns=None, report=None, **changes)


def bereft(*descendants: Descendant, **changes: Any) -> History:
    """A parent killed with a victim and a sibling, and these descendants at that moment."""
    dead = parent(alive=False, finished=False, final=None, exit=END)
    first = cut_short(victim(), faults=(killing({"t_ns": 1, "by": "child", "reached": "holds"}),))
    children = (first, cut_short(sibling(1)), replace(cut_short(recovery()), spawned_ns=None))
    return history(*children, parent=dead, **{"descendants": descendants or (CHILD, SLEEPER), **changes})


def test_holds() -> None:
    """All descendants went with the parent, and the reason says how fast."""
    found = NoOrphans().judge(bereft())
    assert (found.verdict, found.reason) == (
        Verdict.PASS,
        "2 descendants of the killed parent went with it, the last 0.020 s after it",
    )
    assert found.evidence["not_judged"] == ["victim", "sibling[1]"]


@pytest.mark.parametrize(
    ("one", "reason"),
    [
        (
            replace(SLEEPER, gone_ns=None),
            "a descendant (pid 77, state S: sleep 1000) outlived the parent, and was there to the end",
        ),
        (
            replace(SLEEPER, gone_ns=KILLED + 2 * SECOND + MS),
            "a descendant (pid 77, state S: sleep 1000) outlived the parent by 2.001 s; at most 2.000 s is expected",
        ),
    ],
)
def test_violated(one: Descendant, reason: str) -> None:
    """One that is still there, or went too late, is an orphan."""
    found = NoOrphans().judge(bereft(CHILD, one))
    assert (found.verdict, found.reason) == (Verdict.FAIL, reason)


def test_one_that_began_as_the_parent_died() -> None:
    """A process that nobody had seen at the kill, and that the observer had to end, is one too."""
    found = NoOrphans().judge(bereft(leftovers=(Leftover(78, "S", "sleep 1000"),)))
    assert (found.verdict, found.reason) == (
        Verdict.FAIL,
        "a process that began as the parent died had to be ended: pid 78, state S: sleep 1000",
    )


@pytest.mark.parametrize(("asked", "verdict"), [(False, Verdict.PASS), (True, Verdict.FAIL)])
def test_a_daemon_is_the_engines_where_it_was_asked_to_end_it(asked: bool, verdict: Verdict) -> None:
    """Without `end_daemons` a daemon is excused, and it alone."""
    made = bereft(CHILD, replace(SLEEPER, gone_ns=None), leftovers=(Leftover(77, "S", "sleep 1000"),))
    first = replace(made.children[0], ends_daemons=asked, faults=(killing({"t_ns": 1, "by": "child", "daemon": 77}),))
    found = NoOrphans().judge(replace(made, children=(first, *made.children[1:])))
    assert found.verdict is verdict
    if not asked:
        assert found.reason.endswith("; 1 daemon that left its child's session was ended by the observer")


@pytest.mark.parametrize(
    ("descendants", "reason"),
    [
        ((replace(SLEEPER, pid=78),), "no child was seen alive when the parent was killed"),
        ((), "no descendant of the parent was seen alive when it was killed"),
    ],
)
def test_nobody_was_seen_alive(descendants: tuple[Descendant, ...], reason: str) -> None:
    """Who was gone before the kill proves nothing."""
    found = NoOrphans().judge(replace(bereft(), descendants=descendants))
    assert (found.verdict, found.reason) == (Verdict.UNKNOWN, reason)


def test_what_takes_a_living_parent_is_left_out() -> None:
    """Of a parent that was killed nobody asks whether it lives, recovers or has cleaned up; the rest is judged."""
    found = {judgement.name: judgement.verdict for judgement in judge(bereft())}
    assert found.keys() == {
        "fault-fired",
        "order",
        "no-loss",
        "no-duplicate",
        "no-phantom",
        "no-crosstalk",
        "no-orphans",
    }
    assert set(found.values()) == {Verdict.PASS}


@pytest.mark.parametrize(
    ("changes", "note"),
    [
        ({"exit": replace(END, signal="SIGSEGV")}, "SIGKILL"),
        ({"exit": replace(END, signal=None, exit_code=1)}, "SIGKILL"),
        ({"exit": END, "overdue_s": 20.0}, "SIGKILL"),
        ({"exit": END}, None),
    ],
    ids=["by another signal", "by itself", "by the observer in the end", "not by the fault"],
)
def test_another_death_is_no_excuse(changes: dict[str, Any], note: str | None) -> None:
    """A parent that died in another way than the fault's is not alive, and that is a failure."""
    made = bereft()
    killer = replace(killing(), notes=({"t_ns": KILLED, "by": "observer", "killed_parent": note},))
    first = replace(made.children[0], faults=(killer,))
    other = replace(made, children=(first, *made.children[1:]), parent=replace(made.parent, **changes))
    found = {judgement.name: judgement.verdict for judgement in judge(other)}
    assert found["parent-alive"] is Verdict.FAIL
    assert "no-orphans" not in found


def test_a_child_that_returned_before_is_judged() -> None:
    """A wrong report of a child that had ended by then is no less wrong."""
    early = sibling(2)
    assert early.report is not None
    lies = replace(early, report=replace(early.report, outcome="failed"))
    made = bereft()
    found = {one.name: one for one in judge(replace(made, children=(*made.children, lies)))}
    assert found["true-verdict"].verdict is Verdict.FAIL


@pytest.mark.parametrize(
    ("seen", "verdict"),
    [(content(20)[:5], Verdict.PASS), ([*content(20)[:3], content(20)[4]], Verdict.FAIL), ([], Verdict.PASS)],
)
def test_messages_handled_before_the_kill_have_no_gap(seen: list[tuple[str, str]], verdict: Verdict) -> None:
    """How much was handled is chance; that nothing in between is missing is not."""
    made = bereft()
    found = NoLoss().judge(replace(made, children=(handled_as(made.children[0], seen), *made.children[1:])))
    assert found.verdict is verdict
    if verdict is Verdict.PASS:
        assert "of 2 spawns cut short when the parent was killed, a beginning without a gap" in found.reason

"""Guarantee `prompt-return`: `spawn()` returns soon after its child is gone, never later than the deadline allows."""

from __future__ import annotations

from gostage_sim.guarantees.contract import Judgement
from gostage_sim.guarantees.findings import Findings
from gostage_sim.guarantees.wording import count, ending, seconds
from gostage_sim.history.model import ChildHistory, History

#: For the engine to notice, kill and reap, on a busy machine.
BOUND_NS = 1_000_000_000
#: For the drain of a pipe that a grandchild keeps open.
DRAIN_NS = 1_000_000_000


class PromptReturn:
    """`spawn()` returns within 2 s of its child's exit, and within timeout plus grace period plus 2 s at the latest. It
    returns within 2 s when the kernel refuses to start the child.

    Messages left in the pipe are still handled after the exit, so the clock starts at the last handled message where
    that came later, and where its handler was to hold it up, when that was over.
    """

    name = "prompt-return"
    holds_when = "spawn() returned within 2 s of the child's exit, and of its deadline plus grace period"
    counts_only_if = (
        "a child with a fault was seen stopped, blocked in its fault, or by the kernel's word dead or refused"
    )

    def applies(self, history: History) -> bool:
        return bool(history.faults) and (history.killing is None or any(map(_ordeal, history.outlived)))

    def judge(self, history: History) -> Judgement:
        findings = Findings()
        taken: dict[str, float] = {}
        for child in history.outlived:
            if child.spawned_ns is None:
                continue
            if child.returned_ns is None:
                if history.parent.alive:
                    findings.violations.append(f"spawn() of {child.name} never returned, though the parent was alive")
                else:
                    findings.missing.append(f"spawn() of {child.name} never returned, because the parent was gone")
                continue
            late = _lateness(child, child.spawned_ns, child.returned_ns)
            if late is not None:
                findings.violations.append(f"spawn() of {child.name} returned {late}")
            if child.exit is not None:
                taken[child.name] = (child.returned_ns - child.exit.t_ns) / 1e9
        witnesses = {child.name: how for child in history.outlived if (how := _ordeal(child)) is not None}
        if not witnesses:
            findings.missing.append("no child with a fault was seen stopped, blocked in its fault, dead or refused")
        seen = f"{count(len(taken), 'spawn')} returned in time"
        if taken:
            seen += f", the slowest {max(taken.values()):.3f} s after the exit"
        seen += "".join(f"; {child} was {how}" for child, how in list(witnesses.items())[:1])
        return findings.judgement(self.name, seen, {"returned_after_exit_s": taken, "witnesses": witnesses})


def _lateness(child: ChildHistory, spawned_ns: int, returned_ns: int) -> str | None:
    """How much too late, in words, or None."""
    last_handled = int(child.handled.rows["t_ns"][-1]) if len(child.handled) else 0
    last_handled = max([last_handled, *(until for _, until in child.held)])
    bound = BOUND_NS + DRAIN_NS
    if child.exit is not None:
        gone = max(child.exit.t_ns, last_handled)
        if returned_ns - gone > bound:
            what = "its child's exit" if gone == child.exit.t_ns else "the last handled message"
            return f"{seconds(returned_ns - gone)} after {what}; at most {seconds(bound)} is expected"
    elif child.refused is not None and returned_ns - spawned_ns > bound:
        late = seconds(returned_ns - spawned_ns)
        return f"{late} after it was called, though no child could be started; at most {seconds(bound)} is expected"
    deadline = spawned_ns + int((child.timeout_s + child.grace_s) * 1e9)
    if returned_ns - max(deadline, last_handled) > bound:
        late = seconds(returned_ns - deadline)
        return f"{late} after its deadline and grace period; at most {seconds(bound)} is expected"
    return None


def _ordeal(child: ChildHistory) -> str | None:
    """What was seen of a child with a fault that `spawn()` had to cope with."""
    fired = [fault for fault in child.faults if fault.fired_ns is not None]
    if not fired:
        return None
    if child.stopped_ns:
        return "seen stopped"
    if child.exit is not None:
        return f"seen dead ({ending(child.exit.exit_code, child.exit.signal)})"
    if child.refused is not None:
        return f"refused by the kernel ({child.refused})"
    blocked = [fault.kind for fault in fired if fault.over_ns is None]
    return f"blocked in {blocked[0]}" if blocked else None

"""Guarantee `parent-alive`: whatever children do, the parent lives on and keeps working."""

from __future__ import annotations

import numpy as np

from gostage_sim.guarantees.contract import Judgement
from gostage_sim.guarantees.findings import Findings
from gostage_sim.guarantees.wording import count, ending, quoted, seconds
from gostage_sim.history.model import History
from gostage_sim.units import format_duration

#: Longest time between two heartbeats. The heart is a thread of the parent: a longer gap means that it was stopped, or
#: that something held the interpreter.
GAP_BOUND_NS = 2_000_000_000


class ParentAlive:
    """The parent is the same process from the first spawn to the end, its heart never pauses for more than 2 s, no
    exception goes unhandled in any of its threads, and it leaves with exit code 0. One that a fault has killed is not
    judged; `no-orphans` is then."""

    name = "parent-alive"
    holds_when = "the same process finished its work, without an unhandled exception or a heartbeat gap over 2 s"
    counts_only_if = "it beat inside the window of the faults, and handled a message after it"

    def applies(self, history: History) -> bool:
        return history.killing is None

    def judge(self, history: History) -> Judgement:
        findings = Findings()
        parent = history.parent
        if parent.overdue_s is not None:
            findings.violations.append(
                f"the parent (pid {parent.pid}) was not done when the time of the scenario, "
                f"{format_duration(parent.overdue_s)}, was over; the observer ended it"
            )
        elif parent.exit is not None and not parent.finished:
            how = ending(parent.exit.exit_code, parent.exit.signal)
            findings.violations.append(f"the parent (pid {parent.pid}) ended before its work was done: {how}")
        elif not parent.alive:
            findings.violations.append(f"the parent (pid {parent.pid}) was gone when the observer last asked for it")
        elif not parent.finished:
            findings.violations.append(f"the parent (pid {parent.pid}) was alive, but never finished its work")
        elif parent.exit is not None and parent.exit.exit_code != 0:
            how = ending(parent.exit.exit_code, parent.exit.signal)
            findings.violations.append(
                f"the parent (pid {parent.pid}) had done its work, but did not leave in order: {how}"
            )
        findings.violations.extend(
            f"an exception was not handled in the parent: {quoted(text)}" for text in parent.unhandled
        )
        beats = parent.heartbeats_ns.astype(np.int64)
        gap, at = _largest_gap(beats, history)
        if gap > GAP_BOUND_NS:
            findings.violations.append(
                f"the parent's heart paused for {seconds(gap)}, {seconds(at)} after the first spawn; "
                f"at most {seconds(GAP_BOUND_NS)} is expected"
            )
        findings.missing.extend(_not_seen(beats, history))
        evidence = {"beats": len(beats), "max_heartbeat_gap_s": gap / 1e9}
        seen = f"{count(len(beats), 'heartbeat')}, the largest gap {seconds(gap)}, and messages handled to the end"
        return findings.judgement(self.name, seen, evidence)


def _largest_gap(beats: np.ndarray[tuple[int], np.dtype[np.int64]], history: History) -> tuple[int, int]:
    """The largest gap from the first spawn to the last sign of work, and when it began after the first spawn."""
    spawned = [child.spawned_ns for child in history.children if child.spawned_ns is not None]
    if not len(beats) or not spawned:
        return 0, 0
    start, end = min(spawned), _last_work(history)
    if history.parent.exit is not None and not history.parent.finished:
        end = max(end, history.parent.exit.t_ns)
    # A beat before the first spawn starts the clock no earlier than that spawn; the ends count as beats.
    inside = beats[(beats >= start) & (beats <= end)]
    edges = np.concatenate([[start], inside, [max(start, end)]])
    gaps = np.diff(edges)
    worst = int(gaps.argmax())
    return int(gaps[worst]), int(edges[worst] - start)


def _last_work(history: History) -> int:
    """When the parent last handled a message or returned from a spawn."""
    handled = [int(child.handled.rows["t_ns"][-1]) for child in history.children if len(child.handled)]
    returned = [child.returned_ns for child in history.children if child.returned_ns is not None]
    return max(handled + returned, default=0)


def _not_seen(beats: np.ndarray[tuple[int], np.dtype[np.int64]], history: History) -> list[str]:
    """What is missing of the witness."""
    handled = [int(child.handled.rows["t_ns"][-1]) for child in history.children if len(child.handled)]
    if not len(beats):
        return ["the parent's heart was never seen to beat"]
    if not handled:
        return ["the parent was never seen to handle a message"]
    window = history.window
    if window is None:
        return ["the window of the faults never opened"] if history.faults else []
    if window.closed_ns is None:
        return ["the window of the faults never closed"]
    missing = []
    if not _beat_in(beats, window.opened_ns, window.closed_ns):
        missing.append("the parent's heart was not seen to beat inside the window of the faults")
    if max(handled) <= window.closed_ns:
        missing.append("the parent was not seen to handle a message after the window of the faults")
    return missing


def _beat_in(beats: np.ndarray[tuple[int], np.dtype[np.int64]], opened: int, closed: int) -> bool:
    """A beat inside, or one on each side within the bound where the window is shorter than the heart's interval."""
    if ((beats >= opened) & (beats <= closed)).any():
        return True
    interval = int(np.median(np.diff(beats))) if len(beats) > 1 else 0
    before, after = beats[beats < opened], beats[beats > closed]
    if closed - opened >= interval or not len(before) or not len(after):
        return False
    return bool(opened - before[-1] <= GAP_BOUND_NS and after[0] - closed <= GAP_BOUND_NS)

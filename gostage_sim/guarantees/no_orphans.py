"""Guarantee `no-orphans`: whoever kills the parent has killed its children, theirs, and all that descends from it."""

from __future__ import annotations

from gostage_sim.guarantees.contract import Judgement
from gostage_sim.guarantees.findings import Findings
from gostage_sim.guarantees.wording import count, plain, seconds
from gostage_sim.history.model import Descendant, History

#: The kernel tells the whole group of a child at the parent's end; a guardian of daemons has to look for them first.
BOUND_NS = 2_000_000_000


class NoOrphans:
    """When a fault has killed the parent (`kill_parent`), every process that descended from it is gone 2 s later:
    children, theirs, stopped ones, those that ignore SIGTERM, servers that start others; nobody has to end them.

    Daemons that left their child's session on purpose (`stray: {form: daemon}`) are beyond an engine that was not asked
    to look for them (`end_daemons`); those very processes do not count.

    This is what is judged instead of all that takes a living parent: `parent-alive`, `siblings-unharmed`,
    `prompt-return`, `true-verdict` and `quarantine` of children whose `spawn()` never returned, `nothing-left` and
    `recovers`.
    """

    name = "no-orphans"
    holds_when = "every process that descended from a killed parent was gone within 2 s, and none had to be ended"
    counts_only_if = "they were seen alive just before the parent was killed, its children among them"

    def applies(self, history: History) -> bool:
        return history.killing is not None

    def judge(self, history: History) -> Judgement:
        findings = Findings()
        died = history.parent.exit
        if history.killing is None or died is None:
            findings.missing.append("no fault killed the parent")
            return findings.judgement(self.name, "")
        excused = _daemons(history)
        known = {one.pid for one in history.descendants}
        took: dict[int, float] = {}
        killed_ns = _killed_ns(history)
        for one in history.descendants:
            if one.pid in excused:
                continue
            if one.gone_ns is None:
                findings.violations.append(f"{_named(one)} outlived the parent, and was there to the end")
                continue
            took[one.pid] = max(0, one.gone_ns - killed_ns) / 1e9
            if one.gone_ns - killed_ns > BOUND_NS:
                findings.violations.append(
                    f"{_named(one)} outlived the parent by {seconds(one.gone_ns - killed_ns)}; "
                    f"at most {seconds(BOUND_NS)} is expected"
                )
        findings.violations.extend(
            f"a process that began as the parent died had to be ended: {plain(str(left))}"
            for left in history.leftovers
            if left.pid not in excused | known
        )
        if not known - excused:
            findings.missing.append("no descendant of the parent was seen alive when it was killed")
        elif not any(child.pid in known for child in history.children):
            findings.missing.append("no child was seen alive when the parent was killed")
        evidence = {
            "gone_after_s": took,
            "at_the_kill": list(map(str, history.descendants)),
            "not_judged": _not_judged(history),
        }
        slowest = f", the last {max(took.values()):.3f} s after it" if took else ""
        seen = f"{count(len(took), 'descendant')} of the killed parent went with it{slowest}"
        if excused & known:
            seen += f"; {count(len(excused & known), 'daemon')} that left its child's session was ended by the observer"
        return findings.judgement(self.name, seen, evidence)


def _killed_ns(history: History) -> int:
    """When the observer knew of the end that it had brought about."""
    assert history.killing is not None
    return int(next(note["t_ns"] for note in history.killing.notes if note.get("killed_parent")))


def _daemons(history: History) -> set[int]:
    return {
        note["daemon"]
        for child in history.children
        if not child.ends_daemons
        for fault in child.faults
        for note in fault.notes
        if "daemon" in note
    }


def _named(one: Descendant) -> str:
    return f"a descendant ({plain(str(one))})"


def _not_judged(history: History) -> list[str]:
    """The children of which the parent could not say how they ended any more."""
    return [child.name for child in history.children if child.spawned_ns is not None and child.returned_ns is None]

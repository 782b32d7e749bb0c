"""Guarantee `nothing-left`: after the last spawn the parent holds no more than before the first."""

from __future__ import annotations

from gostage_sim.guarantees.contract import Judgement
from gostage_sim.guarantees.findings import Findings
from gostage_sim.guarantees.wording import count, plain, plural
from gostage_sim.history.model import History, Resources

#: Fields of `Resources` that must be back, with the words for a reason.
_COUNTERS = {
    "processes": "process",
    "zombies": "zombie",
    "fds": "open file descriptor",
    "sockets": "socket",
    "threads": "thread",
    "temp_files": "temporary file",
}
#: Those that every spawn must raise, or nobody looked while there was something to see.
_MUST_RISE = ("processes", "fds")


class NothingLeft:
    """Processes, zombies, file descriptors, sockets, threads and temporary files are back to the baseline, and no
    process had to be ended by the observer.

    Daemons that left their child's session on purpose (`stray: {form: daemon}`) are beyond an engine that was not asked
    to look for them: those very processes do not count, once the observer has found and ended them. An engine that was
    (`end_daemons: true`) must have ended them itself.
    """

    name = "nothing-left"
    holds_when = "every counter is back to what it was before the first spawn, and no process outlived the work"
    counts_only_if = "the parent finished its work, and its processes and file descriptors had been seen to rise"

    def applies(self, history: History) -> bool:
        return history.killing is None

    def judge(self, history: History) -> Judgement:
        findings = Findings()
        parent = history.parent
        if not parent.finished:
            findings.missing.append("the parent did not finish its work, so it had no occasion to clean up")
            return findings.judgement(self.name, "")
        if parent.baseline is None or parent.final is None:
            which = "before the first spawn" if parent.baseline is None else "after the last spawn"
            findings.missing.append(f"the parent's resources were not counted {which}")
            return findings.judgement(self.name, "")
        before, after = _counters(parent.baseline), _counters(parent.final)
        peak = {key: max((_counters(sample)[key] for sample in parent.samples), default=0) for key in _COUNTERS}
        daemons = {
            note["daemon"]
            for child in history.children
            if not child.ends_daemons
            for fault in child.faults
            for note in fault.notes
            if "daemon" in note
        }
        escaped = [left for left in history.leftovers if left.pid in daemons]
        after["processes"] -= len(escaped)
        for key, noun in _COUNTERS.items():
            if after[key] > before[key]:
                held = count(after[key], noun)
                findings.violations.append(f"{held} after the last spawn, {before[key]} before the first")
        findings.violations.extend(
            f"a process outlived the work and had to be ended: {plain(str(left))}"
            for left in history.leftovers
            if left not in escaped
        )
        findings.missing.extend(
            f"{plural(_COUNTERS[key])} were never seen above the {before[key]} of the baseline"
            for key in _MUST_RISE
            if peak[key] <= before[key]
        )
        risen = ", ".join(count(peak[key], _COUNTERS[key]) for key in _MUST_RISE)
        evidence = {"baseline": before, "peak": peak, "final": after, "leftovers": list(map(str, history.leftovers))}
        seen = f"back to the baseline after a peak of {risen}"
        if escaped:
            seen += f"; {count(len(escaped), 'daemon')} that left its child's session was ended by the observer"
        return findings.judgement(self.name, seen, evidence)


def _counters(resources: Resources) -> dict[str, int]:
    return {key: getattr(resources, key) for key in _COUNTERS}

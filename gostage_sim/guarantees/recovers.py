"""Guarantee `recovers`: after the faults the same runner still serves a fresh child."""

from __future__ import annotations

from gostage_sim.guarantees.contract import Judgement
from gostage_sim.guarantees.findings import Findings
from gostage_sim.guarantees.streams import compare
from gostage_sim.guarantees.wording import count, ending, plain, seconds
from gostage_sim.history.model import ChildHistory, History


class Recovers:
    """A child spawned on the same runner after the last fault completes, and all its messages are handled."""

    name = "recovers"
    holds_when = "a fresh child on the same runner completed with exit code 0 and all its messages were handled"
    counts_only_if = "it was a new process, spawned after the last fault began"

    def applies(self, history: History) -> bool:
        return bool(history.faults) and history.killing is None

    def judge(self, history: History) -> Judgement:
        findings = Findings()
        fresh = [child for child in history.children if child.role == "recovery" and child.spawned_ns is not None]
        if not fresh:
            findings.missing.append("no fresh child was spawned after the faults")
        for child in fresh:
            _check(child, findings)
            _check_fresh(child, history, findings)
        pids = [child.pid for child in fresh]
        seen = f"fresh child {', '.join(map(str, pids))} completed on the same runner, its messages handled"
        return findings.judgement(self.name, seen, {"pids": pids})


def _check(child: ChildHistory, findings: Findings) -> None:
    report = child.report
    if child.spawn_error is not None:
        findings.violations.append(f"the spawn of {child.name} after the faults raised {plain(child.spawn_error)}")
    elif report is None:
        findings.violations.append(f"the spawn of {child.name} after the faults never returned")
    elif report.outcome != "completed" or report.exit_code != 0:
        seen = f"{plain(report.outcome)}, {ending(report.exit_code, report.signal)}"
        findings.violations.append(f"{child.name} should have completed with exit code 0, but ended as {seen}")
    expected, handled = child.expected_messages, child.handled.by_application()
    if expected is None:
        expected = len(compare(child).sent)
    if handled != expected:
        findings.violations.append(f"{count(handled, 'message')} of {child.name} handled, {expected:,} expected")
    elif not handled:
        findings.missing.append(f"{child.name} sent no messages, so nothing shows that handlers still work")


def _check_fresh(child: ChildHistory, history: History, findings: Findings) -> None:
    if child.pid is None:
        findings.missing.append(f"the pid of {child.name} is not known")
        return
    for other in history.children:
        if other is not child and other.pid == child.pid:
            findings.missing.append(f"{child.name} has pid {child.pid}, which {other.name} had too")
    fired = [fault for fault in history.faults if fault.fired_ns is not None]
    if not fired:
        findings.missing.append("no fault fired, so there was nothing to recover from")
        return
    last = max(fired, key=lambda fault: fault.fired_ns or 0)
    early = (last.fired_ns or 0) - (child.spawned_ns or 0)
    if early >= 0:
        findings.missing.append(f"{child.name} was spawned {seconds(early)} before the last fault, {last.id}, began")

"""Guarantee `siblings-unharmed`: children without a fault never notice what happens to the others."""

from __future__ import annotations

import numpy as np

from gostage_sim.guarantees.contract import Judgement
from gostage_sim.guarantees.findings import Findings
from gostage_sim.guarantees.streams import compare, times_of
from gostage_sim.guarantees.twin import compare_with_twin
from gostage_sim.guarantees.wording import count, ending, plain, seconds
from gostage_sim.history.model import ChildHistory, History, Window

#: Longest time in which a sibling's message may lie there while the parent does nothing for that sibling. Not the
#: delay from send to handler: a slow handler of the user's makes that as long as its backlog, with no harm done. As
#: long as the gap that `parent-alive` allows, and shorter than the scenarios leave a stopped child: an engine in which
#: siblings wait for a child that hangs must not pass.
STALL_BOUND_NS = 2_000_000_000


class SiblingsUnharmed:
    """Every sibling completes with exit code 0 and all its messages are handled without a stall.

    One of another wave than the faults' was not there during them; it has to complete all the same.
    Without a fault in the scenario there is no before and after, and a sibling of which the scenario expects an outcome
    of its own is the affair of `as-expected`. The largest and the 99th percentile of the delay from send to handler are
    in the evidence.

    Where the scenario was run without its faults first (`twin: true`, or `run --twin`), each sibling must have ended in
    the same way as then and have had the same messages handled, of a user's actions as many of each type; and the 99th
    percentile of its delays must be at most 2 s more than then.
    """

    name = "siblings-unharmed"
    holds_when = (
        "every sibling completed with exit code 0, all its messages were handled, and none waited more than 2 s "
        "while the parent did nothing for that sibling"
    )
    counts_only_if = (
        "every sibling of the faults' wave sent messages before, during and after their window, if there are any"
    )

    def applies(self, history: History) -> bool:
        return bool(_siblings(history)) and history.killing is None

    def judge(self, history: History) -> Judgement:
        findings = Findings()
        evidence: dict[str, dict[str, float]] = {}
        siblings = _siblings(history)
        for child in siblings:
            _check_ending(child, findings)
            _check_messages(child, findings)
            evidence[child.name] = _check_stall(child, findings)
            if history.twin is not None:
                evidence[child.name] |= compare_with_twin(child, history.twin, findings)
        if not history.faults:
            return findings.judgement(self.name, f"{count(len(siblings), 'sibling')} completed", evidence)
        window = history.window
        if window is None or window.closed_ns is None:
            findings.missing.append(f"the window of the faults never {'opened' if window is None else 'closed'}")
        else:
            for child in (child for child in siblings if child.meets):
                phases = _silent_phases(child, window)
                if phases:
                    silent = f"{child.name} sent nothing {' and nothing '.join(phases)} the faults"
                    findings.missing.append(f"{silent}; let its own steps send 3 messages or more")
        there = sum(child.meets for child in siblings)
        seen = f"{count(there, 'sibling')} sent before, during and after the faults and completed unharmed"
        if there < len(siblings):
            seen += f"; {len(siblings) - there} of another wave completed"
        if history.twin is not None:
            seen += "; the same as without the faults"
        return findings.judgement(self.name, seen, evidence)


def _siblings(history: History) -> list[ChildHistory]:
    return [
        child
        for child in history.children
        if child.role == "sibling" and (history.faults or child.expect.get("outcome") is None)
    ]


def _check_ending(child: ChildHistory, findings: Findings) -> None:
    if child.report is None:
        findings.violations.append(f"{child.name} should have completed, but its spawn() never returned a result")
    elif child.report.outcome != "completed" or child.report.exit_code != 0:
        seen = f"{plain(child.report.outcome)}, {ending(child.report.exit_code, child.report.signal)}"
        findings.violations.append(f"{child.name} should have completed with exit code 0, but ended as {seen}")
    elif child.exit is None:
        findings.missing.append(f"how the kernel saw {child.name} end is not known")
    elif child.exit.exit_code != 0:
        seen = ending(child.exit.exit_code, child.exit.signal)
        findings.violations.append(f"{child.name} should have ended with exit code 0, but the kernel said {seen}")


def _check_messages(child: ChildHistory, findings: Findings) -> None:
    expected, handled = child.expected_messages, child.handled.by_application()
    if expected is None:
        expected = len(compare(child).sent)
    if handled != expected:
        findings.violations.append(
            f"{count(handled, 'message')} of {child.name} handled, {expected:,} expected as without the fault"
        )


def _check_stall(child: ChildHistory, findings: Findings) -> dict[str, float]:
    streams = compare(child)
    both = min(len(streams.sent), len(streams.handled))
    if not both:
        return {}
    sent, handled = times_of(child.sent, streams.sent[:both]), times_of(child.handled, streams.handled[:both])
    # Of millions of messages each of these arrays is large: few are there at once.
    delay = handled - sent
    found = {"max_delay_s": float(delay.max()) / 1e9}
    found["p99_delay_s"] = float(np.percentile(delay, 99, overwrite_input=True)) / 1e9
    del delay
    # Only what a message waited after its predecessor was handled is idleness of the parent.
    since = sent.copy()
    np.maximum(since[1:], handled[:-1], out=since[1:])
    stall = np.subtract(handled, since, out=None if child.held else since)
    for held_from, held_until in child.held:  # by its own handler, as the scenario wants
        stall -= np.clip(np.minimum(handled, held_until) - np.maximum(since, held_from), 0, None)
    worst = int(stall.argmax())
    if stall[worst] > STALL_BOUND_NS:
        findings.violations.append(
            f"message {int(streams.sent[worst]) + 1} of {child.name} waited {seconds(int(stall[worst]))} while the "
            f"parent did nothing for it; at most {seconds(STALL_BOUND_NS)} is expected"
        )
    return {**found, "max_stall_s": float(stall[worst]) / 1e9}


def _silent_phases(child: ChildHistory, window: Window) -> list[str]:
    """The phases in which it sent nothing."""
    times = child.sent.rows["t_ns"]
    closed = window.closed_ns or window.opened_ns
    during = (times >= window.opened_ns) & (times <= closed)
    seen = {"before": (times < window.opened_ns).any(), "during": during.any(), "after": (times > closed).any()}
    return [phase for phase, sent in seen.items() if not sent]

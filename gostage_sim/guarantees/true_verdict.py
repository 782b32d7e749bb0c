"""Guarantee `true-verdict`: what the engine says of a child's end is what the kernel says."""

from __future__ import annotations

from gostage_sim.guarantees.contract import Judgement
from gostage_sim.guarantees.findings import Findings
from gostage_sim.guarantees.wording import count, ending, plain, seconds
from gostage_sim.history.model import ChildHistory, History, KernelExit, SpawnReport

_RESULT = "workflow_result"
_ENDED_BY_ENGINE = (None, "SIGTERM", "SIGKILL")


class TrueVerdict:
    """Outcome, exit code and signal of every report agree with the wait status that the observer got from the kernel.

    `signaled` needs a death by that signal; `completed` exit code 0 and a result; `failed` exit code 1 and an error;
    `panicked` an exit code other than 0; `exited` an exit that is not 0 with a result; `timed_out` an end by SIGTERM,
    SIGKILL or an exit, and not before the timeout.
    """

    name = "true-verdict"
    holds_when = "outcome, exit code and signal of every report equal what the kernel told the observer"
    counts_only_if = "every child's end was seen in the kernel, and a clean child was reported completed"

    def applies(self, history: History) -> bool:
        return any(child.spawned_ns is not None for child in history.children)

    def judge(self, history: History) -> Judgement:
        findings = Findings()
        children = [child for child in history.children if child.spawned_ns is not None]
        # Only a journal that holds results at all can prove that one was never sent.
        journalled = any(_sent_result(child) for child in children)
        clean = []
        for child in children:
            if child.spawn_error is not None:
                findings.violations.append(
                    f"spawn() of {child.name} raised {plain(child.spawn_error)} instead of returning a result"
                )
            elif child.report is None:
                findings.missing.append(f"spawn() of {child.name} never returned, so it said nothing of its end")
            elif child.exit is None:
                if child.report.outcome != "start_failed" or child.pid is not None:
                    findings.missing.append(f"how the kernel saw {child.name} end is not known")
            else:
                contradiction = _contradiction(child, child.report, child.exit, journalled=journalled)
                if contradiction is not None:
                    findings.violations.append(f"{child.name} {contradiction}")
                elif child.report.outcome == "completed":
                    clean.append(child.name)
        if not clean:
            findings.missing.append("no child that ended with exit code 0 was reported completed in this run")
        sources = sorted({child.exit.source for child in children if child.exit is not None})
        seen = f"{count(len(children), 'report')} compared with the kernel's, {', '.join(clean[:3])} clean"
        return findings.judgement(self.name, seen, {"clean": clean, "kernel_sources": sources})


def _contradiction(child: ChildHistory, report: SpawnReport, exit: KernelExit, *, journalled: bool) -> str | None:
    """Report against kernel: a clause that follows the child's name, or None when they agree."""
    if child.pid is not None and report.pid != child.pid:
        return f"was reported with pid {report.pid}, but process {child.pid} ran"
    said = f"was reported {plain(report.outcome)}"
    kernel = f"but the kernel said {ending(exit.exit_code, exit.signal)}"
    if not _possible(report, exit):
        return f"{said}, {kernel}"
    if (report.exit_code, report.signal) != (exit.exit_code, exit.signal):
        return f"{said} with {ending(report.exit_code, report.signal)}, {kernel}"
    if report.outcome == "failed" and report.error_type is None and report.error_message is None:
        return f"{said} without an error"
    if report.outcome == "completed" and journalled and not _sent_result(child):
        return f"{said}, but it never sent a result"
    if report.outcome == "exited" and exit.exit_code == 0 and _sent_result(child) and not _struck_early(child):
        return f"{said}, but it sent its result and the kernel said exit code 0"
    if report.outcome == "timed_out" and child.spawned_ns is not None:
        lived = exit.t_ns - child.spawned_ns
        if lived < child.timeout_s * 1e9:
            return f"{said}, but it ended {seconds(lived)} after its spawn, before its timeout of {child.timeout_s:g} s"
    return None


def _possible(report: SpawnReport, exit: KernelExit) -> bool:
    """Whether such an exit can stand behind this outcome at all."""
    match report.outcome:
        case "signaled":
            return exit.signal is not None
        case "completed":
            return exit.exit_code == 0
        case "failed":
            return exit.exit_code == 1
        case "panicked":
            return exit.exit_code not in (None, 0)
        case "exited":
            return exit.exit_code is not None
        case "timed_out":
            return exit.signal in _ENDED_BY_ENGINE
        case _:
            return True


def _sent_result(child: ChildHistory) -> bool:
    """Whether a whole result reached the kernel."""
    if _RESULT not in child.sent.types:
        return False
    return bool((child.sent.rows["type"][: child.in_kernel] == child.sent.types.index(_RESULT)).any())


def _struck_early(child: ChildHistory) -> bool:
    """Whether a fault came before the result: then it may be one of failure, which exit code 0 contradicts."""
    return any(fault.fired_ns is not None and fault.at.get("point") != "result" for fault in child.faults)

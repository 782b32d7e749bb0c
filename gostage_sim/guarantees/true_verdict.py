"""Guarantee `true-verdict`: what the engine says of a child's end is what the kernel says."""

from __future__ import annotations

import errno
import re

from gostage_sim.guarantees.contract import Judgement
from gostage_sim.guarantees.findings import Findings
from gostage_sim.guarantees.wording import count, ending, plain, seconds
from gostage_sim.history.model import ChildHistory, HandlerExit, History, KernelExit, SpawnReport

_ENDED_BY_ENGINE = ("SIGTERM", "SIGKILL")
#: The exit code with which a child confirms each result; with another code it is `exited`, and always after an exit.
_CONFIRMED_BY = {"success": 0, "failure": 1, "panic": 70}


class TrueVerdict:
    """Outcome, exit code and signal of every report agree with the wait status that the observer got from the kernel,
    and with the result that the child's journal shows it to have sent.

    `signaled` needs a death by that signal, and not one by the engine's own at the timeout; `completed` exit code 0 and
    a result of success; `failed` exit code 1 and a result of failure, with an error; `panicked` a result of panic and
    another code than 0; `exited` an exit that contradicts the result, has none, or is what the result tells of, or one
    whose result a relay kept from the parent;
    `timed_out` an end by SIGTERM, SIGKILL or an exit, not before the timeout, and by SIGKILL not before the end of the
    grace period; `limit_exceeded` a limit that was set and is named, and the kernel's signal for it, or an error of its
    kind in the child's result if it came to one. Nobody cancels, so no other outcome can be true of a child that ran.
    `start_failed` is true of a child that the kernel refused to start, as a fault of the parent found out by trying the
    same, or the observer by looking for its program before the run and after; and nothing else is. Where a handler
    leaves `spawn()` by an exception there is no report; then the child must be gone before that comes out. What a
    program that is not ours sent as its result nobody knows: of its outcome the wait status is judged.
    """

    name = "true-verdict"
    holds_when = "outcome, exit code and signal of every report equal what the kernel told the observer"
    counts_only_if = "every child's end was seen in the kernel, and a clean child was reported completed"

    def applies(self, history: History) -> bool:
        return any(child.spawned_ns is not None for child in history.outlived)

    def judge(self, history: History) -> Judgement:
        findings = Findings()
        children = [child for child in history.outlived if child.spawned_ns is not None]
        clean = []
        for child in children:
            if child.spawn_error is not None:
                findings.violations.append(
                    f"spawn() of {child.name} raised {plain(child.spawn_error)} instead of returning a result"
                )
            elif child.handler_exit is not None:
                _judge_left(child, child.handler_exit, findings)
            elif child.report is None:
                findings.missing.append(f"spawn() of {child.name} never returned, so it said nothing of its end")
            elif child.exit is None:
                _judge_unseen(child, child.report, findings)
            else:
                contradiction = _contradiction(child, child.report, child.exit)
                if contradiction is not None:
                    findings.violations.append(f"{child.name} {contradiction}")
                elif child.report.outcome == "completed":
                    clean.append(child.name)
        if not clean:
            findings.missing.append("no child that ended with exit code 0 was reported completed in this run")
        sources = sorted({child.exit.source for child in children if child.exit is not None})
        seen = f"{count(len(children), 'report')} compared with the kernel's, {', '.join(clean[:3])} clean"
        return findings.judgement(self.name, seen, {"clean": clean, "kernel_sources": sources})


def _judge_left(child: ChildHistory, left: HandlerExit, findings: Findings) -> None:
    """Without a report there is one thing to be true: the child was gone when what the handler raised came out."""
    if not left.child_gone:
        findings.violations.append(f"{plain(left.error)} came out of spawn() of {child.name} before its child was gone")
    elif child.exit is None:
        findings.missing.append(f"how the kernel saw {child.name} end is not known")


def _judge_unseen(child: ChildHistory, report: SpawnReport, findings: Findings) -> None:
    """Of a child whose end nobody saw it must be known that it could not be started."""
    if child.refused is None:
        if report.outcome == "start_failed" and child.pid is None:
            findings.missing.append(
                f"{child.name} was reported start_failed, and what prevented its start is not known"
            )
        else:
            findings.missing.append(f"how the kernel saw {child.name} end is not known")
    elif report.outcome != "start_failed" or (report.pid, report.exit_code, report.signal) != (None, None, None):
        said = f"was reported {plain(report.outcome)} with {ending(report.exit_code, report.signal)}"
        findings.violations.append(f"{child.name} {said}, but the kernel refused to start it: {child.refused}")
    elif report.error_message is None:
        findings.violations.append(f"{child.name} was reported start_failed without an error")


def _contradiction(child: ChildHistory, report: SpawnReport, exit: KernelExit) -> str | None:
    """Report against kernel: a clause that follows the child's name, or None when they agree."""
    if child.pid is not None and report.pid != child.pid:
        return f"was reported with pid {report.pid}, but process {child.pid} ran"
    said = f"was reported {plain(report.outcome)}"
    kernel = f"the kernel said {ending(exit.exit_code, exit.signal)}"
    if not _possible(child, report, exit):
        return f"{said}, but {kernel}"
    if (report.exit_code, report.signal) != (exit.exit_code, exit.signal):
        return f"{said} with {ending(report.exit_code, report.signal)}, but {kernel}"
    needed = {"completed": "success", "failed": "failure", "panicked": "panic"}.get(report.outcome)
    sent = "it never sent a result" if child.result is None else f"its result was one of {child.result}"
    if needed is not None and child.result != needed and child.role != "foreign":
        return f"{said}, but {sent}"
    if report.outcome == "failed" and report.error_type is None and report.error_message is None:
        return f"{said} without an error"
    confirmed = child.result is not None and exit.exit_code == _CONFIRMED_BY.get(child.result)
    if report.outcome == "exited" and confirmed and not _was_kept_back(child):
        return f"{said}, but {sent} and {kernel}"
    if report.outcome == "limit_exceeded":
        beyond = _beyond_limit(child, report, exit)
        return None if beyond is None else f"{said}, but {beyond}"
    return _untimely(child, report, exit, said)


def _was_kept_back(child: ChildHistory) -> bool:
    """Whether a relay stood between the child and its parent, and the parent never saw the result."""
    relayed = any(note.get("by") == "relay" for fault in child.faults for note in fault.notes)
    seen = {child.handled.types[kind] for kind in child.handled.rows["type"]}
    return relayed and "workflow_result" not in seen


#: How the kernel ends a child at a limit, and the errno or the type of the error where Python reports it instead.
_SIGNALS_OF = {
    "cpu_s": ("SIGXCPU", "SIGKILL"),
    "file_size_bytes": ("SIGXFSZ",),
    "memory_bytes": ("SIGKILL",),
}
_ERRORS_OF: dict[str, tuple[int | str, ...]] = {
    "memory_bytes": (errno.ENOMEM, "MemoryError"),
    "open_files": (errno.EMFILE,),
    "processes": (errno.EAGAIN, "RuntimeError"),  # can't start new thread
    "file_size_bytes": (errno.EFBIG,),
}


def _beyond_limit(child: ChildHistory, report: SpawnReport, exit: KernelExit) -> str | None:
    """What speaks against the limit that the engine names."""
    named = re.match(r"limit (\w+)=(\d+) was hit", report.error_message or "")
    if named is None:
        return "its error names no limit"
    name, value = named[1], int(named[2])
    if child.limits.get(name) != value:
        return f"no limit {name}={value} was set"
    if exit.signal is not None:
        return None if exit.signal in _SIGNALS_OF.get(name, ()) else f"{exit.signal} is not the signal of {name}"
    if child.result is None:
        return None  # it came to no workflow, and its own journal does not tell what it died of
    told = child.result_error or {}
    if not {told.get("errno"), told.get("type")} & {*_ERRORS_OF.get(name, ())}:
        return f"its result told of {plain(str(told.get('type', child.result)))}, which is no error of {name}"
    return None


def _possible(child: ChildHistory, report: SpawnReport, exit: KernelExit) -> bool:
    """Whether such an exit can stand behind this outcome at all."""
    if child.role == "foreign" and report.outcome in ("failed", "panicked"):
        return exit.exit_code is not None  # what code a program of others goes with is its own affair
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
            return exit.signal in (None, *_ENDED_BY_ENGINE)
        case "limit_exceeded":
            return exit.signal is not None or exit.exit_code != 0
        case _:
            return False


def _untimely(child: ChildHistory, report: SpawnReport, exit: KernelExit, said: str) -> str | None:
    """The engine's own signals come at the timeout and after the grace period, not before, and are a time-out."""
    if child.spawned_ns is None:
        return None
    lived = exit.t_ns - child.spawned_ns
    lifetime = f"it ended {seconds(lived)} after its spawn"
    if report.outcome == "timed_out":
        measured = lived + child.clock_ahead_s * 1e9
        if measured < child.timeout_s * 1e9:
            return f"{said}, but {lifetime}, before its timeout of {child.timeout_s:g} s"
        if exit.signal == "SIGKILL" and measured < (child.timeout_s + child.grace_s) * 1e9:
            return f"{said}, but {lifetime}, by SIGKILL before its grace period of {child.grace_s:g} s was over"
    if report.outcome == "signaled" and exit.signal in _ENDED_BY_ENGINE and lived >= child.timeout_s * 1e9:
        inflicted = any(note.get("signalled") == exit.signal for fault in child.faults for note in fault.notes)
        if not inflicted:
            return f"{said}, but {lifetime}, when its timeout of {child.timeout_s:g} s was over"
    return None

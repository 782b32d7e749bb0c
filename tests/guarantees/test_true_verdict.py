"""Guarantee `true-verdict`."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from gostage_sim.guarantees.contract import Verdict
from gostage_sim.guarantees.true_verdict import TrueVerdict
from gostage_sim.history.model import ChildHistory, HandlerExit, KernelExit, Result, SpawnReport

from .histories import OPENED, SECOND, handled_as, history, sibling, victim


def ended(report: SpawnReport, exit_code: int | None, signal: str | None, **changes: Any) -> ChildHistory:
    """A victim whose spawn reported this and that the kernel saw end like that."""
    return victim(report=report, exit=KernelExit(OPENED + SECOND, exit_code, signal, "pidfd"), **changes)


def report(outcome: str, exit_code: int | None = None, signal: str | None = None) -> SpawnReport:
    return SpawnReport(outcome, exit_code, signal, 100, error_type="ValueError")


def test_holds() -> None:
    """Reports that agree with the kernel pass, a clean child among them."""
    judgement = TrueVerdict().judge(history())
    assert judgement.verdict is Verdict.PASS
    assert judgement.reason == "4 reports compared with the kernel's, sibling[1], sibling[2], recovery clean"


@pytest.mark.parametrize(
    ("said", "exit_code", "result"),
    [
        (report("failed", 1), 1, "failure"),
        (report("panicked", 70), 70, "panic"),
        (report("panicked", 9), 9, "panic"),
        (report("exited", 3), 3, None),
        (report("exited", 0), 0, None),
        (report("exited", 0), 0, "failure"),
        (report("exited", 9), 9, "success"),
        (report("exited", 1), 1, "exit"),
        (report("exited", 0), 0, "exit"),
        (report("completed", 0), 0, "success"),
    ],
)
def test_true(said: SpawnReport, exit_code: int, result: str | None) -> None:
    """Every outcome has endings and results that it may stand for."""
    found = TrueVerdict().judge(history(ended(said, exit_code, None, result=result), sibling(1)))
    assert found.verdict is Verdict.PASS, found.reason


def test_a_result_that_a_relay_kept_back() -> None:
    """The parent cannot know of it, and says exited; of one that it saw, or that nobody held up, that is not true."""
    plain = ended(report("exited", 0), 0, None, result="success")
    (fault,) = plain.faults
    relayed = replace(plain, faults=(replace(fault, notes=(*fault.notes, {"t_ns": OPENED, "by": "relay"})),))
    seen = [("data", "1"), ("workflow_result", "2")]
    assert TrueVerdict().judge(history(relayed, sibling(1))).verdict is Verdict.PASS
    assert TrueVerdict().judge(history(plain, sibling(1))).verdict is Verdict.FAIL
    assert TrueVerdict().judge(history(handled_as(relayed, seen), sibling(1))).verdict is Verdict.FAIL


@pytest.mark.parametrize(
    ("said", "exit_code", "signal", "reason"),
    [
        (report("completed", 0), None, "SIGSEGV", "was reported completed, but the kernel said killed by SIGSEGV"),
        (report("signaled", None, "SIGTERM"), 0, None, "was reported signaled, but the kernel said exit code 0"),
        (
            report("signaled", None, "SIGTERM"),
            None,
            "SIGSEGV",
            "was reported signaled with killed by SIGTERM, but the kernel said killed by SIGSEGV",
        ),
        (report("exited", 0), 3, None, "was reported exited with exit code 0, but the kernel said exit code 3"),
        (report("completed", 0), 0, None, "was reported completed, but it never sent a result"),
        (report("failed", 1), 1, None, "was reported failed, but it never sent a result"),
        (report("panicked", 3), 3, None, "was reported panicked, but it never sent a result"),
        (
            report("cancelled", None, "SIGTERM"),
            None,
            "SIGTERM",
            "was reported cancelled, but the kernel said killed by SIGTERM",
        ),
        (report("panicked", 0), 0, None, "was reported panicked, but the kernel said exit code 0"),
        (SpawnReport("exited", 3, None, 7), 3, None, "was reported with pid 7, but process 100 ran"),
        (
            report("timed_out", None, "SIGTERM"),
            None,
            "SIGTERM",
            "was reported timed_out, but it ended 2.500 s after its spawn, before its timeout of 20 s",
        ),
    ],
)
def test_false(said: SpawnReport, exit_code: int | None, signal: str | None, reason: str) -> None:
    """Each contradiction between report and kernel is named."""
    found = TrueVerdict().judge(history(ended(said, exit_code, signal), sibling(1)))
    assert (found.verdict, found.reason) == (Verdict.FAIL, f"victim {reason}")


def test_timed_out_by_a_clock_that_was_set_forward() -> None:
    """A step of the parent's clock is time that has passed; what is missing to the timeout then is still missing."""
    said = ended(report("timed_out", None, "SIGTERM"), None, "SIGTERM", timeout_s=3600.0, clock_ahead_s=3598.0)
    assert TrueVerdict().judge(history(said, sibling(1))).verdict is Verdict.PASS
    early = replace(said, clock_ahead_s=3590.0)
    assert TrueVerdict().judge(history(early, sibling(1))).verdict is Verdict.FAIL


def test_timed_out() -> None:
    """A child that lived longer than its timeout and was ended by the engine timed out."""
    assert (
        TrueVerdict()
        .judge(
            history(
                ended(report("timed_out", None, "SIGKILL"), None, "SIGKILL", timeout_s=2.0, grace_s=0.4), sibling(1)
            )
        )
        .verdict
        is Verdict.PASS
    )


def test_killed_before_the_grace_period_was_over() -> None:
    """SIGKILL may end a child only when SIGTERM and the grace period were in vain."""
    said = report("timed_out", None, "SIGKILL")
    found = TrueVerdict().judge(history(ended(said, None, "SIGKILL", timeout_s=2.0, grace_s=1.0), sibling(1)))
    assert found.reason == (
        "victim was reported timed_out, but it ended 2.500 s after its spawn, by SIGKILL before its grace period of "
        "1 s was over"
    )


def test_the_engines_own_signal_is_a_time_out() -> None:
    """SIGTERM at the timeout is the engine's, unless a fault sent it too."""
    said = report("signaled", None, "SIGTERM")
    found = TrueVerdict().judge(history(ended(said, None, "SIGTERM", timeout_s=2.0), sibling(1)))
    assert found.reason == (
        "victim was reported signaled, but it ended 2.500 s after its spawn, when its timeout of 2 s was over"
    )
    inflicted = replace(victim().faults[0], notes=({"t_ns": OPENED, "by": "observer", "signalled": "SIGTERM"},))
    killed = ended(said, None, "SIGTERM", timeout_s=2.0, faults=(inflicted,))
    assert TrueVerdict().judge(history(killed, sibling(1))).verdict is Verdict.PASS


@pytest.mark.parametrize(
    ("said", "result", "reason"),
    [
        (report("exited", 0), "success", "exited, but its result was one of success and the kernel said exit code 0"),
        (report("exited", 1), "failure", "exited, but its result was one of failure and the kernel said exit code 1"),
        (report("exited", 70), "panic", "exited, but its result was one of panic and the kernel said exit code 70"),
        (report("completed", 0), "failure", "completed, but its result was one of failure"),
        (report("panicked", 1), "failure", "panicked, but its result was one of failure"),
        (SpawnReport("failed", 1, None, 100), "failure", "failed without an error"),
    ],
)
def test_result_contradicted(said: SpawnReport, result: str, reason: str) -> None:
    """The outcome fits what the child itself said of its end."""
    found = TrueVerdict().judge(history(ended(said, said.exit_code, None, result=result), sibling(1)))
    assert (found.verdict, found.reason) == (Verdict.FAIL, f"victim was reported {reason}")


def test_spawn_that_raised() -> None:
    """`spawn()` returns a result for whatever a child does; an exception is none."""
    found = TrueVerdict().judge(history(victim(report=None, spawn_error="OSError: no more pipes"), sibling(1)))
    assert found.reason == "spawn() of victim raised OSError: no more pipes instead of returning a result"


def test_no_kernel_evidence() -> None:
    """A report that cannot be compared is not believed."""
    found = TrueVerdict().judge(history(victim(exit=None), sibling(1)))
    assert (found.verdict, found.reason) == (Verdict.UNKNOWN, "how the kernel saw victim end is not known")


def test_no_clean_child() -> None:
    """Without a clean child reported clean, an engine that cries wolf at each would pass."""
    found = TrueVerdict().judge(history(victim()))
    assert found.verdict is Verdict.UNKNOWN
    assert found.reason == "no child that ended with exit code 0 was reported completed in this run"


def refused(said: SpawnReport | None, **changes: Any) -> ChildHistory:
    """A victim that the kernel refused to start, as the fault around its spawn found out, and the report of it."""
    fault = replace(victim().faults[0], kind="exhaust", notes=({"t_ns": OPENED, "by": "parent", "refused": "EMFILE"},))
    facts = {"faults": (fault,), "pid": None, "exit": None, "report": said, "handed_over": 0}
    return victim(**facts | changes)


FAILED = SpawnReport("start_failed", None, None, None, "OSError", "Too many open files")


def test_a_child_that_could_not_be_started() -> None:
    """start_failed is true of a child that the kernel refused to start."""
    assert TrueVerdict().judge(history(refused(FAILED), sibling(1))).verdict is Verdict.PASS


@pytest.mark.parametrize(
    ("child", "verdict", "reason"),
    [
        (
            refused(FAILED, faults=()),
            Verdict.UNKNOWN,
            "victim was reported start_failed, and what prevented its start is not known",
        ),
        (
            refused(replace(FAILED, error_message=None)),
            Verdict.FAIL,
            "victim was reported start_failed without an error",
        ),
        (
            refused(SpawnReport("exited", 127, None, 100)),
            Verdict.FAIL,
            "victim was reported exited with exit code 127, but the kernel refused to start it: EMFILE",
        ),
        (
            refused(replace(FAILED, pid=100)),
            Verdict.FAIL,
            "victim was reported start_failed with no exit status, but the kernel refused to start it: EMFILE",
        ),
        (
            refused(FAILED, exit=KernelExit(OPENED, 0, None, "pidfd")),
            Verdict.FAIL,
            "victim was reported start_failed, but the kernel said exit code 0",
        ),
        (refused(None), Verdict.UNKNOWN, "spawn() of victim never returned, so it said nothing of its end"),
    ],
    ids=["nothing prevented it", "no error", "made up an end", "made up a process", "it ran", "never returned"],
)
def test_start_failed_needs_its_reason(child: ChildHistory, verdict: Verdict, reason: str) -> None:
    """An engine that does not start a child it could start, or reports what never ran, is caught."""
    found = TrueVerdict().judge(history(child, sibling(1)))
    assert (found.verdict, found.reason) == (verdict, reason)


@pytest.mark.parametrize(
    ("gone", "end", "verdict", "reason"),
    [
        (True, KernelExit(OPENED, None, "SIGTERM", "pidfd"), Verdict.PASS, ""),
        (
            False,
            KernelExit(OPENED, None, "SIGTERM", "pidfd"),
            Verdict.FAIL,
            "SystemExit: 1 came out of spawn() of victim before its child was gone",
        ),
        (True, None, Verdict.UNKNOWN, "how the kernel saw victim end is not known"),
    ],
)
def test_a_handler_that_leaves(gone: bool, end: KernelExit | None, verdict: Verdict, reason: str) -> None:
    """What a handler raises comes out when the child is gone, and instead of a report."""
    left = victim(report=None, exit=end, handler_exit=HandlerExit("SystemExit: 1", gone))
    found = TrueVerdict().judge(history(left, sibling(1)))
    assert found.verdict is verdict
    assert reason in found.reason


HIT = "limit memory_bytes=9 was hit: MemoryError; it used 0.10 s of CPU"


@pytest.mark.parametrize(
    ("end", "result", "told", "error", "reason"),
    [
        ((1, None), "failure", {"type": "MemoryError", "errno": 12}, HIT, None),
        ((1, None), "failure", {"type": "_ArrayMemoryError", "errno": 12}, HIT, None),
        ((1, None), None, None, HIT, None),
        ((None, "SIGKILL"), None, None, HIT, None),
        ((None, "SIGXCPU"), None, None, "limit cpu_s=1 was hit: SIGXCPU; …", None),
        ((0, None), None, None, HIT, "the kernel said exit code 0"),
        ((None, "SIGSEGV"), None, None, HIT, "SIGSEGV is not the signal of memory_bytes"),
        ((1, None), "failure", {"type": "ValueError"}, HIT,
         "its result told of ValueError, which is no error of memory_bytes"),
        ((1, None), "failure", {"type": "OSError", "errno": 24}, "limit open_files=9 was hit: OSError",
         "no limit open_files=9 was set"),
        ((1, None), "failure", {"type": "MemoryError"}, HIT.replace("9", "8"), "no limit memory_bytes=8 was set"),
        ((1, None), "failure", {"type": "MemoryError"}, "no memory", "its error names no limit"),
    ],
)  # fmt: skip
def test_a_limit_was_hit(
    end: tuple[int | None, str | None],
    result: Result | None,
    told: dict[str, Any] | None,
    error: str,
    reason: str | None,
) -> None:
    """One that was set, and that the kernel or the child's own result bears out."""
    said = replace(report("limit_exceeded", *end), error_message=error)
    limits = {"memory_bytes": 9, "cpu_s": 1}
    found = TrueVerdict().judge(history(ended(said, *end, result=result, result_error=told, limits=limits), sibling(1)))
    if reason is None:
        assert found.verdict is Verdict.PASS
    else:
        assert found.reason == f"victim was reported limit_exceeded, but {reason}"

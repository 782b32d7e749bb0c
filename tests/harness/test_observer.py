"""One scenario end to end: observer, subject and children are real processes."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import pytest

from gostage_sim.faults.contract import Placement
from gostage_sim.faults.kill import Kill
from gostage_sim.guarantees.contract import Verdict
from gostage_sim.harness import observer, proc
from gostage_sim.harness.observer import run_plan, run_scenario
from gostage_sim.harness.plan import make_plan
from gostage_sim.harness.result import ScenarioResult
from gostage_sim.history.collect import collect
from gostage_sim.history.journal import Journal
from gostage_sim.history.model import History
from gostage_sim.scenario.model import TRANSPORTS, Call, Child, PlacedFault, Put, Scenario, Send, Transport

MakeScenario = Callable[..., Scenario]

AT_MESSAGE_40 = Placement("message", message=40)
AT_SPAWN = Placement("spawn")


def _verdicts(result: ScenarioResult) -> dict[str, tuple[Verdict, str]]:
    return {judgement.name: (judgement.verdict, judgement.reason) for judgement in result.guarantees}


def _run(scenario: Scenario, tmp_path: Path, transport: Transport = "json") -> tuple[ScenarioResult, History]:
    result = run_scenario(scenario, seed=7, transport=transport, histories=tmp_path)
    return result, collect(Path(result.extra["history"]))


CASES: list[tuple[str, Placement, dict[str, Any], str | None]] = [
    ("crash", AT_MESSAGE_40, {}, "signaled"),
    ("crash", Placement("byte", message=40, byte=5), {"signal": "SIGABRT"}, "signaled"),
    ("exit", Placement("definition"), {"code": 3}, "exited"),
    ("exit", Placement("result"), {"code": 9}, "exited"),
    ("panic", Placement("step", step=2), {"form": "base_exception"}, "panicked"),
    ("kill", AT_MESSAGE_40, {"signal": "SIGTERM"}, "signaled"),
    ("freeze", AT_MESSAGE_40, {}, "timed_out"),
    ("slow", Placement("message", message=85), {"delay": 0.005}, "completed"),
    ("malformed", AT_MESSAGE_40, {"form": "not_json"}, "completed"),
    ("stray", AT_MESSAGE_40, {"form": "grandchild", "keep_channel": True}, "completed"),
    ("flood", AT_MESSAGE_40, {"count": 3000, "types": 3}, "completed"),
    ("close", AT_MESSAGE_40, {}, "timed_out"),
    ("second_result", Placement("result"), {}, "exited"),
    ("unstartable", AT_SPAWN, {}, "start_failed"),
    ("exhaust", AT_SPAWN, {"left": 2}, "start_failed"),
    ("steal_status", AT_SPAWN, {}, "completed"),
    ("ignore_sigchld", AT_SPAWN, {}, "completed"),
    ("close_stdio", AT_SPAWN, {}, "completed"),
    ("freeze", AT_MESSAGE_40, {"duration": 0.2}, "completed"),
    ("run_out", AT_MESSAGE_40, {"of": "disk"}, "failed"),
    ("hang", AT_MESSAGE_40, {"form": "deaf"}, "timed_out"),
    ("fork_bomb", AT_MESSAGE_40, {}, "completed"),
    ("spill", AT_MESSAGE_40, {}, "completed"),
    ("second_store", Placement("result"), {}, "completed"),
    ("mismatch", Placement("definition"), {"lacks": "actions"}, "failed"),
    ("wrong_program", AT_SPAWN, {"form": "silent"}, "exited"),
    ("pause", AT_SPAWN, {}, "completed"),
    ("bad_middleware", AT_SPAWN, {}, "completed"),
    ("bad_middleware", AT_SPAWN, {"hook": "after"}, "completed"),
    ("bad_middleware", AT_SPAWN, {"hook": "inbound"}, "completed"),
    ("clock", Placement("handler", handler=20), {"to": "back"}, "completed"),
    ("noop", AT_MESSAGE_40, {}, "completed"),
]


@pytest.mark.parametrize("transport", TRANSPORTS)
@pytest.mark.parametrize(
    ("kind", "at", "params", "outcome"), CASES, ids=[f"{case[0]}-{case[1].point}" for case in CASES]
)
def test_a_fault_strikes_and_the_parent_passes(
    kind: str,
    at: Placement,
    params: dict[str, Any],
    outcome: str,
    transport: Transport,
    scenario: MakeScenario,
    tmp_path: Path,
) -> None:
    """Over each transport every kind of fault is armed, fires, leaves its witness, and every guarantee holds."""
    # Who is to end by itself has the scenario's whole time for it, however slow the machine is.
    victim_timeout = 2.5 if outcome == "timed_out" else None
    result, history = _run(scenario((kind, at, params), victim_timeout=victim_timeout), tmp_path, transport)
    assert (result.verdict, result.reason) == (Verdict.PASS, "")
    (fault,) = result.faults
    assert (fault.armed, fault.fired) == (True, True)
    assert fault.witness
    outcomes = {child.name: child.outcome for child in result.children}
    assert outcomes == {
        "victim": outcome,
        "sibling[1]": "completed",
        "sibling[2]": "completed",
        "recovery": "completed",
    }
    assert history.problems == ()
    assert history.leftovers == ()


def test_by_grpc_a_message_is_handed_over_when_it_is_acknowledged(scenario: MakeScenario, tmp_path: Path) -> None:
    """At the point of a fault everything before it is; what is sent into a connection that leads nowhere never is."""
    made = scenario(("connection", AT_MESSAGE_40, {"form": "blackhole", "then": "go_on"}), victim_timeout=2.5)
    result, history = _run(made, tmp_path, "grpc")
    assert (result.verdict, result.reason) == (Verdict.PASS, "")
    victim, sibling, *_ = history.children
    assert (len(victim.sent), victim.handed_over, len(victim.handled)) == (91, 40, 40)
    assert (len(sibling.sent), sibling.handed_over) == (93, 93)


def test_by_grpc_what_a_child_writes_to_stdout_is_handed_over_to_nobody(scenario: MakeScenario, tmp_path: Path) -> None:
    """A child that never reads where to send has no channel; its result reaches no parent and counts as none."""
    made = scenario(("close", Placement("definition"), {"what": "stdin", "then": "go_on"}))
    result, history = _run(made, tmp_path, "grpc")
    assert (result.verdict, result.reason) == (Verdict.PASS, "")
    victim = history.children[0]
    assert (len(victim.sent), victim.handed_over, victim.result) == (1, 0, None)
    assert victim.report is not None
    assert victim.report.outcome == "exited"


def test_a_daemon_is_found_and_ended_by_the_observer(scenario: MakeScenario, tmp_path: Path) -> None:
    """What no signal to a group reaches is the observer's to end, and no fault of an engine that was not asked to."""
    result, history = _run(scenario(("stray", AT_MESSAGE_40, {"form": "daemon", "keep_channel": True})), tmp_path)
    assert (result.verdict, result.reason) == (Verdict.PASS, "")
    (daemon,) = history.leftovers
    assert [note["daemon"] for note in history.faults[0].notes] == [daemon.pid]
    assert not Path(f"/proc/{daemon.pid}").exists()
    assert _verdicts(result)["nothing-left"][1].endswith(
        "1 daemon that left its child's session was ended by the observer"
    )


def test_a_fault_of_the_parent_is_in_effect_while_siblings_work(scenario: MakeScenario, tmp_path: Path) -> None:
    """It strikes in the open window and is undone before the siblings may end; its notes are the parent's."""
    result, history = _run(scenario(("ignore_sigchld", AT_SPAWN, {}), ("crash", AT_MESSAGE_40, {})), tmp_path)
    assert (result.verdict, result.reason) == (Verdict.PASS, "")
    ignored, crash = history.faults
    window, victim = history.window, history.children[0]
    assert window is not None
    assert window.closed_ns is not None
    assert victim.spawned_ns is not None
    times = [window.opened_ns, ignored.fired_ns, victim.spawned_ns, crash.fired_ns, victim.returned_ns, ignored.over_ns]
    assert [*times, window.closed_ns] == sorted([*times, window.closed_ns])  # type: ignore[type-var]
    assert [note["by"] for note in ignored.notes] == ["parent"]
    ends = [child.exit.t_ns for child in history.children if child.role == "sibling" and child.exit is not None]
    assert len(ends) == 2
    assert min(ends) > window.closed_ns


def test_faults_of_the_parent_strike_one_after_another(scenario: MakeScenario, tmp_path: Path) -> None:
    """Two children whose spawns are struck are spawned one after the other, or one's limit would be the other's."""
    made = scenario(("exhaust", AT_SPAWN, {}))
    both = {"victim": made.children["victim"].model_copy(update={"copies": 2}), "sibling": made.children["sibling"]}
    result, history = _run(made.model_copy(update={"children": both}), tmp_path)
    assert (result.verdict, result.reason) == (Verdict.PASS, "")
    (one, other) = sorted(history.faults, key=lambda fault: fault.fired_ns or 0)
    assert one.over_ns is not None
    assert other.fired_ns is not None
    assert one.over_ns < other.fired_ns


def test_a_fault_that_cannot_be_done_is_a_problem_of_the_harness(scenario: MakeScenario, tmp_path: Path) -> None:
    """Nobody takes it for a failure of the engine: the child is spawned, the verdict is unknown, and says why."""
    result, _ = _run(scenario(("noop", AT_SPAWN, {})), tmp_path)
    assert (result.verdict, result.children[0].outcome) == (Verdict.UNKNOWN, "completed")
    text = "fault victim#1 could not be done: AttributeError: 'Noop' object has no attribute 'around'"
    assert _verdicts(result)["evidence"] == (Verdict.UNKNOWN, text)


def test_the_history_says_what_happened(scenario: MakeScenario, tmp_path: Path) -> None:
    """A crash at message 40: 40 sent, 40 in the kernel, 40 handled; the kernel's word on the end; a window."""
    result, history = _run(scenario(("crash", AT_MESSAGE_40, {}), tags=("smoke",), file="x.yaml"), tmp_path)
    victim = history.children[0]
    assert (len(victim.sent), victim.handed_over, len(victim.handled)) == (40, 40, 40)
    assert victim.exit is not None
    assert (victim.exit.exit_code, victim.exit.signal) == (None, "SIGSEGV")
    assert victim.expected_messages == 91
    assert history.window is not None
    assert history.window.closed_ns is not None
    (fault,) = victim.faults
    assert (fault.id, fault.at) == ("victim#1", {"point": "message", "message": 40})
    assert fault.armed_ns is not None
    assert fault.fired_ns is not None
    assert fault.armed_ns < history.window.opened_ns < fault.fired_ns
    # The observer and the parent see that end each for itself: either may be first.
    assert fault.fired_ns < min(victim.exit.t_ns, history.window.closed_ns)
    sibling = history.children[1]
    times = sibling.sent.rows["t_ns"]
    opened, closed = history.window.opened_ns, history.window.closed_ns
    assert [(times < opened).sum(), ((times > opened) & (times < closed)).sum()] == [30, 30]
    assert (result.file, result.tags, result.seed) == ("x.yaml", ("smoke",), 7)
    assert result.reproduce == "gostage-sim run x.yaml --transport json --seed 7"


def test_a_cut_message_is_a_raw_frame(scenario: MakeScenario, tmp_path: Path) -> None:
    """Of a message cut off at byte 5, five bytes are recorded as what the parent must put into quarantine."""
    _, history = _run(scenario(("crash", Placement("byte", message=40, byte=5), {})), tmp_path)
    victim = history.children[0]
    (frame,) = victim.raw
    assert (frame.length, frame.must_quarantine, frame.sent_before) == (5, True, 39)
    assert (len(victim.sent), victim.handed_over) == (40, 39)
    assert victim.report is not None
    assert [(line.offset, line.length) for line in victim.report.malformed] == [(frame.offset, 5)]


def _killed_in_a_write(scenario: MakeScenario, size: str) -> Scenario:
    fault = PlacedFault(fault=Kill(in_write=True), at=Placement("byte", message=41, byte=1))
    steps = (Send(count=40), Send.model_validate({"type": "big", "size": size}))
    victim = Child.model_validate({"steps": steps, "faults": (fault,), "max_message": "128MB"})
    return scenario(children={"victim": victim, "sibling": scenario().children["sibling"]})


def test_a_child_is_killed_while_it_is_blocked_in_a_write(scenario: MakeScenario, tmp_path: Path) -> None:
    """Of its message at least a byte and at most all but the newline came; it is one bad line of just that length."""
    result, history = _run(_killed_in_a_write(scenario, "64MB"), tmp_path)
    assert (result.verdict, result.reason) == (Verdict.PASS, "")
    victim = history.children[0]
    (frame,) = victim.raw
    assert (len(victim.sent), victim.handed_over, frame.length) == (41, 40, 1)
    assert frame.up_to is not None
    assert result.faults[0].witness == (
        f"killed by SIGKILL through the pidfd, blocked in a write of {frame.up_to - 1:,} bytes"
    )
    assert victim.report is not None
    (line,) = victim.report.malformed
    assert (line.offset, line.after_messages) == (frame.offset, 40)
    assert 4096 < line.length < frame.up_to


def test_who_was_through_the_write_before_anybody_saw_it_is_not_killed(scenario: MakeScenario, tmp_path: Path) -> None:
    """Nothing is proved then, and the child completes."""
    result, _ = _run(_killed_in_a_write(scenario, "10B"), tmp_path)
    assert (result.verdict, result.reason) == (
        Verdict.UNKNOWN,
        "fault-fired: kill (victim#1) of victim fired but left no witness",
    )
    assert {child.outcome for child in result.children} == {"completed"}


def test_a_fault_beyond_the_end_of_a_message_did_not_fire(scenario: MakeScenario, tmp_path: Path) -> None:
    """Its point is not reached, so nothing is proved."""
    result, _ = _run(scenario(("crash", Placement("byte", message=5, byte=99999), {})), tmp_path)
    assert result.verdict is Verdict.UNKNOWN
    assert result.reason == (
        "fault-fired: crash (victim#1) of victim was armed but never fired: its point (message 5, byte 99999) was "
        "not reached"
    )


def test_a_handler_of_the_parent_that_raises_is_unknown(tmp_path: Path, scenario: MakeScenario) -> None:
    """What goes wrong in the parent's own handlers is missing evidence, in its own words, told once."""
    plan = make_plan(scenario(("noop", AT_MESSAGE_40, {})), seed=1, transport="json")
    calm = {"raise_every": None, "block_s": 0.0, "spawn": None, "exit": False, "at": 1}
    plan["handlers"] = {"message": {**calm, "delay_s": -1.0}}
    result = run_plan(plan, runs=tmp_path)
    assert result.verdict is Verdict.UNKNOWN
    assert result.reason == "evidence: a handler of the parent raised ValueError: sleep length must be non-negative"


def test_the_same_seed_sends_the_same_messages(scenario: MakeScenario, tmp_path: Path) -> None:
    """Payloads depend on the seed alone."""
    sums = []
    for folder in ("one", "two"):
        _, history = _run(scenario(("noop", AT_MESSAGE_40, {})), tmp_path / folder)
        sums.append(history.children[0].sent.rows["crc"][:91].tolist())
    assert sums[0] == sums[1]


def test_a_users_action_gets_its_parameters(tmp_path: Path, scenario: MakeScenario) -> None:
    """A `call` step runs an importable function whose context holds what stands under `with`."""
    steps = (Call.model_validate({"target": "builtins:print", "with": {"a": 1}}), Put(key="k", value=[1, 2]))
    made = scenario(children={"only": Child(steps=(*steps, Send(count=9)))})
    _, history = _run(made, tmp_path)
    only = history.children[0]
    assert only.report is not None
    assert only.report.outcome == "completed"
    assert only.report.final_store is not None
    assert only.report.final_store["k"] == [1, 2]
    assert only.report.stderr_tail.startswith("<gostage_sim.gostage.context.ActionContext object")
    assert only.expected_messages is None


def _journals(pid: int) -> bool:
    """Whether a child runs: before that its parent may not have tied it to its own life yet."""
    try:
        return ".journal" in Path(f"/proc/{pid}/maps").read_text()
    except OSError:
        return False


def _when_there_are_children(subject_of: int, act: Callable[[int], None]) -> threading.Thread:
    """Calls `act` with the pid of the subject once its three children run."""

    def wait() -> None:
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            for pid in proc.children(subject_of):
                if sum(map(_journals, proc.children(pid))) >= 3:
                    act(pid)
                    return
            time.sleep(0.005)  # nobody tells when a stranger's child has children

    thread = threading.Thread(target=wait)
    thread.start()
    return thread


def test_a_parent_killed_from_outside_fails_and_the_report_is_complete(scenario: MakeScenario, tmp_path: Path) -> None:
    """SIGKILL to the parent in the middle of a scenario: `parent-alive` fails, nobody is left, nothing crashes."""
    killer = _when_there_are_children(os.getpid(), lambda pid: os.kill(pid, signal.SIGKILL))
    before = set(proc.children(os.getpid()))
    result, history = _run(scenario(("slow", Placement("definition"), {"form": "never_ready"})), tmp_path)
    killer.join()
    verdict, reason = _verdicts(result)["parent-alive"]
    assert verdict is result.verdict is Verdict.FAIL
    pid = history.parent.pid
    assert reason.startswith(f"the parent (pid {pid}) ended before its work was done: killed by SIGKILL")
    assert history.parent.exit is not None
    assert (history.parent.exit.signal, history.parent.alive, history.parent.finished) == ("SIGKILL", False, False)
    assert [child.name for child in result.children] == ["victim", "sibling[1]", "sibling[2]", "recovery"]
    assert set(proc.children(os.getpid())) <= before
    assert history.leftovers == ()


def test_a_parent_that_takes_too_long_is_ended(
    scenario: MakeScenario, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A stopped parent is killed after the timeout of the scenario, and the report says so."""
    monkeypatch.setattr("gostage_sim.harness.watch.MARGIN_S", 0.2)
    stopper = _when_there_are_children(os.getpid(), lambda pid: os.kill(pid, signal.SIGSTOP))
    result, history = _run(scenario(("slow", Placement("definition"), {"form": "never_ready"}), timeout=1.0), tmp_path)
    stopper.join()
    verdict, reason = _verdicts(result)["parent-alive"]
    assert verdict is Verdict.FAIL
    assert reason.startswith(
        f"the parent (pid {history.parent.pid}) was not done when the time of the scenario, 1s, was over; "
        "the observer ended it"
    )
    assert history.problems[0] == (
        "the parent was not done after 1 s, the timeout of the scenario, and 0.2 s more; the observer ended it"
    )


def test_a_parent_that_cannot_start_is_reported_with_the_end_of_its_stderr(
    scenario: MakeScenario, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A parent that dies before its first spawn: fail, and the last line of its stderr in the evidence."""
    monkeypatch.setattr(observer, "SUBJECT_MODULE", "gostage_sim.harness.no_such_module")
    result, _ = _run(scenario(), tmp_path)
    assert result.verdict is Verdict.FAIL
    assert "No module named gostage_sim.harness.no_such_module" in _verdicts(result)["evidence"][1]


def test_a_harness_that_fails_gives_unknown_and_not_an_exception(
    scenario: MakeScenario, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever goes wrong in the harness itself costs the verdict, never the run."""
    monkeypatch.setattr("gostage_sim.harness.observer.Listener", lambda folder: 1 / 0)
    result = run_scenario(scenario(("noop", AT_MESSAGE_40, {})), seed=1)
    assert result.verdict is Verdict.UNKNOWN
    assert result.reason == "the harness failed: ZeroDivisionError: division by zero"
    assert [(fault.kind, fault.armed) for fault in result.faults] == [("noop", False)]


def test_nothing_is_left_of_a_run_that_is_not_kept(scenario: MakeScenario, tmp_path: Path) -> None:
    """Without a folder for histories the run folder is removed; the parent's temporary files were in it."""
    plan = make_plan(scenario(("noop", AT_MESSAGE_40, {})), seed=1, transport="json")
    result = run_plan(plan, runs=tmp_path)
    assert result.verdict is Verdict.PASS
    assert list(tmp_path.iterdir()) == []


def test_an_observer_that_is_stopped_ends_what_it_gave_its_time() -> None:
    """A daemon is ended also when the observer is told to stop while it waits for it to go by itself."""

    class StoppedError(BaseException):
        pass

    class Told:
        def event(self, name: str, **facts: Any) -> None:
            raise StoppedError

    with subprocess.Popen(["sleep", "1000"]) as daemon:
        ignored = frozenset(found.pid for found in proc.descendants(os.getpid()) if found.pid != daemon.pid)
        with pytest.raises(StoppedError):
            observer._end_leftovers(cast(Journal, Told()), ignored)
        assert daemon.poll() is not None

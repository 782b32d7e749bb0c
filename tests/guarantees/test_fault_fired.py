"""Guarantee `fault-fired`."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from gostage_sim.guarantees.contract import Judgement, Verdict
from gostage_sim.guarantees.fault_fired import FaultFired
from gostage_sim.history.model import FaultRecord

from .histories import OPENED, history, sibling, victim

NOOP = FaultRecord(
    id="victim.1",
    kind="noop",
    params={},
    at={"point": "message", "step": None, "message": 10, "byte": None},
    child="victim",
    armed_ns=1,
    fired_ns=OPENED,
    over_ns=OPENED + 1,
    notes=({"t_ns": OPENED, "by": "child", "passed": "the point was reached and nothing was done"},),
)


def judged(**changes: Any) -> Judgement:
    return FaultFired().judge(history(victim(faults=(replace(NOOP, **changes),))))


def test_holds() -> None:
    """A fault that left its witness fired."""
    found = judged()
    assert found.verdict is Verdict.PASS
    assert found.reason == "1 fault witnessed; victim: passed the point and did nothing"


def test_crash_is_witnessed_by_the_kernel() -> None:
    """The wait status witnesses a crash; the word of the engine does not count."""
    assert FaultFired().judge(history(victim(exit=None))).verdict is Verdict.UNKNOWN


def test_never_green() -> None:
    """A fault that was not armed, did not fire or left no witness is unknown, and says which."""
    for changes, reason in (
        ({"armed_ns": None}, "was planned but never armed: the child did not read its plan"),
        ({"fired_ns": None}, "was armed but never fired: its point (message 10) was not reached"),
        ({"notes": ()}, "fired but left no witness"),
    ):
        found = judged(**changes)
        assert (found.verdict, found.reason) == (Verdict.UNKNOWN, f"noop (victim.1) of victim {reason}")


def test_applies() -> None:
    """It has nothing to judge where no fault was planned."""
    assert not FaultFired().applies(history(victim(faults=())))


def test_a_fault_that_did_not_wait_for_the_other_child() -> None:
    """That child's own journal tells when it sent the message, and whether."""
    point = {"point": "step", "step": 1}
    other = sibling(1)
    times = other.sent.rows["t_ns"]
    number = int((times < OPENED).sum())
    for message, verdict in ((number, Verdict.PASS), (number + 1, Verdict.UNKNOWN), (len(times) + 1, Verdict.UNKNOWN)):
        at = {**point, "after": {"child": "sibling[1]", "message": message}}
        found = FaultFired().judge(history(victim(faults=(replace(NOOP, at=at),)), other))
        assert found.verdict is verdict
        if verdict is Verdict.UNKNOWN:
            assert found.reason == (
                f"noop (victim.1) of victim fired before message {message} of sibling[1] was sent, "
                "for which it was to wait"
            )
    at = {**point, "after": {"child": "sibling[1]", "message": 3}}
    reason = "was armed but never fired: its point (step 1, after message 3 of sibling[1]) was not reached"
    assert judged(at=at, fired_ns=None).reason == f"noop (victim.1) of victim {reason}"

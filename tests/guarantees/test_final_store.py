"""Guarantee `final-store`."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from gostage_sim.guarantees.contract import Judgement, Verdict
from gostage_sim.guarantees.final_store import FinalStore
from gostage_sim.history.model import ChildHistory, Quarantined, StoreWrite

from .histories import history, recovery, sibling, victim


def writing(child: ChildHistory, came: dict[str, Any] | None, *writes: StoreWrite, **changes: Any) -> ChildHistory:
    """The same child, which did this to its store; and what came back."""
    assert child.report is not None
    return replace(child, store_writes=writes, report=replace(child.report, final_store=came), **changes)


def own(number: int, came: dict[str, Any] | None = None) -> ChildHistory:
    """A sibling with a value of its own under a key that others have too."""
    value = f"sibling {number}"
    puts = StoreWrite("old", 1), StoreWrite("owner", None), StoreWrite("owner", value)
    came = {"owner": value, "param:gostage_sim.put:key": "owner"} if came is None else came
    made = writing(sibling(number), came, *puts, StoreWrite("old", deleted=True))
    return replace(made, expected_store={"owner": value})


def judged(*children: ChildHistory) -> Judgement:
    dead, fresh = (writing(child, {}) for child in (victim(), recovery()))
    return FinalStore().judge(history(dead, *children, fresh))


def test_holds() -> None:
    """Each store is the fold of its child's puts and deletions."""
    judgement = judged(own(1), own(2))
    assert (judgement.verdict, judgement.reason) == (
        Verdict.PASS,
        "4 final stores as the children left them; sibling[1] and sibling[2] each have their own 'owner'",
    )


@pytest.mark.parametrize(
    ("came", "reason"),
    [
        ({}, """has no 'owner', "sibling 2" expected"""),
        ({"owner": "sibling 1"}, """has "sibling 1" under 'owner', "sibling 2" expected"""),
        ({"owner": None}, """has null under 'owner', "sibling 2" expected"""),
        ({"owner": "sibling 2", "old": 1}, "has 'old', which it deleted"),
        ({"owner": "sibling 2", "x\x1b": 1}, r"has 'x\x1b', which it never put"),
        ({"owner": "sibling 2", "mine": 1}, "has 'mine', which it never put, but sibling[1] did"),
    ],
    ids=["empty", "a sibling's value", "an older value", "deleted", "never put", "a sibling's key"],
)
def test_wrong(came: dict[str, Any], reason: str) -> None:
    """The first key that is not as it should be is named, with the value expected."""
    one = own(1, {"owner": "sibling 1", "mine": 1})
    one = replace(one, store_writes=(*(one.store_writes or ()), StoreWrite("mine", 1)))
    judgement = judged(one, own(2, came))
    assert (judgement.verdict, judgement.reason) == (Verdict.FAIL, f"the final store of sibling[2] {reason}")


def test_kinds_of_numbers() -> None:
    """1, 1.0 and true are three values."""
    for value in (1.0, True):
        assert judged(own(1), writing(sibling(2), {"n": value}, StoreWrite("n", 1))).verdict is Verdict.FAIL


def test_a_child_that_died_before() -> None:
    """It has no store, nor that of another one."""
    put = StoreWrite("owner", "victim")
    assert FinalStore().judge(history(writing(victim(), {}, put), own(1), own(2))).verdict is Verdict.PASS
    judgement = FinalStore().judge(history(writing(victim(), {"owner": "victim"}, put), own(1), own(2)))
    assert judgement.reason == "the final store of victim has 'owner', and it ended before it sent one"


def test_what_may_have_been_kept_back() -> None:
    """A store that was not surely handed over may be missing, and may not be another one."""
    bad = (Quarantined(0, 1, "not JSON", 0),)
    for came, verdict in (({}, Verdict.PASS), ({"owner": 1}, Verdict.FAIL)):
        late = replace(own(3, came), handed_over=30)
        lined = own(3, came)
        assert lined.report is not None
        lined = replace(lined, report=replace(lined.report, malformed_count=1, malformed=bad))
        relayed = replace(own(3, came), faults=(replace(victim().faults[0], notes=({"t_ns": 1, "by": "relay"},)),))
        for child in (late, lined, relayed):
            assert judged(own(1), own(2), child).verdict is verdict


def test_not_judged() -> None:
    """Neither after a user's action, nor where a fault sent a second store."""
    called = replace(own(3, {"x": 1}), store_writes=None)
    rows = own(3).sent.rows
    twice = own(3, {"x": 1})
    twice = replace(twice, sent=replace(twice.sent, rows=rows[[*range(len(rows)), -2]]))
    for child in (called, twice):
        assert judged(own(1), own(2), child).verdict is Verdict.PASS


def test_unknown() -> None:
    """Where all left the same nobody could have been mistaken for another; and a store too large was not seen."""
    alike = replace(own(1), name="alike")
    judgement = judged(own(1), alike)
    assert (judgement.verdict, judgement.reason) == (
        Verdict.UNKNOWN,
        "no 2 children left different values under one key in stores that came back",
    )
    large = own(3)
    assert large.report is not None
    judgement = judged(own(1), own(2), replace(large, report=replace(large.report, final_store=None)))
    assert (judgement.verdict, judgement.reason) == (
        Verdict.UNKNOWN,
        "the final store of sibling[3] was too large to be recorded",
    )


def test_applies() -> None:
    """Where it was planned, where it came so, and where a store is wrong."""
    assert not FinalStore().applies(history(own(1)))
    silent = replace(own(2), store_writes=(), report=None)
    assert FinalStore().applies(history(own(1), silent))
    assert not FinalStore().applies(history(own(1), replace(silent, role="victim")))
    assert FinalStore().applies(history(own(1), replace(own(2), role="victim")))
    assert FinalStore().applies(history(writing(sibling(1), {"x": 1})))

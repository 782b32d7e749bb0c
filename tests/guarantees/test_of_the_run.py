"""Guarantee `as-expected`, of all children together."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from gostage_sim.guarantees.as_expected import AsExpected
from gostage_sim.guarantees.contract import Judgement, Verdict
from gostage_sim.history.model import History, SpawnReport

from .histories import history, parent, recovery, sibling, victim

REPORT = SpawnReport("completed", 0, None, 100, malformed_count=2, handler_errors=3)


def run(**changes: Any) -> History:
    """Of three children, each with two lines in quarantine and three errors of handlers, and the recovery with both."""
    children = [replace(child, expect={}) for child in (victim(), sibling(1), sibling(2), recovery())]
    return history(*(replace(child, report=REPORT) for child in children), **changes)


HANDLED = sum(child.handled.by_application() for child in run().children[:3])
FIRST, LAST = (
    min(child.spawned_ns or 0 for child in run().children[:3]),
    max(child.returned_ns or 0 for child in run().children[:3]),
)
TOOK_S = (LAST - FIRST) / 1e9


def judged(key: str, expected: Any, **changes: Any) -> Judgement:
    return AsExpected().judge(run(expect_run={key: expected}, **changes))


def grown(size: int) -> Any:
    """A parent that held so many bytes more at its peak, which was not the last sample."""
    before = parent().baseline
    assert before is not None
    peak = replace(before, rss_anon_bytes=before.rss_anon_bytes + size)
    return replace(parent(), samples=(before, peak, before), finished=True, refused_calls=4, strangers=5)


@pytest.mark.parametrize(
    ("key", "right", "wrong", "reason"),
    [
        ("handled", HANDLED, HANDLED + 1, f"{HANDLED} messages handled in all, {HANDLED + 1} expected"),
        ("malformed", 6, {"at_most": 5}, "6 lines in quarantine in all, at most 5 expected"),
        ("handler_errors", {"at_least": 9}, 8, "9 errors of handlers recorded in all, 8 expected"),
        ("refused_calls", 4, 0, "4 calls refused in all, 0 expected"),
        ("strangers", {"at_least": 1, "at_most": 5}, {"at_least": 6}, "5 strangers in all, at least 6 expected"),
        (
            "memory_growth",
            {"at_most": 3 << 20},
            {"at_most": (3 << 20) - 1},
            "the parent grew by 3MiB in all, at most 3MiB expected",
        ),
        (
            "duration",
            {"at_most": TOOK_S},
            {"at_least": 3600.0},
            f"the children took {TOOK_S:.3g}s in all, at least 1h expected",
        ),
    ],
)
def test_each_number_is_judged(key: str, right: Any, wrong: Any, reason: str) -> None:
    """It holds at the bound, and a violation names the number; the recovery does not count."""
    changes = {"transport": "grpc", "parent": grown(3 << 20)}
    found = judged(key, right, **changes)
    assert (found.verdict, found.reason) == (Verdict.PASS, "1 expectation of the run met")
    found = judged(key, wrong, **changes)
    assert (found.verdict, found.reason) == (Verdict.FAIL, reason)


@pytest.mark.parametrize(
    ("key", "changes", "reason"),
    [
        (
            "strangers",
            {"parent": replace(grown(0), strangers=None)},
            "the parent did not say how many strangers there were",
        ),
        (
            "refused_calls",
            {"parent": replace(grown(0), finished=False)},
            "the parent did not say how many refused calls there were",
        ),
        ("memory_growth", {"parent": replace(grown(0), baseline=None)}, "what the parent held was never counted"),
    ],
)
def test_what_is_not_known_is_no_pass(key: str, changes: dict[str, Any], reason: str) -> None:
    """A number that nobody counted."""
    found = judged(key, {"at_most": 10**9}, transport="grpc", **changes)
    assert (found.verdict, found.reason) == (Verdict.UNKNOWN, reason)


def test_a_child_without_a_result_leaves_the_sum_open() -> None:
    """And the time too, when it never returned."""
    lost = replace(victim(), expect={}, report=None, returned_ns=None)
    for key, reason in (
        ("malformed", "there is no result of victim, so how much there is in all is not known"),
        ("duration", "not every spawn began and returned, so how long they took is not known"),
    ):
        found = AsExpected().judge(history(lost, sibling(1), expect_run={key: {"at_least": 0}}))
        assert (found.verdict, found.reason) == (Verdict.UNKNOWN, reason)


def test_over_json_nobody_calls() -> None:
    """There is no server: zero is what was seen."""
    assert judged("strangers", 0).verdict is Verdict.PASS
    assert judged("refused_calls", 0).verdict is Verdict.PASS


def test_it_applies_where_something_is_expected_of_the_run() -> None:
    """Also where nothing is expected of any child."""
    assert AsExpected().applies(run(expect_run={"malformed": 0}))
    assert not AsExpected().applies(run())

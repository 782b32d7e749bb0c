"""Guarantee `no-duplicate`."""

from __future__ import annotations

from gostage_sim.guarantees.contract import Verdict
from gostage_sim.guarantees.no_duplicate import NoDuplicate

from .histories import SECOND, child, content, handled_as, history, sibling, victim


def test_holds() -> None:
    """Messages handled once each pass, with several spawns on one runner."""
    judgement = NoDuplicate().judge(history())
    assert judgement.verdict is Verdict.PASS
    assert judgement.reason == "83 messages of 4 spawns on one runner, none handled twice"


def test_violated() -> None:
    """A message handled twice is named with where it came again."""
    seen = content(20)
    seen.insert(12, seen[9])
    judgement = NoDuplicate().judge(history(handled_as(victim(), seen), sibling(1)))
    assert judgement.verdict is Verdict.FAIL
    assert judgement.reason == (
        "victim sent a message (store_put) 1 time and it was handled 2 times, again as handled message 13"
    )


def test_equal_messages_are_counted() -> None:
    """Two equal messages sent may be handled twice, not three times."""
    sent = [("log", "same"), ("log", "same"), ("log", "other")]
    twice = child("victim", "victim", sent, pid=1, times=[SECOND, SECOND + 1, SECOND + 2])
    assert NoDuplicate().judge(history(twice, sibling(1))).verdict is Verdict.PASS
    judgement = NoDuplicate().judge(history(handled_as(twice, [*sent, sent[0], sent[0]]), sibling(1)))
    assert judgement.reason == (
        "victim sent a message (log) 2 times and it was handled 4 times, again as handled message 4; "
        "2 duplicates in all"
    )


def test_one_spawn_is_no_witness() -> None:
    """With one child alone nothing could be delivered to another."""
    judgement = NoDuplicate().judge(history(victim()))
    assert judgement.verdict is Verdict.UNKNOWN
    assert judgement.reason == "only 1 spawn was seen on the runner; at least 2 are needed"


def test_no_spawn_is_no_witness() -> None:
    """Where nothing was spawned at all, none were seen."""
    judgement = NoDuplicate().judge(history(victim(spawned_ns=None)))
    assert judgement.reason == "only 0 spawns were seen on the runner; at least 2 are needed"


def test_nothing_handled_is_no_witness() -> None:
    """With no message handled none could be handled twice."""
    judgement = NoDuplicate().judge(history(handled_as(victim(), []), handled_as(sibling(1), [])))
    assert judgement.verdict is Verdict.UNKNOWN
    assert judgement.reason == "no message was handled at all"


def test_messages_of_the_engine() -> None:
    """The engine's own messages need not reach handlers, but none twice."""
    sent = [*content(20), ("final_store", "victim"), ("workflow_result", "victim")]
    once = child("victim", "victim", content(20), pid=1, times=[SECOND + index for index in range(20)])
    assert NoDuplicate().judge(history(handled_as(once, sent), sibling(1))).verdict is Verdict.PASS
    judgement = NoDuplicate().judge(history(handled_as(once, [*sent, sent[-2]]), sibling(1)))
    assert judgement.reason == (
        "victim sent a message (final_store) 1 time and it was handled 2 times, again as handled message 23"
    )

"""Guarantee `order`."""

from __future__ import annotations

from dataclasses import replace

from gostage_sim.guarantees.contract import Verdict
from gostage_sim.guarantees.order import Order
from gostage_sim.history.model import ChildHistory

from .histories import SECOND, child, content, handled_as, history, recovery, sibling, victim


def test_holds() -> None:
    """Messages handled in the order sent pass, when order could have been broken."""
    judgement = Order().judge(history())
    assert judgement.verdict is Verdict.PASS
    assert judgement.reason == (
        "83 messages handled in the order sent, with 2 or more types and more than one in flight in "
        "victim, sibling[1], sibling[2], recovery"
    )


def test_violated() -> None:
    """Two messages of different types swapped are a violation that names both and the child."""
    seen = content(20)
    seen[9], seen[10] = seen[10], seen[9]
    judgement = Order().judge(history(handled_as(victim(), seen), sibling(1)))
    assert judgement.verdict is Verdict.FAIL
    assert judgement.reason == "victim handled message 11 (log) where message 10 (store_put) was sent"


def test_later_message_first_of_many() -> None:
    """A message handled far too early is the violation, not every one that it pushed back."""
    seen = content(20)
    seen.insert(0, seen.pop())
    judgement = Order().judge(history(handled_as(victim(), seen)))
    assert judgement.reason == "victim handled message 20 (store_put) where message 1 (log) was sent"


def test_lost_and_doubled_messages_are_not_reordered() -> None:
    """What was lost, doubled or invented is no violation of the order of the rest."""
    seen = content(20)
    seen = [*seen[:5], seen[4], *seen[7:12], ("log", "invented"), *seen[12:]]
    assert Order().judge(history(handled_as(victim(), seen), sibling(1))).verdict is Verdict.PASS


def test_lost_among_equal_messages() -> None:
    """Where one of several equal messages was lost, whichever it was, the others are not reordered."""
    sent = [("log", "x"), ("store_put", "y"), ("log", "x"), ("store_put", "z"), ("log", "x"), ("log", "w")]
    times = [SECOND + index for index in range(len(sent))]
    plain = child("victim", "victim", sent, pid=1, times=times)
    for lost in range(len(sent)):
        seen = sent[:lost] + sent[lost + 1 :]
        assert Order().judge(history(handled_as(plain, seen), sibling(1))).verdict is Verdict.PASS


def test_where_no_child_is_to_send_two_types() -> None:
    """There order is not judged, unless it was broken; asked for by name it is unknown."""
    sent = [("log", str(index)) for index in range(10)]
    lone = child("victim", "victim", sent, pid=1, times=[SECOND + index for index in range(10)])
    plain = replace(lone, expected_types=("log",))
    other = replace(sibling(1), expected_types=("log",))
    assert not Order().applies(history(plain, other))
    assert Order().applies(history(handled_as(plain, [*sent[1:], sent[0]]), other))
    assert Order().applies(history(plain, replace(other, expected_types=("log", "row"))))
    few = replace(other, expected_types=("log", "row"), expected_messages=19)
    assert not Order().applies(history(plain, few)), "it would be chance whether any is in flight"
    assert Order().applies(history(plain, replace(few, expected_messages=20)))


def test_of_an_action_that_no_plan_knows_what_it_sent_counts() -> None:
    """A user's own action is not asked for what it does not do; one that sends enough of two types is judged."""

    def unplanned(sent: list[tuple[str, str]]) -> ChildHistory:
        times = [SECOND + index for index in range(len(sent))]
        return replace(child("job", "sibling", sent, pid=1, times=times), expected_types=None, expected_messages=None)

    enough = content(20)
    assert Order().applies(history(unplanned(enough)))
    assert not Order().applies(history(unplanned(enough[:-3]))), "with its result these are fewer than 20"
    assert not Order().applies(history(unplanned([("log", str(index)) for index in range(40)])))


def test_one_type_is_no_witness() -> None:
    """With messages of one type only, across-type order was not tried."""
    sent = [("log", str(index)) for index in range(10)]
    lone = child("victim", "victim", sent, pid=1, times=[SECOND + index for index in range(10)])
    judgement = Order().judge(history(lone))
    assert judgement.verdict is Verdict.UNKNOWN
    assert judgement.reason == (
        "no child sent at least 2 types and had a message in flight while it sent the next, "
        "so no order could have been broken; let one send more, or name the guarantees without order"
    )


def test_lockstep_is_no_witness() -> None:
    """With each message handled before the next was sent, nothing could have overtaken anything."""
    times = [SECOND + index * 1000 for index in range(10)]
    lone = child("victim", "victim", content(10), pid=1, times=times)
    lone = handled_as(lone, content(10))
    lone.handled.rows["t_ns"][:] = [time + 10 for time in times]
    assert Order().judge(history(lone)).verdict is Verdict.UNKNOWN


def test_hostile_type_is_escaped() -> None:
    """A message type with control characters reaches a reason escaped."""
    sent = [("a\x1b[2J", "1"), ("b", "2")]
    lone = child("victim", "victim", sent, pid=1, times=[SECOND, SECOND + 1])
    judgement = Order().judge(history(handled_as(lone, sent[::-1]), recovery()))
    assert judgement.reason == r"victim handled message 2 (b) where message 1 ('a\x1b[2J') was sent"


def test_engines_own_messages_are_left_out() -> None:
    """Whether the engine's own messages reach handlers, and when, is not judged."""
    lone = victim()
    seen = [*content(20)[:3], ("final_store", "x"), *content(20)[3:]]
    assert Order().judge(history(handled_as(lone, seen), sibling(1))).verdict is Verdict.PASS

"""Guarantee `no-loss`."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gostage_sim.guarantees.contract import Verdict
from gostage_sim.guarantees.no_loss import NoLoss
from gostage_sim.history.model import HandlerExit, KernelExit

from .histories import OPENED, SECOND, content, handled_as, history, recovery, sibling, victim


def test_holds() -> None:
    """Everything handed over was handled, and some of it was sent just before a death."""
    judgement = NoLoss().judge(history())
    assert judgement.verdict is Verdict.PASS
    assert judgement.reason == ("89 messages handed over and handled, the last of sibling[1] 0.100 s before its exit")


def test_lost_in_the_middle() -> None:
    """A message that no handler saw is named by its number and type."""
    seen = content(20)
    del seen[9]
    judgement = NoLoss().judge(history(handled_as(victim(), seen)))
    assert judgement.verdict is Verdict.FAIL
    assert judgement.reason == "victim sent message 10 (store_put) and no handler saw it"


def test_lost_at_the_end() -> None:
    """What was left in the pipe of a dead child counts as lost."""
    judgement = NoLoss().judge(history(handled_as(victim(), content(20)[:-3])))
    assert judgement.reason == "victim sent message 18 (store_put) and no handler saw it; 3 messages missing in all"


def test_message_being_written_may_be_lost_or_handled() -> None:
    """The message whose write had not returned at the death may be handled or not."""
    cut = victim(handed_over=19)
    for seen in (content(19), content(20)):
        assert NoLoss().judge(history(handled_as(cut, seen))).verdict is Verdict.PASS


def test_nothing_sent_before_death() -> None:
    """A child that had been silent for long before its exit proves nothing."""
    late = KernelExit(OPENED + 10 * SECOND, None, "SIGKILL", "pidfd")
    judgement = NoLoss().judge(history(victim(exit=late)))
    assert judgement.verdict is Verdict.UNKNOWN
    assert judgement.reason == "no child was seen to send a message within 1 s before its exit"


def test_spawn_that_never_returned() -> None:
    """What a child sent whose spawn() never returned may still be on its way."""
    stuck = replace(handled_as(victim(), content(3)), returned_ns=None, report=None)
    judgement = NoLoss().judge(history(stuck, sibling(1), recovery()))
    assert judgement.verdict is Verdict.UNKNOWN
    assert judgement.reason == "spawn() of victim never returned, so what it sent may still have been on its way"


def test_what_middleware_rejected_is_not_lost() -> None:
    """A message at which the parent's own middleware raised is accounted for; the one beside it is not."""
    rejected = replace(handled_as(victim(), [*content(20)[:9], *content(20)[10:]]), rejected=(9,))
    assert NoLoss().judge(history(rejected, sibling(1), recovery())).verdict is Verdict.PASS
    found = NoLoss().judge(history(replace(rejected, rejected=(8,)), sibling(1), recovery()))
    assert (found.verdict, found.reason) == (
        Verdict.FAIL,
        "victim sent message 10 (store_put) and no handler saw it",
    )


@pytest.mark.parametrize(
    ("seen", "verdict"),
    [(content(20)[:5], Verdict.PASS), ([*content(20)[:3], content(20)[4]], Verdict.FAIL), ([], Verdict.PASS)],
)
def test_a_handler_that_leaves(seen: list[tuple[str, str]], verdict: Verdict) -> None:
    """Behind the message at which a handler left nothing need be handled, before it everything."""
    left = replace(handled_as(victim(), seen), report=None, handler_exit=HandlerExit("SystemExit: 1", True))
    assert NoLoss().judge(history(left, sibling(1))).verdict is verdict

"""Guarantee `order`: handlers see a child's messages in the order in which it sent them."""

from __future__ import annotations

import numpy as np

from gostage_sim.guarantees.contract import Judgement
from gostage_sim.guarantees.findings import Findings
from gostage_sim.guarantees.streams import Streams, compare, first_swap, name, times_of, types_sent, without_journal
from gostage_sim.guarantees.wording import count
from gostage_sim.history.model import ChildHistory, History

FEW = 20
"""Of fewer messages it is chance whether one is in flight when the next is sent, and a verdict must not be."""


class Order:
    """What handlers saw of a child is a prefix of what it sent, whatever the types of the messages.

    Messages that were lost, doubled or invented are taken out first: `no-loss`, `no-duplicate` and `no-phantom` speak
    of them. What is left must be in the order sent.
    """

    name = "order"
    holds_when = "the messages handled of each child are in the order in which it sent them, across types"
    counts_only_if = "some child sent at least 2 types, and had more than one message in flight"

    def applies(self, history: History) -> bool:
        """Where some child's steps send two types, and not so few messages that each may be handled before the next is
        sent; of a user's own action, whose messages no plan knows, where it did so. And wherever the order was broken
        after all."""
        return any(map(_may_show, history.journalled)) or any(map(first_swap, history.journalled))

    def judge(self, history: History) -> Judgement:
        findings = Findings()
        in_flight: dict[str, int] = {}
        handled = 0
        evidence: dict[str, object] = {}
        for child in history.journalled:
            streams = compare(child)
            handled += len(streams.handled)
            in_flight[child.name] = _in_flight(child, streams)
            del streams  # of millions of messages it takes more than they do
            swap = first_swap(child)
            if swap is None:
                continue
            seen, expected = name(child.sent, swap.handled), name(child.sent, swap.expected)
            findings.violations.append(f"{child.name} handled {seen} where {expected} was sent")
            evidence.setdefault("child", child.name)
            evidence.setdefault("handled_t_ns", int(child.handled.rows["t_ns"][swap.event]))
        witnesses = [child.name for child in history.journalled if types_sent(child) >= 2 and in_flight[child.name]]
        evidence |= {"in_flight": {name: most for name, most in in_flight.items() if most}, "witnesses": witnesses}
        if not witnesses:
            findings.missing.append(
                "no child sent at least 2 types and had a message in flight while it sent the next, "
                "so no order could have been broken; let one send more, or name the guarantees without order"
            )
        seen = f"{count(handled, 'message')} handled in the order sent"
        if witnesses:
            seen += f", with 2 or more types and more than one in flight in {', '.join(witnesses)}"
        seen += without_journal(history)
        return findings.judgement(self.name, seen, evidence)


def _may_show(child: ChildHistory) -> bool:
    types = types_sent(child) if child.expected_types is None else len(child.expected_types)
    sent = len(child.sent) if child.expected_messages is None else child.expected_messages
    return types >= 2 and sent >= FEW


def _in_flight(child: ChildHistory, streams: Streams) -> int:
    """How many times a message was sent before its predecessor had been handled."""
    sent, handled = times_of(child.sent, streams.sent), times_of(child.handled, streams.handled)
    pairs = min(len(sent) - 1, len(handled))
    return int(np.count_nonzero(sent[1 : pairs + 1] < handled[:pairs])) if pairs > 0 else 0

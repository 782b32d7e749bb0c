"""Guarantee `no-crosstalk`: what a child sent is handled in the name of that child, and of no other."""

from __future__ import annotations

from itertools import combinations
from math import inf

import numpy as np

from gostage_sim.guarantees.contract import Judgement
from gostage_sim.guarantees.findings import Findings
from gostage_sim.guarantees.streams import Streams, compare, times, without_journal
from gostage_sim.guarantees.wording import count, plain
from gostage_sim.history.model import ENGINE_TYPES, ChildHistory, History

#: So many stray messages of each child are looked for among those of the others.
_LOOKED_FOR = 100

_Key = tuple[str, int]


class NoCrosstalk:
    """Every message is attributed to its sender, also where several children send the same types side by side.

    One that was handled in the name of a child that never sent it, or not so often, is looked for among what the others
    sent: found there it is crosstalk, beside what it means for the two streams; not found it is just a phantom.
    """

    name = "no-crosstalk"
    holds_when = "no message of one child was handled in the name of another, nor of one that was never spawned"
    counts_only_if = "at least 2 children that lived side by side sent messages of one type, and these were handled"

    def applies(self, history: History) -> bool:
        """Where the steps of two siblings of one wave send one type, of a parent that was not killed meanwhile; where
        any two children sent one after all; and wherever messages were mixed up."""
        siblings = [child for child in history.children if child.role == "sibling" and history.killing is None]
        planned = any(
            one.wave == other.wave and set(one.expected_types or ()) & set(other.expected_types or ())
            for one, other in combinations(siblings, 2)
        )
        return planned or bool(_side_by_side(history) or len(history.unattributed) or _mixed_up(history))

    def judge(self, history: History) -> Judgement:
        findings = Findings()
        for sender, position, receiver, event in _mixed_up(history):
            findings.violations.append(
                f"message {position + 1} ({plain(receiver.handled.type_of(event))}) of {sender.name} was handled as "
                f"message {event + 1} of {receiver.name}"
            )
        if len(history.unattributed):
            findings.violations.append(
                f"{count(len(history.unattributed), 'message')} handled in the name of a child that was never spawned, "
                f"the first one a {plain(history.unattributed.type_of(0))}"
            )
        pairs = _side_by_side(history)
        if not pairs:
            findings.missing.append("no 2 children that lived side by side sent and had handled messages of one type")
        handled = sum(len(child.handled) for child in history.journalled)
        seen = f"{count(handled, 'message')} handled in the name of their senders"
        if pairs:
            one, other, kind = pairs[0]
            seen += f"; {one} and {other} both sent {plain(kind)}"
        seen += without_journal(history)
        return findings.judgement(self.name, seen, {"handled": handled, "pairs": [list(pair) for pair in pairs[:20]]})


def _mixed_up(history: History) -> list[tuple[ChildHistory, int, ChildHistory, int]]:
    """Each message that another child sent: who sent it and at which place, who was taken for its sender, and its place
    among what was handled of that one."""
    streams = {child.name: compare(child) for child in history.journalled}
    if not any(len(own.doubled) or len(own.invented) for own in streams.values()):
        return []
    lost = {child.name: _keys_of_missing(child, streams[child.name]) for child in history.journalled}
    found = []
    for receiver in history.journalled:
        own = streams[receiver.name]
        surplus = [(event, True) for event in own.invented[:_LOOKED_FOR].tolist()]
        surplus += [(event, False) for event in own.doubled[:_LOOKED_FOR].tolist()]
        for event, invented in sorted(surplus):
            key = receiver.handled.type_of(event), int(receiver.handled.rows["crc"][event])
            for sender in history.journalled:
                # One that its own child sent too may have come twice, unless it is missing elsewhere.
                if sender is not receiver and (key in lost[sender.name] or (invented and times(sender.sent, *key))):
                    position = lost[sender.name].get(key)
                    found.append((sender, _place(sender, key) if position is None else position, receiver, event))
                    break
    return found


def _keys_of_missing(child: ChildHistory, streams: Streams) -> dict[_Key, int]:
    """Of messages that no handler saw in this child's name, the place of the first of each."""
    missing = reversed(streams.missing.tolist())
    return {(child.sent.type_of(at), int(child.sent.rows["crc"][at])): at for at in missing}


def _place(child: ChildHistory, key: _Key) -> int:
    rows = child.sent.rows
    return int(((rows["type"] == child.sent.types.index(key[0])) & (rows["crc"] == key[1])).argmax())


def _side_by_side(history: History) -> list[tuple[str, str, str]]:
    """Names of two children, and a type of which messages of both were handled."""
    seen = {child.name: _types_handled(child) for child in history.journalled}
    pairs = []
    for one, other in combinations(history.journalled, 2):
        common = seen[one.name] & seen[other.name]
        if common and _overlap(one, other):
            pairs.append((one.name, other.name, min(common)))
    return pairs


def _types_handled(child: ChildHistory) -> set[str]:
    """Of those the application sent."""
    sent, handled = (
        {messages.types[kind] for kind in np.unique(messages.rows["type"])} for messages in (child.sent, child.handled)
    )
    return sent & handled - ENGINE_TYPES


def _overlap(one: ChildHistory, other: ChildHistory) -> bool:
    """Whether neither was over before the other began."""
    if one.spawned_ns is None or other.spawned_ns is None:
        return False
    ends = (child.returned_ns for child in (one, other) if child.returned_ns is not None)
    return max(one.spawned_ns, other.spawned_ns) < min(ends, default=inf)

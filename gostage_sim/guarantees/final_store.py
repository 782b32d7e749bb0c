"""Guarantee `final-store`: what comes back from a child's store is what that child left there."""

from __future__ import annotations

import json
from itertools import combinations
from typing import Any

import numpy as np

from gostage_sim.guarantees.contract import Judgement
from gostage_sim.guarantees.findings import Findings
from gostage_sim.guarantees.wording import count, plain, quoted
from gostage_sim.history.model import ChildHistory, History

_FINAL_STORE = "final_store"
#: The engine puts the parameters of each action into its child's store, and these are those of a scenario's steps.
_OF_STEPS = "param:gostage_sim."


class FinalStore:
    """The final store in the engine's report of a child equals the fold of the puts and deletions that the child's
    journal shows, each key with its last value; it has no key that another child put. The parameters of the steps,
    which the engine itself puts there, are left out.

    A child that ended before it handed its store over has none. What a user's action (`call`) does to the store is not
    journalled, a fault may send a second store, and what a program that is not ours has nobody knows: those are not
    judged, nor is a child without a report.
    """

    name = "final-store"
    holds_when = "the final store of every child equals the fold of its own puts and deletions"
    counts_only_if = "2 children left different values under one key, and both stores came back"

    def applies(self, history: History) -> bool:
        """Where the steps of two siblings leave different values under one key, of a parent that was not killed
        meanwhile; where two children did so after all; and wherever a store is not what it should be."""
        planned = [(child.name, child.expected_store) for child in history.children if child.role == "sibling"]
        overlap = history.killing is None and bool(_differing(planned))
        return overlap or bool(_contested(history)) or any(_first_wrong(child, history) for child in _judged(history))

    def judge(self, history: History) -> Judgement:
        findings = Findings()
        judged = _judged(history)
        for child in judged:
            if child.report is not None and child.report.final_store is None:
                findings.missing.append(f"the final store of {child.name} was too large to be recorded")
            elif (wrong := _first_wrong(child, history)) is not None:
                findings.violations.append(f"the final store of {child.name} {wrong}")
        contested = _contested(history)
        if not contested:
            findings.missing.append("no 2 children left different values under one key in stores that came back")
        seen = f"{count(len(judged), 'final store')} as the children left them"
        if contested:
            key, one, other = contested[0]
            seen += f"; {one} and {other} each have their own {quoted(key)}"
        return findings.judgement(self.name, seen, {"contested": [list(each) for each in contested[:20]]})


def _judged(history: History) -> list[ChildHistory]:
    return [
        child
        for child in history.journalled
        if child.report is not None and child.store_writes is not None and len(_stores_sent(child)) < 2
    ]


def _stores_sent(child: ChildHistory) -> list[int]:
    """The places of its final stores in the stream: one, unless it ended before, or a fault sent another."""
    if _FINAL_STORE not in child.sent.types:
        return []
    found: list[int] = np.flatnonzero(child.sent.rows["type"] == child.sent.types.index(_FINAL_STORE)).tolist()
    return found


def _left_behind(child: ChildHistory) -> dict[str, Any]:
    """The fold of its puts and deletions."""
    store: dict[str, Any] = {}
    for write in child.store_writes or ():
        if write.deleted:
            store.pop(write.key, None)
        else:
            store[write.key] = write.value
    return store


def _first_wrong(child: ChildHistory, history: History) -> str | None:
    """What is wrong with the store in the report of a child, as a clause; None when it is as it should be."""
    seen = None if child.report is None else child.report.final_store
    if seen is None:
        return None
    sent = _stores_sent(child)
    expected = _left_behind(child) if sent else {}
    if sent:
        seen = {key: value for key, value in seen.items() if not key.startswith(_OF_STEPS)}
    if not seen and sent and not _must_have_come(child, sent[0]):
        return None
    for key, value in expected.items():
        if key not in seen:
            return f"has no {quoted(key)}, {plain(_as_json(value))} expected"
        if _as_json(seen[key]) != _as_json(value):
            return f"has {plain(_as_json(seen[key]))} under {quoted(key)}, {plain(_as_json(value))} expected"
    for key in seen:
        if key not in expected:
            return f"has {quoted(key)}, {_why_not(child, key, history)}"
    return None


def _must_have_come(child: ChildHistory, position: int) -> bool:
    """Whether nothing stood between the child and its parent that may have kept the store back."""
    relayed = any(note.get("by") == "relay" for fault in child.faults for note in fault.notes)
    bad_lines = child.report is not None and child.report.malformed_count > 0
    return position < child.handed_over and not relayed and not bad_lines


def _why_not(child: ChildHistory, key: str, history: History) -> str:
    if any(write.key == key for write in child.store_writes or ()):
        return "which it deleted" if _stores_sent(child) else "and it ended before it sent one"
    for other in history.children:
        if other is not child and any(write.key == key for write in other.store_writes or ()):
            return f"which it never put, but {other.name} did"
    return "which it never put"


def _contested(history: History) -> list[tuple[str, str, str]]:
    """Keys under which two children left different values in stores that came back, and their names."""
    came = [child for child in _judged(history) if child.report is not None and child.report.final_store]
    return _differing([(child.name, _left_behind(child)) for child in came])


def _differing(stores: list[tuple[str, dict[str, Any]]]) -> list[tuple[str, str, str]]:
    return [
        (key, one, other)
        for (one, mine), (other, theirs) in combinations([each for each in stores if each[1]], 2)
        for key in mine
        if key in theirs and _as_json(mine[key]) != _as_json(theirs[key])
    ]


def _as_json(value: Any) -> str:
    """A text that tells 1 from true and from 1.0, as Python's own comparison does not."""
    return json.dumps(value, sort_keys=True)

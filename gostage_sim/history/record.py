"""Everything that happened in one run, merged from its journals in the order of time; README.md here lists the events.

It is read as a stream, in bounded memory, while the run goes on or after whoever wrote a journal was killed.
"""

from __future__ import annotations

import heapq
import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gostage_sim.history import journal
from gostage_sim.history.collect import HEART_NAME, OBSERVER_NAME, SUBJECT_NAME, read_plan
from gostage_sim.history.read import Block, blocks

_OF_A_HANDLER = {journal.RAISED: "raised", journal.DONE: "handled"}


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing that happened."""

    t_ns: int
    """Of CLOCK_MONOTONIC, one clock for all processes of the machine."""
    by: str
    """Who recorded it: `observer`, `parent`, the name of a child, or `relay of FAULT`."""
    event: str
    facts: dict[str, Any]

    def as_json(self) -> str:
        """One line of ASCII."""
        head = {"t_ns": self.t_ns, "by": self.by, "event": self.event}
        return json.dumps({**head, **self.facts, **head})  # a fact of the same name, as samples have, is the same


@dataclass(slots=True)
class Record:
    """Iterate over it for the entries of the run in this folder; OSError or ValueError when its plan cannot be read."""

    folder: Path
    gaps: list[str] = field(default_factory=list)
    """What was torn, missing or unreadable, in words; complete when the entries are at their end."""

    def __iter__(self) -> Iterator[Entry]:
        self.gaps.clear()
        plan = read_plan(self.folder)
        children = plan["children"]
        names = [child["name"] for child in children]
        files = {OBSERVER_NAME: "observer", SUBJECT_NAME: "parent", HEART_NAME: "parent"}
        files |= {child["journal"]: child["name"] for child in children}
        relays = {fault["relay"]: fault["id"] for child in children for fault in child["faults"] if "relay" in fault}
        files |= {name: f"relay of {id}" for name, id in relays.items()}
        sources = (self._entries(name, by, names) for name, by in files.items())
        yield from heapq.merge(*sources, key=lambda entry: entry.t_ns)

    def _entries(self, name: str, by: str, children: list[str]) -> Iterator[Entry]:
        types: list[str] = []
        seen: Counter[str] = Counter()
        try:
            for block in blocks(self.folder / name):
                yield from _entries(block, by, children, types, seen)
                if block.torn:
                    self.gaps.append(f"{name} ends in a torn record, which is left out")
        except FileNotFoundError:
            if not name.startswith("child-"):  # it may have died before it opened one, and a relay may never have begun
                self.gaps.append(f"{name} is missing")
        except (OSError, ValueError, LookupError) as error:
            self.gaps.append(f"{name} cannot be read: {error}")


def _entries(block: Block, by: str, children: list[str], types: list[str], seen: Counter[str]) -> Iterator[Entry]:
    for index, (t_ns, crc, type, number, _, kind, _) in enumerate(block.rows.tolist()):
        if kind == journal.SENDING:
            seen[by] += 1
            yield Entry(t_ns, by, "sending", {"message": seen[by], "type": types[type], "crc": crc})
        elif kind == journal.HANDED_OVER:
            yield Entry(t_ns, by, "handed_over", {"messages": number})
        elif kind == journal.BEAT:
            yield Entry(t_ns, by, "beat", {})
        elif kind == journal.TYPE:
            types.append(block.texts[index])
        elif kind == journal.EVENT:
            facts = json.loads(block.texts[index])
            event = facts.pop("event")
            for facts_of_line in _quarantined(facts) if event == "report" else ():
                yield Entry(t_ns, by, "quarantined", facts_of_line)
            yield Entry(t_ns, by, event, facts)
        else:
            child = children[number] if number < len(children) else "nobody"
            if kind == journal.HANDLED:
                seen[child] += 1
                facts = {"child": child, "message": seen[child], "type": types[type], "crc": crc}
                yield Entry(t_ns, by, "handling", facts)
            elif kind in _OF_A_HANDLER:
                yield Entry(t_ns, by, _OF_A_HANDLER[kind], {"child": child, "message": seen[child]})


def _quarantined(facts: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The bad lines of a child, which its parent tells of when the child has ended."""
    for offset, length, reason, after in facts["report"]["malformed"]:
        line = {"offset": offset, "length": length, "reason": reason, "after_messages": after}
        yield {"child": facts["child"], **line}

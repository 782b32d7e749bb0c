"""A journal file as arrays: every committed record, and what was torn when its writer died."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gostage_sim.history import journal
from gostage_sim.history.model import MESSAGE_DTYPE, Messages

#: The layout of `journal.RECORD`.
RECORD_DTYPE = np.dtype(
    [
        ("t_ns", "<u8"),
        ("crc", "<u4"),
        ("type", "<u4"),
        ("number", "<u4"),
        ("reserved", "<u2"),
        ("kind", "u1"),
        ("commit", "u1"),
    ]
)


@dataclass(frozen=True, slots=True)
class Event:
    """One JSON event; `at` is its row in `Journal.rows`, so that messages before and after it can be told."""

    t_ns: int
    at: int
    name: str
    facts: dict[str, Any]


@dataclass(frozen=True, slots=True)
class JournalFile:
    """What a journal holds. `rows` are its records in order, those that carried text included, their text left out."""

    rows: NDArray[np.void]
    types: tuple[str, ...]
    events: tuple[Event, ...]
    torn: int
    """1 when the last record has no commit marker: its writer died in the middle of it, or the file is damaged."""

    def messages(self, kind: int, number: int | None = None) -> Messages:
        """The records of `SENDING` or `HANDLED`; of one child only, when `number` says which."""
        wanted = self.rows["kind"] == kind
        if number is not None:
            wanted &= self.rows["number"] == number
        chosen = self.rows[wanted]
        rows = np.empty(len(chosen), MESSAGE_DTYPE)
        for name in ("t_ns", "type", "crc"):
            rows[name] = chosen[name]
        return Messages(rows, self.types)

    def times(self, kind: int) -> NDArray[np.uint64]:
        """When the records of this kind were written."""
        found: NDArray[np.uint64] = self.rows["t_ns"][self.rows["kind"] == kind].copy()
        return found


def read_journal(path: Path) -> JournalFile:
    """Read one file. It may still be growing, and may end anywhere; OSError when it cannot be read."""
    data = path.read_bytes()
    whole = len(data) - len(data) % journal.SIZE
    slots = np.frombuffer(data[:whole], RECORD_DTYPE)
    special = np.flatnonzero((slots["commit"] != journal.COMMITTED) | np.isin(slots["kind"], list(journal.TEXT_KINDS)))
    rows = np.ones(len(slots), bool)
    types: list[str] = []
    events: list[Event] = []
    dropped = position = 0
    end, torn = len(slots), int(whole != len(data) and any(data[whole:]))
    for index in special.tolist():
        if index < position:
            continue  # inside the text of a record before it
        slot = slots[index]
        length = int(slot["number"])
        after = index + 1 + -(-length // journal.SIZE)
        begin = (index + 1) * journal.SIZE
        if slot["commit"] != journal.COMMITTED or after > len(slots):
            end, torn = index, int(any(data[index * journal.SIZE : begin]))
            break
        text = data[begin : begin + length].decode("utf-8", "replace")
        if slot["kind"] == journal.TYPE:
            types.append(text)
        else:
            facts = json.loads(text)
            events.append(Event(int(slot["t_ns"]), index - dropped, facts.pop("event"), facts))
        rows[index + 1 : after] = False
        dropped += after - index - 1
        position = after
    rows[end:] = False
    return JournalFile(slots[rows], tuple(types), tuple(events), torn)

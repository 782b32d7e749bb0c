"""A journal file as arrays: every committed record, and what was torn when its writer died."""

from __future__ import annotations

import json
from collections.abc import Iterator
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

_BLOCK_BYTES = (256 << 10) * journal.SIZE


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
    rows: list[NDArray[np.void]] = []
    types: list[str] = []
    events: list[Event] = []
    before = torn = 0
    for block in blocks(path):
        for index, text in block.texts.items():
            if block.rows["kind"][index] == journal.TYPE:
                types.append(text)
            else:
                facts = json.loads(text)
                events.append(Event(int(block.rows["t_ns"][index]), before + index, facts.pop("event"), facts))
        rows.append(block.rows)
        before += len(block.rows)
        torn = block.torn
    return JournalFile(np.concatenate(rows), tuple(types), tuple(events), torn)


@dataclass(frozen=True, slots=True)
class Block:
    """A part of a journal, in its order."""

    rows: NDArray[np.void]
    """Records, those that carry text included, their text left out."""
    texts: dict[int, str]
    """By the row of the record that carries it, a type's name or the JSON of an event."""
    torn: int
    """Of the last block: 1 when the journal ends in a record without its commit marker."""


def blocks(path: Path) -> Iterator[Block]:
    """A journal, read as a stream in bounded memory; at least one block. OSError when it cannot be read."""
    with path.open("rb") as file:
        data = b""
        while True:
            more = file.read(_BLOCK_BYTES)
            data += more
            block, used, is_last = _block(data, is_end=not more)
            yield block
            if is_last:
                return
            data = data[used:]


def _block(data: bytes, *, is_end: bool) -> tuple[Block, int, bool]:
    """What is whole at the beginning of `data`, how many bytes of it that is, and whether the journal ends there."""
    whole = len(data) - len(data) % journal.SIZE
    slots = np.frombuffer(data[:whole], RECORD_DTYPE)
    special = np.flatnonzero((slots["commit"] != journal.COMMITTED) | np.isin(slots["kind"], list(journal.TEXT_KINDS)))
    rows = np.ones(len(slots), bool)
    texts: dict[int, str] = {}
    dropped = position = 0
    end, is_last = len(slots), is_end
    torn = int(is_end and any(data[whole:]))
    for index in special.tolist():
        if index < position:
            continue  # inside the text of a record before it
        slot = slots[index]
        length = int(slot["number"])
        after = index + 1 + -(-length // journal.SIZE)
        begin = (index + 1) * journal.SIZE
        is_committed = slot["commit"] == journal.COMMITTED
        if not is_committed or after > len(slots):
            end = index
            if is_end or not is_committed:
                is_last, torn = True, int(any(data[index * journal.SIZE : begin]))
            break
        texts[index - dropped] = data[begin : begin + length].decode("utf-8", "replace")
        rows[index + 1 : after] = False
        dropped += after - index - 1
        position = after
    rows[end:] = False
    return Block(slots[rows], texts, torn), end * journal.SIZE, is_last

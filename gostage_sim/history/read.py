"""A journal file as arrays: every committed record, and what was torn when its writer died."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
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

_BLOCK_BYTES = (64 << 10) * journal.SIZE


@dataclass(frozen=True, slots=True)
class Event:
    """One JSON event."""

    t_ns: int
    sent_before: int
    """How many messages its writer had recorded as being sent."""
    name: str
    facts: dict[str, Any]


@dataclass(frozen=True, slots=True)
class JournalFile:
    """What a journal holds, sorted by what it is about."""

    types: tuple[str, ...] = ()
    events: tuple[Event, ...] = ()
    torn: int = 0
    """1 when the last record has no commit marker: its writer died in the middle of it, or the file is damaged."""
    sent: Messages = field(default_factory=Messages)
    handed_over: int = 0
    """How many of them cannot be lost, as was recorded last."""
    handed_over_bytes: int = 0
    """How much they are on the wire, in whole KiB."""
    handled: dict[int, Messages] = field(default_factory=dict)
    """By the index of the child."""
    raised: dict[int, tuple[int, ...]] = field(default_factory=dict)
    """By the index of the child, the messages among its `handled` at which the handler raised."""
    beats_ns: NDArray[np.uint64] = field(default_factory=lambda: np.zeros(0, np.uint64))


def read_journal(path: Path) -> JournalFile:
    """Read one file. It may still be growing, and may end anywhere; OSError when it cannot be read."""
    types: list[str] = []
    events: list[Event] = []
    sent: list[NDArray[np.void]] = []
    handled: defaultdict[int, list[NDArray[np.void]]] = defaultdict(list)
    raised: defaultdict[int, list[int]] = defaultdict(list)
    seen: Counter[int] = Counter()
    beats = [np.zeros(0, np.uint64)]
    before = handed_over = handed_over_kib = torn = 0
    for block in blocks(path):
        rows, kinds = block.rows, block.rows["kind"].copy()
        is_sent = kinds == journal.SENDING
        for index, text in block.texts.items():
            if kinds[index] == journal.TYPE:
                types.append(text)
            else:
                facts = json.loads(text)
                so_far = before + int(np.count_nonzero(is_sent[:index]))
                events.append(Event(int(rows["t_ns"][index]), so_far, facts.pop("event"), facts))
        sent.append(_messages(rows, is_sent))
        before += len(sent[-1])
        counts = np.flatnonzero(kinds == journal.HANDED_OVER)
        if len(counts):
            handed_over = int(rows["number"][counts[-1]])
            handed_over_kib = int(rows["crc"][counts[-1]])
        of_handlers = (kinds == journal.HANDLED) | (kinds == journal.RAISED)
        numbers = rows["number"] if of_handlers.any() else np.zeros(0, np.uint32)
        for number in np.unique(numbers[of_handlers]).tolist() if len(numbers) else ():
            mine = numbers == number
            is_handled = mine & (kinds == journal.HANDLED)
            for index in np.flatnonzero(mine & (kinds == journal.RAISED)).tolist():
                raised[number].append(seen[number] + int(np.count_nonzero(is_handled[:index])) - 1)
            handled[number].append(_messages(rows, is_handled))
            seen[number] += len(handled[number][-1])
        beats.append(rows["t_ns"][kinds == journal.BEAT])
        torn = block.torn
    known = tuple(types)
    return JournalFile(
        types=known,
        events=tuple(events),
        torn=torn,
        sent=Messages(_joined(sent), known),
        handed_over=handed_over,
        handed_over_bytes=handed_over_kib << 10,
        handled={number: Messages(_joined(handled.pop(number)), known) for number in sorted(handled)},
        raised={number: tuple(found) for number, found in raised.items()},
        beats_ns=np.concatenate(beats),
    )


def _messages(rows: NDArray[np.void], chosen: NDArray[np.bool_]) -> NDArray[np.void]:
    found = np.empty(int(np.count_nonzero(chosen)), MESSAGE_DTYPE)
    if len(found):
        for name in ("t_ns", "type", "crc"):
            found[name] = rows[name][chosen]
    return found


def _joined(parts: list[NDArray[np.void]]) -> NDArray[np.void]:
    """One array of them; each is let go once it is in there."""
    whole = np.empty(sum(map(len, parts)), MESSAGE_DTYPE)
    end = len(whole)
    while parts:
        part = parts.pop()
        whole[end - len(part) : end] = part
        end -= len(part)
    return whole


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

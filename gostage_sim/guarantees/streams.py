"""What a child sent against what handlers saw, in vectors: lost, doubled, invented and reordered messages told apart.

Two messages are the same when type name and CRC-32 of their payload are; the k-th such message sent is the k-th such
message handled. Whether the engine's own messages at the end of a child reach handlers is the engine's affair; they
are left out on both sides, but none may be doubled or invented. Each anomaly is named once: what is missing, doubled or
invented is taken out before the order of the rest is compared, so that a message lost in the middle is not also a
reordering.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from gostage_sim.guarantees.wording import plain
from gostage_sim.history.model import ENGINE_TYPES, ChildHistory, History, Messages

Positions = NDArray[np.int32 | np.int64]
Keys = NDArray[np.uint64]
_NONE: Positions = np.zeros(0, np.int64)

#: How many anomalies are matched around one by one, how far each may reach, and how many messages must agree behind it.
_MOST_ANOMALIES = 1000
_REACH = 24
_PART = 1 << 18
_AGREEING = 8


@dataclass(frozen=True, slots=True)
class Swap:
    """The first message out of order, as positions in the child's stream, counted from 0."""

    handled: int
    """The message that was handled."""
    expected: int
    """The one whose turn it was."""
    event: int
    """Which handled event it was, counted from 0."""


@dataclass(frozen=True, slots=True)
class Streams:
    """One child's comparison. Positions index `sent.rows` and `handled.rows`, the engine's own messages included."""

    sent: Positions
    """The application's messages among `ChildHistory.sent`."""
    handled: Positions
    missing: Positions
    """Sent, handed over, and not handled."""
    doubled: Positions
    """Handled events that repeat a message more often than it was sent."""
    invented: Positions
    """Handled events of messages never sent."""


def without_journal(history: History) -> str:
    """`; greeter keeps no journal`: how a reason says of whom it does not speak. Empty where there is nobody."""
    names = [child.name for child in history.children if child.role == "foreign"]
    return f"; {', '.join(names[:3])} {'keeps' if len(names) == 1 else 'keep'} no journal" if names else ""


def compare(child: ChildHistory) -> Streams:
    """Compare what `child` sent with what handlers saw of it, order left aside."""
    sent, sent_keys, handled, handled_keys = _keys(child, by_engine=False)
    required = int(np.searchsorted(sent, child.handed_over))
    left_sent, left_handled = _unmatched(sent_keys, handled_keys)
    left = _Counts(sent_keys[left_sent], handled_keys[left_handled])
    lost = left_sent[left.lost(int(np.searchsorted(left_sent, required)))]
    surplus = left_handled[left.surplus()]
    known = _is_in(handled_keys[surplus], sent_keys)
    doubled, invented = _surplus_of_engine(child)
    return Streams(
        sent=sent,
        handled=handled,
        missing=sent[lost],
        doubled=np.concatenate([handled[surplus[known]], doubled]),
        invented=np.concatenate([handled[surplus[~known]], invented]),
    )


def _surplus_of_engine(child: ChildHistory) -> tuple[Positions, Positions]:
    """Handled events that repeat messages of the engine, and those of which it sent none."""
    _, sent_keys, handled, handled_keys = _keys(child, by_engine=True)
    surplus = _Counts(sent_keys, handled_keys).surplus()
    known = _is_in(handled_keys[surplus], sent_keys)
    return handled[surplus[known]], handled[surplus[~known]]


def paired(child: ChildHistory) -> tuple[Positions, Positions, int]:
    """The application's messages sent, and handled, and how many of both are the same from the beginning on."""
    sent, sent_keys, handled, handled_keys = _keys(child, by_engine=False)
    return sent, handled, _common_prefix(sent_keys, handled_keys)


def first_early(child: ChildHistory, streams: Streams) -> int | None:
    """The first handled event that came before its message was sent; None too where the two cannot be paired.

    They are paired by position, which is right when nothing was lost, doubled or invented.
    """
    if len(streams.missing) or len(streams.doubled) or len(streams.invented):
        return None
    pairs = min(len(streams.sent), len(streams.handled))
    sent, handled = streams.sent[:pairs], streams.handled[:pairs]
    early = np.flatnonzero(child.handled.rows["t_ns"][handled] < child.sent.rows["t_ns"][sent])
    return int(handled[early[0]]) if len(early) else None


def first_swap(child: ChildHistory) -> Swap | None:
    """The first message out of order among those both sent and handled."""
    sent, sent_keys, handled, handled_keys = _keys(child, by_engine=False)
    left_sent, left_handled = _unmatched(sent_keys, handled_keys)
    # What was matched is in order; only what was left over on both sides can have changed places.
    if not _is_in(handled_keys[left_handled], sent_keys[left_sent]).any():
        return None
    head = _common_prefix(sent_keys, handled_keys)
    tail = _common_prefix(sent_keys[head:][::-1], handled_keys[head:][::-1])
    middle = _Counts(sent_keys[head : len(sent) - tail], handled_keys[head : len(handled) - tail])
    found = middle.swap()
    if found is None:
        return None
    return Swap(int(sent[head + found[0]]), int(sent[head + found[1]]), int(handled[head + found[2]]))


def types_sent(child: ChildHistory) -> int:
    """How many types of the application the child sent."""
    used = np.unique(child.sent.rows["type"])
    return sum(child.sent.types[index] not in ENGINE_TYPES for index in used)


def name(messages: Messages, position: int) -> str:
    """`message 250 (log)`, counted from 1 in the child's stream."""
    return f"message {position + 1} ({plain(messages.type_of(position))})"


def times(messages: Messages, kind: str, crc: int) -> int:
    """How many messages of this type and checksum there are."""
    if kind not in messages.types:
        return 0
    alike = (messages.rows["type"] == messages.types.index(kind)) & (messages.rows["crc"] == crc)
    return int(np.count_nonzero(alike))


def _unmatched(sent: Keys, handled: Keys) -> tuple[Positions, Positions]:
    """Match both streams from the front; positions of what found no partner.

    Most of two streams is alike, and an anomaly is a few messages long: after each, the streams are brought together
    again where the next messages agree. Where that fails, or happens too often, all the rest counts as unmatched.
    """
    ours: list[Positions] = []
    theirs: list[Positions] = []
    i = j = 0
    for _ in range(_MOST_ANOMALIES):
        matched = _common_prefix(sent[i:], handled[j:])
        i, j = i + matched, j + matched
        step = _next_agreement(sent[i : i + _REACH], handled[j : j + _REACH])
        if step is None:
            break
        ours.append(np.arange(i, i + step[0]))
        theirs.append(np.arange(j, j + step[1]))
        i, j = i + step[0], j + step[1]
    ours.append(np.arange(i, len(sent)))
    theirs.append(np.arange(j, len(handled)))
    return np.concatenate(ours), np.concatenate(theirs)


def _next_agreement(sent: Keys, handled: Keys) -> tuple[int, int] | None:
    """How much to skip of both, as little as possible, until the next few agree."""
    for skipped in range(1, _REACH - _AGREEING + 1):
        for ours in range(skipped + 1):
            theirs = skipped - ours
            mine, other = sent[ours : ours + _AGREEING], handled[theirs : theirs + _AGREEING]
            if len(mine) == len(other) == _AGREEING and (mine == other).all():
                return ours, theirs
    return None


class _Counts:
    """How often each message was sent and handled; its key has a code, each occurrence an ordinal."""

    def __init__(self, sent: Keys, handled: Keys) -> None:
        self._same = len(sent) == len(handled) and bool((np.sort(sent) == np.sort(handled)).all())
        if self._same:  # codes are only needed where counts differ
            self._sent, self._handled = sent.view(np.int64), handled.view(np.int64)
            return
        distinct, codes = np.unique(np.concatenate([sent, handled]), return_inverse=True)
        self._sent, self._handled = codes[: len(sent)], codes[len(sent) :]
        self._sent_count = np.bincount(self._sent, minlength=len(distinct))
        self._handled_count = np.bincount(self._handled, minlength=len(distinct))

    def lost(self, required: int) -> Positions:
        """Positions of the required messages whose like was not handled often enough."""
        if self._same:
            return _NONE
        mine = self._sent[:required]
        if not (np.bincount(mine, minlength=len(self._handled_count)) > self._handled_count).any():
            return _NONE
        return np.flatnonzero(_ordinals(mine) >= self._handled_count[mine])

    def surplus(self) -> Positions:
        """Positions of the handled messages that were not sent so often."""
        if self._same or not (self._handled_count > self._sent_count).any():
            return _NONE
        return np.flatnonzero(_ordinals(self._handled) >= self._sent_count[self._handled])

    def swap(self) -> tuple[int, int, int] | None:
        """The first message out of order: position it was sent at, position of the one expected, its event."""
        if self._same:
            sent = handled = np.arange(len(self._sent))
        else:
            common = np.minimum(self._sent_count, self._handled_count)
            sent = np.flatnonzero(_ordinals(self._sent) < common[self._sent])
            handled = np.flatnonzero(_ordinals(self._handled) < common[self._handled])
        expected, seen = self._sent[sent], self._handled[handled]
        differs = np.flatnonzero(expected != seen)
        if not len(differs) or (not self._same and self._fits(common)):
            return None
        first = int(differs[0])
        # The k-th of its key handled is the k-th of its key sent.
        ordinal = int(np.count_nonzero(seen[:first] == seen[first]))
        origin = np.flatnonzero(expected == seen[first])[ordinal]
        return int(sent[origin]), int(sent[first]), int(handled[first])

    def _fits(self, common: NDArray[np.int64]) -> bool:
        """Whether some choice among messages that look alike leaves both in the same order.

        Where one of several equal messages was lost, or doubled, nobody can tell which: taking out the last one may
        make the rest look reordered. So the first ones and the last ones are tried, each as a part of the other stream.
        """
        for mine, other in ((self._handled, self._sent), (self._sent, self._handled)):
            spare = np.bincount(mine, minlength=len(common)) - common
            ordinals = _ordinals(mine)
            for kept in (ordinals < common[mine], ordinals >= spare[mine]):
                if _is_part_of(mine[kept].tolist(), iter(other.tolist())):
                    return True
        return False


def _is_part_of(part: list[int], whole: Iterator[int]) -> bool:
    return all(code in whole for code in part)


def _ordinals(codes: NDArray[np.int64]) -> Positions:
    """Of each element, how many equal ones precede it."""
    order = np.argsort(codes, kind="stable")
    ordered = codes[order]
    starts = np.flatnonzero(np.concatenate([[True], ordered[1:] != ordered[:-1]])) if len(codes) else _NONE
    lengths = np.diff(np.concatenate([starts, [len(codes)]]))
    ordinals = np.empty(len(codes), np.int64)
    ordinals[order] = np.arange(len(codes)) - np.repeat(starts, lengths)
    return ordinals


def _common_prefix(one: Keys, other: Keys) -> int:
    """In growing pieces: where anomalies are many, each looks at little more than what lies before the next."""
    shorter = min(len(one), len(other))
    start, size = 0, 1024
    while start < shorter:
        end = min(start + size, shorter)
        differs = one[start:end] != other[start:end]
        if differs.any():
            return start + int(differs.argmax())
        start, size = end, size * 4
    return shorter


def _is_in(some: Keys, all_of_them: Keys) -> NDArray[np.bool_]:
    """Of each of `some`, whether it is among the others: `np.isin`, but quick to look for a few in a million."""
    if not len(some) or not len(all_of_them):
        return np.zeros(len(some), bool)
    ordered = np.sort(all_of_them)
    found: NDArray[np.bool_] = ordered[np.searchsorted(ordered, some).clip(max=len(ordered) - 1)] == some
    return found


def _keys(child: ChildHistory, *, by_engine: bool) -> tuple[Positions, Keys, Positions, Keys]:
    """Positions and keys of what the application, or the engine, sent; then of what was handled of it."""
    codes: dict[str, int] = {}
    return *_chosen(child.sent, codes, by_engine), *_chosen(child.handled, codes, by_engine)


def _chosen(messages: Messages, codes: dict[str, int], by_engine: bool) -> tuple[Positions, Keys]:
    """Positions and keys of the messages of one origin; `codes` numbers type names alike for both streams."""
    numbers = np.array([codes.setdefault(name, len(codes)) for name in messages.types], np.uint64)
    chosen = np.array([(name in ENGINE_TYPES) is by_engine for name in messages.types], bool)
    types = messages.rows["type"]
    if not len(types) or not chosen.any():
        return _NONE, np.zeros(0, np.uint64)
    numbers <<= np.uint64(32)
    crcs = messages.rows["crc"]
    is_chosen = np.empty(len(types), bool)
    for part in _parts(len(types)):
        is_chosen[part] = chosen[types[part]]
    count = int(np.count_nonzero(is_chosen))
    if not count or not is_chosen[:count].all():
        positions = np.flatnonzero(is_chosen)
        return positions, numbers[types[positions]] | crcs[positions]
    keys = np.empty(count, np.uint64)  # the engine's own messages come last, as nearly always
    for part in _parts(count):
        keys[part] = numbers[types[part]] | crcs[part]
    return _beginning(count), keys


def _parts(count: int) -> Iterator[slice]:
    """Of millions, so many at a time that what is computed on the way stays small."""
    return (slice(start, min(start + _PART, count)) for start in range(0, count, _PART))


@lru_cache(maxsize=1)
def _beginning(count: int) -> Positions:
    """The first ones; one array for both streams, where as many were handled as were sent."""
    positions = np.arange(count, dtype=np.int32)
    positions.flags.writeable = False
    return positions


def times_of(messages: Messages, positions: Positions) -> NDArray[np.int64]:
    """When those were recorded; `positions` ascend, and where they are the first ones nothing is copied."""
    times = messages.rows["t_ns"].view(np.int64)
    count = len(positions)
    return times[:count] if count and positions[-1] == count - 1 else times[positions]

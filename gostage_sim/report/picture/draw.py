"""From a history to its picture. Bounded: what is more than there is room for is counted, and its count is shown."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gostage_sim.guarantees.streams import paired
from gostage_sim.guarantees.wording import plain
from gostage_sim.history.model import ChildHistory, FaultRecord, History, KernelExit, ParentHistory
from gostage_sim.report.picture.density import density, largest_of_columns, latency
from gostage_sim.report.picture.model import FaultStory, Lane, Latency, Ledger, Mark, ParentLane, Picture

HandlerTimes = tuple[NDArray[np.uint64], NDArray[np.float64]]

MOST_LANES = 64
MOST_FAULTS = 100
MOST_MARKS = 20
_MOST_COLUMNS = 200
#: Of all lanes together.
_MOST_CELLS = 3000
_LONGEST_TEXT = 300
_FIRST = {"victim": 0, "foreign": 1}


def draw(
    history: History, *, lines: Mapping[str, int], witnesses: Iterable[str | None], handlers: HandlerTimes
) -> Picture:
    """The picture. `lines` are those of faults in the scenario file, by `group#number`; `witnesses` what proved each
    fault of the history, in its order; `handlers` what `handler_times` found."""
    return _Drawing(history).picture(lines, list(witnesses), handlers)


class _Drawing:
    def __init__(self, history: History) -> None:
        self._history = history
        self._start_ns, self._end_ns = _extent(history)
        self._span_ns = max(1, self._end_ns - self._start_ns)

    def picture(self, lines: Mapping[str, int], witnesses: list[str | None], handlers: HandlerTimes) -> Picture:
        history = self._history
        children = sorted(history.children, key=lambda child: _FIRST.get(child.role, 2))[:MOST_LANES]
        cells = max(24, min(_MOST_COLUMNS, _MOST_CELLS // max(1, len(children))))
        witnesses += [None] * len(history.faults)
        told = zip(history.faults, witnesses[: len(history.faults)], strict=True)
        by_name = {child.name: child for child in history.children}
        window = history.window
        return Picture(
            start_ns=self._start_ns,
            span_ms=self._span_ns / 1e6,
            window=None if window is None else self._range(window.opened_ns, window.closed_ns or self._end_ns),
            parent=self._parent(history.parent),
            lanes=tuple(self._lane(child, cells) for child in children),
            lanes_count=len(history.children),
            faults=tuple(
                self._fault(fault, by_name[fault.child], lines, witness) for fault, witness in list(told)[:MOST_FAULTS]
            ),
            faults_count=len(history.faults),
            latency=self._latency(),
            handlers=self._quantiles(*handlers),
            messages=sum(len(child.handled) for child in history.children),
            problems=history.problems,
        )

    def _ms(self, t_ns: int | None) -> float | None:
        return None if t_ns is None else self._at(t_ns)

    def _at(self, t_ns: int) -> float:
        return round((t_ns - self._start_ns) / 1e6, 4)

    def _range(self, begin_ns: int, end_ns: int) -> tuple[float, float]:
        return self._at(begin_ns), self._at(end_ns)

    def _lane(self, child: ChildHistory, cells: int) -> Lane:
        report = child.report
        return Lane(
            name=child.name,
            role=child.role,
            pid=child.pid,
            spawned_ms=self._ms(child.spawned_ns),
            returned_ms=self._ms(child.returned_ns),
            exit_ms=None if child.exit is None else self._at(child.exit.t_ns),
            ended=_ended(child.exit),
            source="nobody" if child.exit is None else child.exit.source,
            density=density(
                child.sent.rows["t_ns"],
                child.handled.rows["t_ns"],
                start_ns=self._start_ns,
                span_ns=self._span_ns,
                most=cells,
            ),
            ledger=None if child.role == "foreign" else _ledger(child),
            quarantined=tuple(self._quarantined(child)),
            quarantined_count=0 if report is None else report.malformed_count,
            stopped=tuple(map(self._at, child.stopped_ns[:MOST_MARKS])),
            held=tuple(self._range(*held) for held in child.held[:MOST_MARKS]),
        )

    def _quarantined(self, child: ChildHistory) -> Iterable[Mark]:
        times = child.handled.rows["t_ns"]
        for line in child.report.malformed[:MOST_MARKS] if child.report else ():
            before = min(line.after_messages, len(times))
            at = int(times[before - 1]) if before else child.spawned_ns or self._start_ns
            where = f"{line.length} bytes at offset {line.offset}, after message {line.after_messages}"
            yield Mark(self._at(at), _short(f"{where}: {line.reason}"))

    def _fault(
        self, fault: FaultRecord, child: ChildHistory, lines: Mapping[str, int], witness: str | None
    ) -> FaultStory:
        until = fault.over_ns or (child.exit.t_ns if child.exit else None) or child.returned_ns or self._end_ns
        number = fault.id.rpartition("#")[2].partition(".")[0]
        return FaultStory(
            id=fault.id,
            kind=fault.kind,
            child=fault.child,
            at=_placement(fault.at),
            params=_words(fault.params),
            line=lines.get(f"{child.group}#{number}"),
            armed_ms=self._ms(fault.armed_ns),
            fired_ms=self._ms(fault.fired_ns),
            over_ms=self._ms(fault.over_ns),
            until_ms=None if fault.fired_ns is None else self._at(max(until, fault.fired_ns)),
            witness=witness,
            notes=tuple(self._note(note) for note in fault.notes[:MOST_MARKS]),
            notes_count=len(fault.notes),
        )

    def _note(self, note: Mapping[str, Any]) -> Mark:
        facts = {key: value for key, value in note.items() if key not in ("t_ns", "by")}
        return Mark(self._at(note["t_ns"]), f"{note.get('by', 'somebody')}: {_words(facts)}")

    def _parent(self, parent: ParentHistory) -> ParentLane:
        beats = parent.heartbeats_ns[parent.heartbeats_ns >= self._start_ns]
        gaps = np.diff(beats.astype(np.int64)).astype(np.float64) / 1e6
        counted = [each for each in (*parent.samples, parent.final) if each is not None and each.t_ns >= self._start_ns]
        room = {"start_ns": self._start_ns, "span_ns": self._span_ns, "most": _MOST_COLUMNS}
        memory = largest_of_columns(
            np.array([each.t_ns for each in counted], np.uint64),
            np.array([each.rss_anon_bytes for each in counted], np.float64),
            **room,
        )
        return ParentLane(
            pid=parent.pid,
            ended=_ended(parent.exit),
            exit_ms=None if parent.exit is None else self._at(parent.exit.t_ns),
            beats=tuple((at, round(gap, 3)) for at, gap in largest_of_columns(beats[1:], gaps, **room)),
            beats_count=len(parent.heartbeats_ns),
            memory=tuple((at, int(size)) for at, size in memory),
            baseline_bytes=None if parent.baseline is None else parent.baseline.rss_anon_bytes,
            unhandled=tuple(map(_short, parent.unhandled[:MOST_MARKS])),
            stderr_tail=parent.stderr_tail,
        )

    def _latency(self) -> Latency:
        """Of the messages that agree from the first on; behind a difference nobody knows which belong together."""
        handled, lags = [np.zeros(0, np.uint64)], [np.zeros(0, np.float64)]
        for child in self._history.journalled:
            ours, theirs, agree = paired(child)
            sent_ns = child.sent.rows["t_ns"][ours[:agree]].astype(np.int64)
            handled_ns = child.handled.rows["t_ns"][theirs[:agree]]
            handled.append(handled_ns)
            lags.append((handled_ns.astype(np.int64) - sent_ns) / 1e3)
        return self._quantiles(np.concatenate(handled), np.concatenate(lags))

    def _quantiles(self, at_ns: NDArray[np.uint64], spans_us: NDArray[np.float64]) -> Latency:
        return latency(at_ns, spans_us, start_ns=self._start_ns, span_ns=self._span_ns, most=_MOST_COLUMNS)


def _extent(history: History) -> tuple[int, int]:
    """From the first spawn, or whatever was first, to the last thing seen; a little room on both sides."""
    parent, children = history.parent, history.children
    begun = [child.spawned_ns for child in children if child.spawned_ns is not None]
    begun = begun or [each.t_ns for each in (parent.baseline, parent.final) if each is not None]
    ended = [child.returned_ns for child in children if child.returned_ns is not None]
    ended += [child.exit.t_ns for child in children if child.exit is not None]
    ended += [parent.exit.t_ns] if parent.exit is not None else []
    start, end = min(begun, default=0), max(ended, default=0)
    end = max(start + 1_000_000, end)
    room = (end - start) // 50
    return start - room, end + room


def _ledger(child: ChildHistory) -> Ledger:
    sent, handled, agree = paired(child)
    difference = None
    if agree < len(handled):
        seen = _message(child, handled=int(handled[agree]))
        expected = _message(child, sent=int(sent[agree])) if agree < len(sent) else "nothing more"
        difference = f"the {agree + 1:,}. handled is {seen}; {expected} was sent"
    elif agree < len(sent):
        index = int(sent[agree])
        surely = "handed over" if index < child.handed_over else "not surely handed over"
        difference = f"the {agree + 1:,}. sent, {_message(child, sent=index)}, {surely}, was not handled"
    return Ledger(len(sent), len(handled), agree, difference)


def _message(child: ChildHistory, *, sent: int | None = None, handled: int | None = None) -> str:
    messages, index = (child.sent, sent) if sent is not None else (child.handled, handled or 0)
    return f"{plain(messages.type_of(index))} with checksum {int(messages.rows['crc'][index]):08x}"


def _ended(end: KernelExit | None) -> str:
    if end is None:
        return "not seen"
    return end.signal or f"exit {end.exit_code}"


def _placement(at: Mapping[str, Any]) -> str:
    """`message: 250` or `result`, as a file has it."""
    return _words({key: value for key, value in at.items() if key != "point"}) or str(at.get("point"))


def _words(facts: Mapping[str, Any]) -> str:
    return _short(", ".join(f"{key}: {_value(value)}" for key, value in facts.items() if value is not None))


def _value(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, default=repr)


def _short(text: str) -> str:
    return text if len(text) <= _LONGEST_TEXT else f"{text[:_LONGEST_TEXT]}…"

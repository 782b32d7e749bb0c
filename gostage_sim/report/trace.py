"""trace.json: the run in time for https://ui.perfetto.dev, in Chrome's JSON format of trace events,
https://docs.google.com/document/d/1CvAClvFfyA5R-PhYUmn5OOQtYMH4h6I0nSsKchNAySU.

Every scenario on a transport has a process of the trace for its parent and one for each child, with their own numbers:
those of the system may come twice in a run. Times are microseconds since the first spawn of the run.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import msgspec

from gostage_sim.guarantees.contract import Verdict
from gostage_sim.report.escape import terminal_safe_json, visible_line
from gostage_sim.report.json_report import plain
from gostage_sim.report.picture.model import Density, FaultStory, Lane, Picture
from gostage_sim.report.run_report import Run
from gostage_sim.report.stories import Story

#: Of counts over time, in all; those of what did not pass come first, and the file says how many results have none.
MOST_COUNTS = 300_000

#: Numbers of the trace's processes that a scenario has for itself.
_ROOM = 1000
_LIFE, _FAULTS, _HELD = 1, 2, 3

Event = dict[str, Any]


def render(run: Run, stories: Sequence[Story]) -> str:
    """The document, an event a line."""
    pictures = [(number, story, story.picture) for number, story in enumerate(stories, 1) if story.picture is not None]
    first_ns = min((picture.start_ns for _, _, picture in pictures), default=0)
    lines: list[str] = []
    counts = without = 0
    for number, story, picture in sorted(pictures, key=lambda each: each[1].result.verdict is Verdict.PASS):
        scene = _Scene(number, story, picture, (picture.start_ns - first_ns) / 1e3)
        lines += map(_line, scene.events())
        counted = list(scene.counts())
        if counts + len(counted) > MOST_COUNTS:
            without += 1
            continue
        counts += len(counted)
        lines += map(_line, counted)
    facts = {
        "gostage-sim": run.version,
        "seed": str(run.seed),
        "verdict": str(run.verdict),
        "started_at": run.started_at,
        "results": str(len(stories)),
        "without a history": str(len(stories) - len(pictures)),
        "without counts of messages, which would make the file too large": str(without),
        "messages": "aggregated: counters say how many were sent and handled in a column of time",
    }
    other = msgspec.json.encode(facts).decode()
    return f'{{"displayTimeUnit": "ms", "otherData": {other}, "traceEvents": [\n' + ",\n".join(lines) + "\n]}\n"


class _Scene:
    """One result as events."""

    def __init__(self, number: int, story: Story, picture: Picture, start_us: float) -> None:
        self._parent = number * _ROOM
        self._story = story
        self._picture = picture
        self._start_us = start_us

    def events(self) -> Iterator[Event]:
        result, picture = self._story.result, self._picture
        title = f"{result.scenario} [{result.transport}]"
        parent = picture.parent
        yield from self._named(self._parent, f"{title}: parent", f"pid {parent.pid}", result.verdict)
        yield self._span(self._parent, _LIFE, f"parent: {parent.ended}", 0.0, parent.exit_ms, {"pid": parent.pid})
        if picture.window is not None:
            yield self._span(self._parent, _FAULTS, "time of faults", *picture.window, {})
        places = {}
        for place, lane in enumerate(picture.lanes, self._parent + 1):
            places[lane.name] = place
            yield from self._named(place, f"{title}: {lane.name}", f"pid {lane.pid}, {lane.role}", None)
            yield from self._lane(place, lane)
        for fault in picture.faults:
            if fault.child in places:
                yield from self._fault(places[fault.child], fault)

    def counts(self) -> Iterator[Event]:
        parent = self._picture.parent
        for ms, size in parent.memory:
            yield self._count(self._parent, "anonymous memory, bytes", ms, {"bytes": size})
        for ms, gap in parent.beats:
            yield self._count(self._parent, "gap between heartbeats, ms", ms, {"ms": gap})
        for place, lane in enumerate(self._picture.lanes, self._parent + 1):
            yield from self._messages(place, lane.density)

    def _lane(self, place: int, lane: Lane) -> Iterator[Event]:
        facts = {"pid": lane.pid, "role": lane.role, "ended": lane.ended, "as told by": lane.source}
        if lane.spawned_ms is not None:
            end = lane.exit_ms if lane.exit_ms is not None else lane.returned_ms
            yield self._span(place, _LIFE, f"{lane.name}: {lane.ended}", lane.spawned_ms, end, facts)
            yield self._moment(place, _LIFE, "spawn", lane.spawned_ms, {})
        if lane.exit_ms is not None:
            yield self._moment(place, _LIFE, f"exit: {lane.ended}", lane.exit_ms, facts)
        for ms in lane.stopped:
            yield self._moment(place, _LIFE, "stopped", ms, {})
        for mark in lane.quarantined:
            yield self._moment(place, _LIFE, "quarantine", mark.ms, {"line": mark.text})
        for begin, end in lane.held:
            yield self._span(place, _HELD, "held up by a handler", begin, end, {})

    def _fault(self, place: int, fault: FaultStory) -> Iterator[Event]:
        facts = {"at": fault.at, "parameters": fault.params, "witness": fault.witness, "line": fault.line}
        if fault.armed_ms is not None:
            yield self._moment(place, _FAULTS, f"{fault.kind} armed", fault.armed_ms, facts)
        if fault.fired_ms is not None:
            yield self._span(place, _FAULTS, fault.kind, fault.fired_ms, fault.until_ms, facts)
        for note in fault.notes:
            yield self._moment(place, _FAULTS, f"note of {fault.kind}", note.ms, {"note": note.text})

    def _messages(self, place: int, density: Density) -> Iterator[Event]:
        """A counter keeps its value until the next, so the end of each run of columns is a zero."""
        following = (*density.columns, None)[1:]
        for column, sent, handled, after in zip(density.columns, density.sent, density.handled, following, strict=True):
            yield self._count(place, "messages", column * density.width_ms, {"sent": sent, "handled": handled})
            if after != column + 1:
                end = (column + 1) * density.width_ms
                yield self._count(place, "messages", end, {"sent": 0, "handled": 0})

    def _named(self, place: int, name: str, label: str, verdict: Verdict | None) -> Iterable[Event]:
        labels = label if verdict is None else f"{label}, {verdict}"
        about = {"name": name}, {"labels": labels}, {"sort_index": place}
        for what, facts in zip(("process_name", "process_labels", "process_sort_index"), about, strict=True):
            yield {"ph": "M", "name": what, "pid": place, "tid": 0, "args": facts}
        for thread, called in ((_LIFE, "life"), (_FAULTS, "faults"), (_HELD, "handlers")):
            yield {"ph": "M", "name": "thread_name", "pid": place, "tid": thread, "args": {"name": called}}

    def _at(self, ms: float) -> float:
        """What was just before the first spawn of all is at the beginning: readers want no negative times."""
        return round(max(0.0, self._start_us + ms * 1e3), 3)

    def _span(self, place: int, thread: int, name: str, begin: float, end: float | None, facts: Event) -> Event:
        until = self._picture.span_ms if end is None else end
        length = round(max(0.0, until - begin) * 1e3, 3)
        return self._event("X", place, thread, name, begin, facts) | {"dur": length}

    def _moment(self, place: int, thread: int, name: str, ms: float, facts: Event) -> Event:
        return self._event("i", place, thread, name, ms, facts) | {"s": "t"}

    def _count(self, place: int, name: str, ms: float, facts: Event) -> Event:
        return self._event("C", place, 0, name, ms, facts)

    def _event(self, phase: str, place: int, thread: int, name: str, ms: float, facts: Event) -> Event:
        return {"ph": phase, "name": name, "ts": self._at(ms), "pid": place, "tid": thread, "args": facts}


def _line(event: Event) -> str:
    """As JSON; names of children and texts of bad lines are shown by who reads it, so they are made visible."""
    return terminal_safe_json(msgspec.json.encode(_shown(plain(event))).decode())


def _shown(value: Any) -> Any:
    if isinstance(value, str):
        return visible_line(value)
    return {key: _shown(item) for key, item in value.items()} if isinstance(value, dict) else value

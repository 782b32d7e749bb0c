"""Builds the history of one run from its folder: the plan and the journals of children, subject and observer.

It trusts no file: what is missing, torn or unreadable becomes a line in `History.problems`, and the rest is used.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gostage_sim.history import journal
from gostage_sim.history.model import (
    ChildHistory,
    Descendant,
    FaultRecord,
    HandlerExit,
    History,
    KernelExit,
    Leftover,
    Messages,
    ParentHistory,
    Quarantined,
    RawFrame,
    Resources,
    SpawnReport,
    StoreWrite,
    Window,
)
from gostage_sim.history.read import Event, JournalFile, read_journal

PLAN_NAME = "plan.json"
SUBJECT_NAME = "subject.journal"
HEART_NAME = "heart.journal"
OBSERVER_NAME = "observer.journal"
STDERR_NAME = "subject.stderr"
#: The folder of the same scenario without its faults, where that was run too.
TWIN_NAME = "twin"
#: Why nothing can be judged, where that was known before the folder was kept: a text. Others do not have the file.
LOST_NAME = "lost.txt"

#: Changes with every change of plan or journals after which an older reader would judge otherwise.
SCHEMA = "gostage-sim/history/1"

_STDERR_BYTES = 16 << 10
#: Points of faults that the subject does itself; it is the subject's journal that tells of them.
_IN_PARENT = ("spawn", "handler")
_EMPTY = JournalFile()


class OtherSchemaError(ValueError):
    """You get it for a history that another version wrote in a way that this one does not know. Its text says which."""


def read_plan(folder: Path) -> dict[str, Any]:
    """The plan of the run in this folder, which says how the rest is read.

    OSError or ValueError when it cannot be read, OtherSchemaError when it is not for this version.
    """
    plan = json.loads((folder / PLAN_NAME).read_text("utf-8"))
    if not isinstance(plan, dict):
        raise ValueError("it holds no plan")
    if plan.get("schema") != SCHEMA:
        raise OtherSchemaError(f"its schema is {plan.get('schema', 'not said')!r}, this version reads {SCHEMA!r}")
    return plan


def collect(folder: Path) -> History:
    """The history of the run in this folder; the errors of `read_plan` when not even its plan can be read."""
    plan = read_plan(folder)
    sources = _Sources.read(folder, plan)
    unattributed = sources.subject.handled.get(journal.STRANGER, Messages())
    if len(unattributed):
        sources.problems.append(f"{len(unattributed)} messages were handled in the name of a child that nobody knows")
    parent = _parent(folder, sources)
    if parent.baseline is None:
        last = next((line for line in reversed(parent.stderr_tail.splitlines()) if line.strip()), "nothing")
        sources.problems.append(f"the parent never came to its first spawn; the last line of its stderr is: {last}")
    twin = _twin(folder, sources.lost) if plan.get("twin") else None
    children = tuple(_child(index, planned, sources) for index, planned in enumerate(plan["children"]))
    return History(
        scenario=plan["scenario"]["name"],
        transport=plan["transport"],
        seed=plan["seed"],
        parent=parent,
        children=children,
        window=_window(sources.observer),
        leftovers=tuple(Leftover(**event.facts) for event in _named(sources.observer, "leftover")),
        descendants=tuple(_descendants(sources.observer)),
        twin=twin,
        unattributed=unattributed,
        handlers=plan.get("handlers", {}),
        expect_run=plan["scenario"].get("expect_run", {}),  # which plans of older versions do not have
        problems=tuple(sources.problems),
        lost=tuple(sources.lost),
        torn=sources.torn,
    )


def _twin(folder: Path, lost: list[str]) -> History | None:
    """What is missing of it is missing of the whole."""
    try:
        twin = collect(folder / TWIN_NAME)
    except (OSError, ValueError) as error:
        lost.append(f"the history without the faults ({TWIN_NAME}) cannot be read: {error}")
        return None
    lost += [f"without the faults: {text}" for text in (*twin.problems, *twin.lost)]
    return twin


@dataclass(slots=True)
class _Sources:
    """The journals of one run, and what is wrong with them."""

    children: list[JournalFile]
    relays: dict[str, JournalFile]
    """By the fault that each serves; a fault that never struck has none."""
    subject: JournalFile
    heart: JournalFile
    observer: JournalFile
    problems: list[str]
    lost: list[str]
    torn: int

    @classmethod
    def read(cls, folder: Path, plan: dict[str, Any]) -> _Sources:
        problems: list[str] = []
        lost: list[str] = []
        torn = 0
        left = {OBSERVER_NAME}  # there was one when the observer had done its work
        killed: set[str] = set()  # on purpose, perhaps in the middle of a record

        def read(name: str, whose: str, *, needed: bool = True) -> JournalFile:
            nonlocal torn
            try:
                found = read_journal(folder / name)
            except FileNotFoundError:
                if name in left:
                    lost.append(f"the journal of {whose} ({name}) is missing")
                elif needed:
                    problems.append(f"there is no journal of {whose}")
                return _EMPTY
            except (OSError, ValueError, KeyError) as error:
                lost.append(f"the journal of {whose} ({name}) cannot be read: {error}")
                return _EMPTY
            torn += found.torn
            if found.torn and whose in ("the parent", "the observer") and whose not in killed:
                problems.append(f"the last record in the journal of {whose} is torn")
            return found

        observer = read(OBSERVER_NAME, "the observer")
        files = _first(observer, "files")
        if files is not None:
            left.update(files.facts["names"])
        elif not lost:
            lost.append(f"the journal of the observer ({OBSERVER_NAME}) ends before its work was done")
        if any(note.facts["facts"].get("killed_parent") for note in _named(observer, "note")):
            killed.add("the parent")
        said_hello = {event.facts["child"] for event in _named(observer, "hello")}
        # The largest first: the room that its parts leave behind is used again for the others.
        subject, heart = read(SUBJECT_NAME, "the parent"), read(HEART_NAME, "the parent's heart")
        # A child that never said hello may have died before it could open a journal.
        children = [
            read(child["journal"], child["name"], needed=child["name"] in said_hello) for child in plan["children"]
        ]
        relays = {
            fault["id"]: read(fault["relay"], f"the relay of fault {fault['id']}", needed=False)
            for child in plan["children"]
            for fault in child["faults"]
            if "relay" in fault
        }
        tellers = (observer, subject, *relays.values())
        problems += [event.facts["text"] for source in tellers for event in _named(source, "problem")]
        return cls(children, relays, subject, heart, observer, problems, lost, torn)


def _child(index: int, planned: dict[str, Any], sources: _Sources) -> ChildHistory:
    own = sources.children[index]
    name = planned["name"]
    relays = [sources.relays[fault["id"]] for fault in planned["faults"] if "relay" in fault]
    hello = _first(sources.observer, "hello", child=name)
    report = _first(sources.subject, "report", child=name)
    own_report = None if report is None else _report(report.facts["report"])
    begun = hello or _first(sources.subject, "started", child=name)
    pid = begun.facts["pid"] if begun else own_report.pid if own_report else None
    error = _first(sources.subject, "spawn_error", child=name)
    left = _first(sources.subject, "left", child=name)
    result = _result(own)
    unstartable = _first(sources.observer, "unstartable", child=name)
    spawned_ns = _time(_first(sources.subject, "spawned", child=name))
    returned_ns = _time(_first(sources.subject, "returned", child=name) or left)
    return ChildHistory(
        name=name,
        group=planned["group"],
        role=planned["role"],
        timeout_s=planned["timeout_s"],
        grace_s=planned["grace_s"],
        meets=planned.get("meets", True),
        ends_daemons=planned.get("end_daemons", False),
        pid=pid,
        spawned_ns=spawned_ns,
        returned_ns=returned_ns,
        sent=own.sent,
        handed_over=own.handed_over,
        handed_over_bytes=own.handed_over_bytes,
        longest_below=max((event.facts["below"] for event in _named(own, "longest")), default=1 << 16),
        waits=max((event.facts["writes"] for event in _named(own, "full")), default=0),
        handled=sources.subject.handled.get(index, Messages()),
        raw=(*_raw_frames(own), *_broken_lines(own, relays)),
        result=None if result is None else result.facts["says"],
        result_error=None if result is None else result.facts.get("error"),
        limits=planned.get("limits", {}),
        faults=tuple(_fault(fault, name, own, sources) for fault in planned["faults"]),
        exit=_exit(name, pid, sources),
        stopped_ns=tuple(event.t_ns for event in _named(sources.observer, "stopped", child=name)),
        report=own_report,
        expect=planned["expect"],
        expected_messages=planned["expected_messages"],
        expected_types=None if planned.get("expected_types") is None else tuple(planned["expected_types"]),
        expected_store=planned.get("expected_store", {}),
        store_writes=_store_writes(own),
        wave=planned.get("wave", 1),
        spawn_error=None if error is None else error.facts["text"],
        handler_exit=None if left is None else HandlerExit(left.facts["error"], left.facts["gone"]),
        unstartable=None if unstartable is None else unstartable.facts["errno"],
        held=tuple((event.facts["since_ns"], event.t_ns) for event in _named(sources.subject, "held", child=name)),
        raised=sources.subject.raised.get(index, ()),
        rejected=tuple(event.facts["position"] for event in _named(sources.subject, "rejected", child=name)),
        clock_ahead_s=_clock_ahead_s(sources.subject, spawned_ns, returned_ns),
    )


def _clock_ahead_s(subject: JournalFile, spawned_ns: int | None, returned_ns: int | None) -> float:
    """The steps forward in between; one back is no time."""
    steps = (event for event in _named(subject, "clock_stepped") if event.facts["seconds"] > 0)
    if spawned_ns is None:
        return 0.0
    within = (step for step in steps if spawned_ns <= step.t_ns and (returned_ns is None or step.t_ns <= returned_ns))
    return float(sum(step.facts["seconds"] for step in within))


def _store_writes(own: JournalFile) -> tuple[StoreWrite, ...] | None:
    if any(event.name == "called" for event in own.events):
        return None
    return tuple(
        StoreWrite(event.facts["key"], event.facts.get("value"), event.name == "deleted")
        for event in own.events
        if event.name in ("put", "deleted")
    )


def _result(own: JournalFile) -> Event | None:
    """What the last one said. It is recorded before its message, so it counts once that message was written too."""
    written = [event for event in _named(own, "result") if event.sent_before < own.handed_over]
    return written[-1] if written else None


def _raw_frames(own: JournalFile) -> Iterator[RawFrame]:
    last_cut = next((event for event in reversed(own.events) if event.name == "cut"), None)
    for event in own.events:
        before = event.sent_before
        facts = event.facts
        if event.name == "raw":
            yield RawFrame(
                event.t_ns,
                facts["offset"],
                facts["length"],
                facts["must_quarantine"],
                before,
                facts["note"],
                facts.get("request", False),
            )
        elif event is last_cut and own.handed_over < before:
            # The last message was never written to its end. It is among those sent, but not before its own bytes.
            yield RawFrame(
                event.t_ns,
                facts["offset"],
                facts["length"],
                True,
                before - 1,
                "cut off inside a message",
                up_to=facts.get("up_to"),
            )


def _broken_lines(own: JournalFile, relays: list[JournalFile]) -> Iterator[RawFrame]:
    """What relays handed on in place of a message of the child. The one it was is among those before it; behind the
    last line of all, which was cut off, no other came to the parent."""
    sent = len(own.sent)
    for event in (event for relay in relays for event in _named(relay, "note")):
        facts = event.facts["facts"]
        if "broke" in facts:
            before = min(facts.get("line", sent), sent)
            yield RawFrame(event.t_ns, facts["broke"], facts["length"], True, before, "broken on its way")


def _fault(planned: dict[str, Any], child: str, own: JournalFile, sources: _Sources) -> FaultRecord:
    id = planned["id"]
    by, struck = ("parent", sources.subject) if planned["at"]["point"] in _IN_PARENT else ("child", own)
    notes = [
        {"t_ns": event.t_ns, **event.facts["facts"], "by": who}
        for who, source in (
            (by, struck),
            ("observer", sources.observer),
            ("relay", sources.relays.get(id, _EMPTY)),
        )
        for event in _named(source, "note", fault=id)
    ]
    return FaultRecord(
        id=id,
        kind=planned["kind"],
        params=planned["params"],
        at=planned["at"],
        child=child,
        armed_ns=_time(_first(struck, "armed", fault=id)),
        fired_ns=_time(_first(struck, "fired", fault=id)),
        over_ns=_time(_first(struck, "over", fault=id)),
        notes=tuple(sorted(notes, key=lambda note: note["t_ns"])),
    )


def _exit(name: str, pid: int | None, sources: _Sources) -> KernelExit | None:
    """The observer's word, dated when the process was seen to be gone; else what was peeked in the subject."""
    gone = _first(sources.observer, "gone", child=name)
    seen = _first(sources.observer, "exit", child=name)
    if seen is not None:
        facts = {key: seen.facts[key] for key in ("exit_code", "signal", "source")}
        return KernelExit((gone or seen).t_ns, **facts)
    peeked = None if pid is None else _first(sources.subject, "kernel", pid=pid)
    if peeked is None:
        return None
    exit_code, signal = peeked.facts["exit_code"], peeked.facts["signal"]
    return KernelExit((gone or peeked).t_ns, exit_code, signal, "waitid")


def _report(facts: dict[str, Any]) -> SpawnReport:
    return SpawnReport(**{**facts, "malformed": tuple(Quarantined(*line) for line in facts["malformed"])})


def _parent(folder: Path, sources: _Sources) -> ParentHistory:
    observer = sources.observer
    started = _first(observer, "subject")
    ended = _first(observer, "subject_exit")
    alive = _first(observer, "alive")
    overdue = _first(observer, "overdue")
    finished = _first(sources.subject, "finished")
    try:
        stderr = (folder / STDERR_NAME).read_bytes()[-_STDERR_BYTES:].decode("utf-8", "replace")
    except OSError:
        stderr = ""
    return ParentHistory(
        pid=started.facts["pid"] if started else 0,
        alive=alive is not None and alive.facts["alive"],
        heartbeats_ns=sources.heart.beats_ns,
        exit=None if ended is None else KernelExit(ended.t_ns, **ended.facts),
        finished=finished is not None,
        refused_calls=0 if finished is None else finished.facts["refused_calls"],
        strangers=None if finished is None else finished.facts.get("strangers"),
        overdue_s=None if overdue is None else overdue.facts["after_s"],
        unhandled=tuple(event.facts["text"] for event in _named(sources.subject, "unhandled")),
        baseline=next(_resources(observer, "baseline"), None),
        samples=tuple(_resources(observer, "sample")),
        final=next(_resources(observer, "final"), None),
        stderr_tail=stderr,
    )


def _descendants(observer: JournalFile) -> Iterator[Descendant]:
    for event in _named(observer, "descendant"):
        gone = _time(_first(observer, "descendant_gone", pid=event.facts["pid"]))
        yield Descendant(**event.facts, gone_ns=gone)


def _resources(observer: JournalFile, name: str) -> Iterator[Resources]:
    return (Resources(**event.facts) for event in _named(observer, name))


def _window(observer: JournalFile) -> Window | None:
    opened = _time(_first(observer, "window_opened"))
    return None if opened is None else Window(opened, _time(_first(observer, "window_closed")))


def _named(source: JournalFile, name: str, **facts: Any) -> Iterator[Event]:
    """The events of this name that hold these facts, in their order."""
    for event in source.events:
        if event.name == name and all(event.facts.get(key) == value for key, value in facts.items()):
            yield event


def _first(source: JournalFile, name: str, **facts: Any) -> Event | None:
    return next(_named(source, name, **facts), None)


def _time(event: Event | None) -> int | None:
    return None if event is None else event.t_ns

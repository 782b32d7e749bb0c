"""Builds histories by hand: a clean one of a crash with two siblings, to be damaged by each test in its own way."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any
from zlib import crc32

import numpy as np

from gostage_sim.history.model import (
    MESSAGE_DTYPE,
    ChildHistory,
    FaultRecord,
    History,
    KernelExit,
    Messages,
    ParentHistory,
    RawFrame,
    Resources,
    Role,
    SpawnReport,
    Window,
)

SECOND = 1_000_000_000
MS = 1_000_000
OPENED, CLOSED = 2 * SECOND, 3 * SECOND
#: The heart beats every 100 ms from 0 to 6 s.
BEATS = np.arange(0, 6 * SECOND, SECOND // 10, dtype=np.uint64)

#: One message: its type and its payload as text.
Message = tuple[str, str]


def messages(content: Sequence[Message], times: Sequence[int]) -> Messages:
    """These messages at these times."""
    types = tuple(dict.fromkeys(kind for kind, _ in content))
    rows = np.zeros(len(content), MESSAGE_DTYPE)
    for index, ((kind, payload), t_ns) in enumerate(zip(content, times, strict=True)):
        rows[index] = (t_ns, types.index(kind), crc32(f"{kind} {payload}".encode()))
    return Messages(rows, types)


def content(count: int) -> list[Message]:
    """Messages of two types in turn, all different: message 1 is a `log`, message 2 a `store_put`, …"""
    return [("store_put" if number % 2 else "log", str(number)) for number in range(count)]


def child(name: str, role: Role, sent: Sequence[Message], *, pid: int, times: Sequence[int]) -> ChildHistory:
    """A child that completed: all its messages handled, each a millisecond after the next one was sent."""
    last = times[-1] if len(times) else SECOND
    handled = [*(int(after) + MS for after in times[1:]), last + MS]
    with_result = [*sent, ("final_store", name), ("workflow_result", name)]
    return ChildHistory(
        name=name,
        group=name.partition("[")[0],
        role=role,
        timeout_s=20.0,
        grace_s=1.0,
        pid=pid,
        spawned_ns=times[0] - SECOND // 2,
        returned_ns=last + 200 * MS,
        sent=messages(with_result, [*times, last, last]),
        handed_over=len(with_result),
        handled=messages(sent, handled[: len(sent)]),
        result="success",
        exit=KernelExit(last + 100 * MS, 0, None, "pidfd"),
        report=SpawnReport("completed", 0, None, pid),
        expected_messages=len(sent),
    )


def handled_as(child: ChildHistory, seen: Sequence[Message]) -> ChildHistory:
    """The same child, but handlers saw these messages."""
    first = int(child.sent.rows["t_ns"][0]) + 5 * MS
    return replace(child, handled=messages(seen, [first + index for index in range(len(seen))]))


def victim(sent: int = 20, **changes: Any) -> ChildHistory:
    """A child killed by SIGSEGV in the window, after the last of its messages was handed over and handled."""
    times = [SECOND + index * 50 * MS for index in range(sent)]
    clean = child("victim", "victim", content(sent), pid=100, times=times)
    died = OPENED + 100 * MS
    crash = FaultRecord(
        id="victim.1",
        kind="crash",
        params={"signal": "SIGSEGV"},
        at={"point": "message", "message": sent},
        child="victim",
        armed_ns=SECOND // 2,
        fired_ns=OPENED + 50 * MS,
        notes=({"t_ns": OPENED + 50 * MS, "by": "child", "how": "a read through a bad pointer"},),
    )
    facts: dict[str, Any] = {
        "sent": messages(content(sent), times),
        "handed_over": sent,
        "result": None,
        "faults": (crash,),
        "exit": KernelExit(died, None, "SIGSEGV", "pidfd"),
        "returned_ns": died + 50 * MS,
        "report": SpawnReport("signaled", None, "SIGSEGV", 100),
        "expected_messages": None,
    }
    return replace(clean, **facts | changes)


def sibling(number: int, **changes: Any) -> ChildHistory:
    """A child that sent ten messages before, ten during and ten after the window."""
    times = [phase * SECOND + SECOND // 4 + index * 10 * MS for phase in (1, 2, 3) for index in range(10)]
    return replace(
        child(f"sibling[{number}]", "sibling", content(30), pid=200 + number, times=times),
        **changes,
    )


def recovery(**changes: Any) -> ChildHistory:
    """The fresh child at the end."""
    times = [4 * SECOND, 4 * SECOND + MS, 4 * SECOND + 2 * MS]
    return replace(child("recovery", "recovery", content(3), pid=300, times=times), **changes)


def resources(t_ns: int, **changes: int) -> Resources:
    """What the parent holds at rest."""
    rest = {
        "processes": 0,
        "zombies": 0,
        "fds": 8,
        "sockets": 1,
        "threads": 2,
        "temp_files": 1,
        "rss_anon_bytes": 2**24,
    }
    return Resources(t_ns, **rest | changes)


def parent(**changes: Any) -> ParentHistory:
    """A parent that lived through it all and holds nothing more than before."""
    facts: dict[str, Any] = {
        "pid": 50,
        "alive": True,
        "heartbeats_ns": BEATS,
        "finished": True,
        "baseline": resources(0),
        "samples": (resources(SECOND, processes=3, fds=20), resources(OPENED, processes=3, zombies=1, fds=17)),
        "final": resources(5 * SECOND),
    }
    return ParentHistory(**facts | changes)


def history(*children: ChildHistory, **changes: Any) -> History:
    """By default: a victim, two siblings, the recovery, and nothing wrong."""
    facts: dict[str, Any] = {
        "scenario": "by hand",
        "transport": "json",
        "seed": 1,
        "parent": parent(),
        "children": children or (victim(), sibling(1), sibling(2), recovery()),
        "window": Window(OPENED, CLOSED),
    }
    return History(**facts | changes)


def bad_frame(offset: int, sent_before: int, note: str = "not_json") -> RawFrame:
    """A line no parent may take for a message."""
    return RawFrame(SECOND, offset, 22, must_quarantine=True, sent_before=sent_before, note=note)

"""From a history to its picture."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import msgspec
import numpy as np
import pytest

from gostage_sim.history.model import ChildHistory, FaultRecord, KernelExit, Quarantined, SpawnReport
from gostage_sim.report.json_report import plain
from gostage_sim.report.picture.draw import MOST_FAULTS, MOST_LANES, draw
from gostage_sim.report.picture.model import Picture

from ...guarantees.histories import (
    MS,
    OPENED,
    SECOND,
    content,
    handled_as,
    history,
    messages,
    parent,
    recovery,
    sibling,
    victim,
)


def drawn(*children: ChildHistory, **changes: Any) -> Picture:
    times = np.array([SECOND, OPENED], "u8"), np.array([3.0, 5.0])
    return draw(history(*children, **changes), lines={"victim#1": 7}, witnesses=["killed by SIGSEGV"], handlers=times)


def test_a_crash() -> None:
    """A lane for each child, the victim first, its end as the kernel saw it, the fault from plan to witness."""
    fault = replace(victim().faults[0], id="victim#1")
    picture = drawn(sibling(1), victim(faults=(fault,)), recovery())
    assert [(lane.name, lane.ended) for lane in picture.lanes] == [
        ("victim", "SIGSEGV"),
        ("sibling[1]", "exit 0"),
        ("recovery", "exit 0"),
    ]
    (story,) = picture.faults
    begin = picture.start_ns
    assert (story.line, story.at, story.witness) == (7, "message: 20", "killed by SIGSEGV")
    assert story.fired_ms == round((OPENED + 50 * MS - begin) / 1e6, 4)
    assert story.over_ms is None
    assert story.until_ms == picture.lanes[0].exit_ms == round((OPENED + 100 * MS - begin) / 1e6, 4)
    assert story.notes[0].text == "child: how: a read through a bad pointer"
    assert picture.messages == sum(sum(lane.density.handled) for lane in picture.lanes) == 20 + 30 + 3


@pytest.mark.parametrize(
    ("seen", "agree", "difference"),
    [
        (content(20), 20, None),
        (content(12), 12, "the 13. sent, log with checksum [0-9a-f]{8}, handed over, was not handled"),
        (
            [*content(5), *content(20)[6:]],
            5,
            "the 6. handled is log with checksum .*; store_put with checksum .* was sent",
        ),
        ([*content(20), ("odd", "x")], 20, "the 21. handled is odd with checksum .*; nothing more was sent"),
    ],
    ids=["none", "lost at the end", "lost in the middle", "invented"],
)
def test_the_first_difference(seen: list[tuple[str, str]], agree: int, difference: str | None) -> None:
    """Sent against handled, message by message, until they are not the same."""
    ledger = drawn(handled_as(victim(), seen)).lanes[0].ledger
    assert ledger is not None
    assert (ledger.sent, ledger.handled, ledger.agree) == (20, len(seen), agree)
    assert re.fullmatch(str(difference), str(ledger.difference)), ledger.difference


def test_bad_lines_stand_behind_the_message_before_them() -> None:
    """At the time at which that message was handled."""
    report = SpawnReport(
        "signaled", None, "SIGSEGV", 100, malformed_count=40, malformed=(Quarantined(90, 5, "bad", 3),)
    )
    (lane, *_) = drawn(victim(report=report)).lanes
    assert lane.quarantined_count == 40
    (mark,) = lane.quarantined
    assert mark.text == "5 bytes at offset 90, after message 3: bad"
    third = int(victim().handled.rows["t_ns"][2])
    assert mark.ms == round((third - drawn(victim()).start_ns) / 1e6, 4)


def test_latencies_are_of_messages_that_belong_together() -> None:
    """Behind a lost message nobody knows which those are."""
    times = [SECOND + index * MS for index in range(20)]
    slow = messages(content(20), [at + (index + 1) * 1000 for index, at in enumerate(times)])
    child = replace(victim(), sent=messages(content(20), times), handled=slow)
    assert drawn(child).latency.overall == (10.5, 18.1, 19.8, 20.0)
    lost = replace(child, handled=replace(slow, rows=np.delete(slow.rows, 10)))
    assert (drawn(child).latency.count, drawn(lost).latency.count) == (20, 10)
    assert drawn(child).handlers.overall == (4.0, 4.8, 5.0, 5.0)


def test_a_foreign_program_has_no_ledger() -> None:
    """What it sent nobody knows."""
    assert drawn(victim(role="foreign")).lanes[0].ledger is None


def test_a_run_of_which_little_was_recorded() -> None:
    """No spawn, no exit, no heartbeat: a picture all the same, and JSON can hold it."""
    nothing = replace(victim(), spawned_ns=None, returned_ns=None, exit=None, report=None, pid=None, faults=())
    empty = replace(nothing, sent=messages([], []), handled=messages([], []))
    picture = drawn(empty, parent=parent(heartbeats_ns=np.zeros(0, "u8"), baseline=None, samples=(), final=None))
    assert picture.lanes[0].ended == "not seen"
    msgspec.json.encode(plain(picture))


def test_a_picture_is_bounded() -> None:
    """Many children, faults, notes and messages: counted, and only so many drawn, victims before all others."""
    crowd = [replace(sibling(number), name=f"s{number}") for number in range(MOST_LANES)]
    faults = tuple(
        FaultRecord(f"victim#{n}", "noop", {"text": "x" * 10_000}, {"point": "message", "message": n}, "victim")
        for n in range(MOST_FAULTS + 5)
    )
    picture = drawn(*crowd, victim(2000, faults=faults, exit=KernelExit(9 * SECOND, 0, None, "pidfd")))
    assert (picture.lanes[0].name, len(picture.lanes), picture.lanes_count) == ("victim", MOST_LANES, MOST_LANES + 1)
    assert (len(picture.faults), picture.faults_count) == (MOST_FAULTS, MOST_FAULTS + 5)
    assert sum(picture.lanes[0].density.sent) == 2000
    assert len(msgspec.json.encode(plain(picture))) < 150_000

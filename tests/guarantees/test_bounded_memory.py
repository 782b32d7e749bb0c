"""Guarantee `bounded-memory`."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from gostage_sim.guarantees.bounded_memory import BoundedMemory
from gostage_sim.guarantees.contract import Judgement, Verdict
from gostage_sim.history.model import History, KernelExit, ParentHistory

from .histories import MS, SECOND, history, parent, recovery, resources, sibling, victim

#: By JSON, with two children: 8 MiB, and for each 1 MiB and four lines of 64 KiB.
BOUND = (8 << 20) + 2 * (1 << 20) + 8 * (64 << 10)
REST = resources(0).rss_anon_bytes


def grown(by: int, samples: int = 3) -> ParentHistory:
    """A parent that was counted so often while the victim sent, and at last held so much more."""
    times = [SECOND + index * 50 * MS for index in range(samples)]
    held = [REST] * (samples - 1) + [REST + by]
    return parent(samples=tuple(resources(at, rss_anon_bytes=now) for at, now in zip(times, held, strict=True)))


def flooded(**changes: Any) -> History:
    facts: dict[str, Any] = {"handed_over_bytes": 10 * BOUND, "waits": 8}
    return history(victim(**facts | changes), sibling(1), parent=grown(BOUND))


def judged(found: History) -> Judgement:
    assert BoundedMemory().applies(found)
    return BoundedMemory().judge(found)


def test_holds() -> None:
    """A parent through which ten times its bound went, and that grew by no more than that."""
    judgement = judged(flooded())
    assert (judgement.verdict, judgement.reason) == (
        Verdict.PASS,
        "105MiB sent and the parent grew by 10.5MiB of 10.5MiB; victim found no room for at least 8 writes",
    )


def test_hoarded() -> None:
    """One byte more is too much, even where the parent seemed to be in time."""
    grew = history(*flooded(waits=0).children, parent=grown(BOUND + 4096))
    judgement = judged(grew)
    assert (judgement.verdict, judgement.reason) == (
        Verdict.FAIL,
        "the parent grew by 10.5MiB while its children sent 105MiB; at most 10.5MiB is expected",
    )


def test_the_bound() -> None:
    """gRPC needs more, and a longer line has to be somewhere."""
    for changes in ({"transport": "grpc"}, {}):
        long = victim(handed_over_bytes=1 << 32, waits=1, longest_below=(8 << 20) * (not changes) or 1 << 16)
        found = history(long, sibling(1), parent=grown(24 << 20), **changes)
        assert judged(found).verdict is Verdict.PASS


@pytest.mark.parametrize(
    ("changes", "samples", "reason"),
    [
        ({"waits": 0}, 3, "victim always found room for what it wrote, so nothing held it back"),
        ({}, 2, "what the parent held was counted 2 times while victim sent; at least 3 are needed"),
    ],
    ids=["never full", "not counted"],
)
def test_unknown(changes: dict[str, Any], samples: int, reason: str) -> None:
    """A child that never had to wait says nothing about what held it back; nor a parent that nobody looked at."""
    judgement = judged(history(*flooded(**changes).children, parent=grown(0, samples)))
    assert (judgement.verdict, judgement.reason) == (Verdict.UNKNOWN, reason)


def test_never_counted() -> None:
    """Without a baseline there is no growth."""
    judgement = judged(history(*flooded().children, parent=parent(baseline=None)))
    assert (judgement.verdict, judgement.reason.partition(" (")[0]) == (
        Verdict.UNKNOWN,
        "what the parent held was never counted",
    )


def test_applies() -> None:
    """Not where less was sent than would show, nor to a parent that was killed."""
    assert not BoundedMemory().applies(flooded(handed_over_bytes=10 * BOUND - 1))
    assert not BoundedMemory().applies(history(*flooded().children, recovery()))
    note = {"t_ns": 1, "by": "observer", "killed_parent": "SIGKILL"}
    killed = victim(faults=(replace(victim().faults[0], notes=(note,)),), handed_over_bytes=10 * BOUND)
    dead = parent(alive=False, finished=False, exit=KernelExit(5 * SECOND, None, "SIGKILL", "waitpid"))
    assert not BoundedMemory().applies(history(killed, sibling(1), parent=dead))

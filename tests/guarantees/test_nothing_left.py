"""Guarantee `nothing-left`."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gostage_sim.guarantees.contract import Verdict
from gostage_sim.guarantees.nothing_left import NothingLeft
from gostage_sim.history.model import ChildHistory, Leftover

from .histories import SECOND, history, parent, resources, sibling, victim

SLEEPER = Leftover(77, "S", "sleep 1000")


def with_daemon(pid: int) -> ChildHistory:
    """A victim whose fault noted that it started this daemon."""
    crash = victim().faults[0]
    return victim(faults=(replace(crash, kind="stray", notes=({"t_ns": 1, "by": "child", "daemon": pid},)),))


def test_holds() -> None:
    """A parent back at its baseline after a peak holds nothing more."""
    found = NothingLeft().judge(history())
    assert found.verdict is Verdict.PASS
    assert found.reason == "back to the baseline after a peak of 3 processes, 20 open file descriptors"


@pytest.mark.parametrize(
    ("counter", "reason"),
    [
        ("processes", "7 processes after the last spawn, 0 before the first"),
        ("zombies", "7 zombies after the last spawn, 0 before the first"),
        ("fds", "15 open file descriptors after the last spawn, 8 before the first"),
        ("sockets", "8 sockets after the last spawn, 1 before the first"),
        ("threads", "9 threads after the last spawn, 2 before the first"),
        ("temp_files", "8 temporary files after the last spawn, 1 before the first"),
    ],
)
def test_violated(counter: str, reason: str) -> None:
    """Each counter that is not back is a violation."""
    final = resources(5 * SECOND, **{counter: getattr(resources(0), counter) + 7})
    found = NothingLeft().judge(history(parent=parent(final=final)))
    assert (found.verdict, found.reason) == (Verdict.FAIL, reason)


def test_one_is_one() -> None:
    """A single process is one process."""
    found = NothingLeft().judge(history(parent=parent(final=resources(5 * SECOND, processes=1))))
    assert found.reason == "1 process after the last spawn, 0 before the first"
    found = NothingLeft().judge(history(parent=parent(samples=(resources(SECOND, processes=1, fds=20),))))
    assert found.reason == "back to the baseline after a peak of 1 process, 20 open file descriptors"


def test_leftovers() -> None:
    """A process that the observer had to end is a violation."""
    found = NothingLeft().judge(history(leftovers=(SLEEPER,)))
    assert found.reason == "a process outlived the work and had to be ended: pid 77, state S: sleep 1000"


def test_a_daemon_of_a_fault_is_beyond_the_engine() -> None:
    """A daemon that left its session on purpose was found and ended by the observer, and the reason says so."""
    one_more = parent(final=resources(5 * SECOND, processes=1))
    found = NothingLeft().judge(history(with_daemon(77), sibling(1), parent=one_more, leftovers=(SLEEPER,)))
    assert (found.verdict, found.reason) == (
        Verdict.PASS,
        "back to the baseline after a peak of 3 processes, 20 open file descriptors; 1 daemon that left its child's "
        "session was ended by the observer",
    )


@pytest.mark.parametrize(
    ("daemon", "final", "leftovers", "reason"),
    [
        (78, {"processes": 1}, (SLEEPER,), "1 process after the last spawn, 0 before the first (and 1 more)"),
        (77, {"processes": 2}, (SLEEPER,), "1 process after the last spawn, 0 before the first"),
        (77, {"processes": 1}, (), "1 process after the last spawn, 0 before the first"),
        (
            77,
            {"processes": 1, "fds": 9},
            (SLEEPER,),
            "9 open file descriptors after the last spawn, 8 before the first",
        ),
        (
            77,
            {"processes": 2},
            (SLEEPER, replace(SLEEPER, pid=79)),
            "1 process after the last spawn, 0 before the first (and 1 more)",
        ),
    ],
    ids=["another process", "two processes", "nobody ended it", "a descriptor too", "another one too"],
)
def test_a_daemon_excuses_itself_alone(
    daemon: int, final: dict[str, int], leftovers: tuple[Leftover, ...], reason: str
) -> None:
    """Whatever else is left is the engine's, with and without a daemon beside it."""
    damaged = history(
        with_daemon(daemon), sibling(1), parent=parent(final=resources(5 * SECOND, **final)), leftovers=leftovers
    )
    found = NothingLeft().judge(damaged)
    assert (found.verdict, found.reason) == (Verdict.FAIL, reason)


def test_an_engine_that_was_asked_to_end_daemons_has_no_excuse() -> None:
    """A daemon that the observer had to end is held against it."""
    asked = replace(with_daemon(77), ends_daemons=True)
    left = history(asked, sibling(1), parent=parent(final=resources(5 * SECOND, processes=1)), leftovers=(SLEEPER,))
    assert NothingLeft().judge(left).verdict is Verdict.FAIL


def test_counters_that_never_rose() -> None:
    """A counter that was never seen above its baseline cannot be back."""
    found = NothingLeft().judge(history(parent=parent(samples=(resources(1, processes=2),))))
    assert found.verdict is Verdict.UNKNOWN
    assert found.reason == "open file descriptors were never seen above the 8 of the baseline"


def test_not_counted() -> None:
    """A parent that did not finish, or was not counted, is not judged."""
    for changed, reason in (
        (parent(finished=False), "the parent did not finish its work, so it had no occasion to clean up"),
        (parent(baseline=None), "the parent's resources were not counted before the first spawn"),
        (parent(final=None), "the parent's resources were not counted after the last spawn"),
    ):
        found = NothingLeft().judge(history(parent=changed))
        assert (found.verdict, found.reason) == (Verdict.UNKNOWN, reason)

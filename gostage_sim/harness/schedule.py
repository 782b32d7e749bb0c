"""In which order cases are given to observers that work side by side, and how many of them there are.

Those that wait for a deadline of theirs use no CPU meanwhile. Scenarios of one family stand together in a folder, so in
the order of files all observers would wait at the same time, and compete for the CPUs at another.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from gostage_sim.scenario.transports import Case


def observers(workers: int, running: Iterable[Case]) -> int:
    """How many may run side by side for so many `workers`: one more while one of the `running` waits."""
    return workers + (workers > 1 and any(map(_waits, running)))


def side_by_side(cases: Sequence[Case]) -> list[Case]:
    """Those that wait evenly among those that work; of these, the ones that may take longest first, so that no observer
    is left alone with one at the end."""
    waiting = [case for case in cases if _waits(case)]
    working = sorted((case for case in cases if not _waits(case)), key=lambda case: -case.scenario.timeout)
    placed = [((number + 0.5) / len(some), case) for some in (working, waiting) for number, case in enumerate(some)]
    return [case for _, case in sorted(placed, key=lambda each: each[0])]


def _waits(case: Case) -> bool:
    """Whether it expects of one of its children that the time is over before that is done."""
    expected = {**case.scenario.expect, **case.scenario.expect_on.get(case.transport, {})}
    return any(there.outcome == "timed_out" for there in expected.values())

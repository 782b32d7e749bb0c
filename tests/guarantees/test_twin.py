"""`siblings-unharmed`, where the scenario was run without its faults as well."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gostage_sim.guarantees.contract import Judgement, Verdict
from gostage_sim.guarantees.siblings_unharmed import SiblingsUnharmed
from gostage_sim.history.model import ChildHistory, KernelExit, SpawnReport

from .histories import CLOSED, MS, SECOND, content, handled_as, history, recovery, sibling, victim


def judged(child: ChildHistory, alone: ChildHistory | None = None) -> Judgement:
    """The sibling with the faults, and without."""
    others = () if alone is None else (alone,)
    twin = history(replace(victim(), role="sibling", faults=()), *others, recovery(), window=None)
    return SiblingsUnharmed().judge(history(victim(), child, recovery(), twin=twin))


def test_the_same() -> None:
    """A sibling that did the same in both runs was not harmed, and the delays of both are evidence."""
    judgement = judged(sibling(1), sibling(1))
    assert (judgement.verdict, judgement.reason) == (
        Verdict.PASS,
        "1 sibling sent before, during and after the faults and completed unharmed; the same as without the faults",
    )
    assert judgement.evidence["sibling[1]"]["p99_delay_alone_s"] == judgement.evidence["sibling[1]"]["p99_delay_s"]


def test_another_end() -> None:
    """How it ended is compared with how it ends when nothing happens."""
    harmed = sibling(1, report=SpawnReport("failed", 1, None, 201), exit=KernelExit(CLOSED, 1, None, "pidfd"))
    judgement = judged(harmed, sibling(1))
    assert judgement.evidence["violations"][-1] == (
        "sibling[1] ended as failed, exit code 1, and as completed, exit code 0 without the faults"
    )


@pytest.mark.parametrize(
    ("by_steps", "counted"),
    [
        (True, "1 message (store_put) of sibling[1] handled, and 0"),
        (False, "15 messages (store_put) of sibling[1] handled, and 14"),
    ],
    ids=["steps", "an action"],
)
def test_other_messages(by_steps: bool, counted: str) -> None:
    """By type and content; of a user's action, which may send something else each time, by type alone."""
    child = sibling(1, expected_messages=30 if by_steps else None)
    other = judged(child, handled_as(child, [("log", "another"), *content(30)[1:]]))
    assert other.verdict is (Verdict.FAIL if by_steps else Verdict.PASS)
    fewer = judged(child, handled_as(child, content(29)))
    assert (fewer.verdict, fewer.reason) == (Verdict.FAIL, f"{counted} of that kind without the faults")


def test_later() -> None:
    """A backlog that grew by two seconds is no stall, and harm all the same."""
    slow = sibling(1)
    slow.handled.rows["t_ns"][:] = slow.sent.rows["t_ns"][:30] + 1500 * MS
    slower = sibling(1)
    slower.handled.rows["t_ns"][:] = slower.sent.rows["t_ns"][0] + [index * SECOND for index in range(1, 31)]
    assert judged(slow, sibling(1)).verdict is Verdict.PASS
    judgement = judged(slower, slow)
    assert judgement.verdict is Verdict.FAIL
    assert judgement.reason == (
        "1 of 100 messages of sibling[1] waited 27.623 s or more for its handler, and 1.500 s without the faults; "
        "at most 2.000 s more is expected"
    )


def test_nothing_to_compare_with() -> None:
    """A sibling that does not complete without the faults either says nothing."""
    failed = sibling(1, report=SpawnReport("failed", 1, None, 201))
    for alone in (None, failed):
        judgement = judged(sibling(1), alone)
        assert (judgement.verdict, judgement.reason) == (
            Verdict.UNKNOWN,
            "sibling[1] did not complete without the faults, so nothing can be compared",
        )

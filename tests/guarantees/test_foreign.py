"""What guarantees say of a program that keeps no journal: nothing, and they are not green for that."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from gostage_sim.guarantees import guarantee
from gostage_sim.guarantees.contract import Verdict
from gostage_sim.guarantees.true_verdict import TrueVerdict
from gostage_sim.history.model import ChildHistory, KernelExit, Messages, Quarantined, SpawnReport

from .histories import OPENED, history, sibling, victim

OF_MESSAGES = ["order", "no-loss", "no-duplicate", "no-phantom", "quarantine"]


def foreign(outcome: str = "completed", code: int = 0) -> ChildHistory:
    """It sent ten messages and a bad line, of which only the parent knows."""
    report = SpawnReport(
        outcome, code, None, 900, malformed_count=1, malformed=(Quarantined(7, 3, "not JSON", 1),), error_type="error"
    )
    facts: dict[str, Any] = {
        "name": "foreign",
        "role": "foreign",
        "pid": 900,
        "sent": Messages(),
        "handed_over": 0,
        "result": None,
    }
    end = KernelExit(OPENED, code, None, "waitid")
    return replace(sibling(9), **facts, report=report, exit=end, expected_types=None)


@pytest.mark.parametrize("name", OF_MESSAGES[:-1])
def test_others_are_judged(name: str) -> None:
    """The children beside it bear the verdict, and the reason says of whom it does not speak."""
    found = guarantee(name).judge(history(victim(), sibling(1), foreign()))
    assert found.verdict is Verdict.PASS
    assert found.reason.endswith("; foreign keeps no journal")


@pytest.mark.parametrize("name", OF_MESSAGES)
def test_alone_it_proves_nothing(name: str) -> None:
    """Without a child of ours there is no evidence."""
    assert guarantee(name).judge(history(foreign())).verdict is Verdict.UNKNOWN


@pytest.mark.parametrize(
    ("outcome", "code", "verdict"),
    [
        ("completed", 0, Verdict.PASS),
        ("failed", 7, Verdict.PASS),
        ("exited", 7, Verdict.PASS),
        ("completed", 7, Verdict.FAIL),
    ],
)
def test_its_outcome_is_judged_by_the_kernel(outcome: str, code: int, verdict: Verdict) -> None:
    """Whatever it may have sent as its result."""
    assert TrueVerdict().judge(history(foreign(outcome, code), sibling(1))).verdict is verdict

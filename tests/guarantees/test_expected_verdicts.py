"""A scenario that expects a guarantee to fail."""

from __future__ import annotations

import pytest

from gostage_sim.guarantees.contract import Judgement, Verdict
from gostage_sim.guarantees.expected_verdicts import as_the_scenario_expects

HELD = Judgement("order", Verdict.PASS, "all in order", {"in_flight": 3})


@pytest.mark.parametrize(
    ("found", "turned"),
    [
        (
            Judgement("no-loss", Verdict.FAIL, "one is missing", {"violations": ["one is missing"]}),
            Judgement(
                "no-loss",
                Verdict.PASS,
                "failed, as the scenario expects: one is missing",
                {"violations": ["one is missing"], "expected_verdict": "fail"},
            ),
        ),
        (
            Judgement("no-loss", Verdict.PASS, "none is missing"),
            Judgement(
                "no-loss",
                Verdict.FAIL,
                "expected to fail, and did not: none is missing",
                {"expected_verdict": "fail"},
            ),
        ),
        (Judgement("no-loss", Verdict.UNKNOWN, "nobody saw"), Judgement("no-loss", Verdict.UNKNOWN, "nobody saw")),
    ],
    ids=["failed", "held", "unknown"],
)
def test_the_expected_one_turns_round(found: Judgement, turned: Judgement) -> None:
    """A failure that was expected passes with its evidence, a pass fails, unknown stays, and so do the others."""
    assert as_the_scenario_expects((HELD, found), ["no-loss"]) == (HELD, turned)


def test_an_unexpected_failure_stays_one() -> None:
    """What the scenario does not name must hold."""
    failed = Judgement("no-loss", Verdict.FAIL, "one is missing")
    assert as_the_scenario_expects((HELD, failed), []) == (HELD, failed)


def test_what_was_not_judged_did_not_fail() -> None:
    """A guarantee that had nothing to judge cannot be the failure that was expected."""
    _, missing = as_the_scenario_expects((HELD,), ["quarantine"])
    assert (missing.verdict, missing.reason) == (
        Verdict.FAIL,
        "expected to fail, and did not: this run has nothing for it to judge",
    )

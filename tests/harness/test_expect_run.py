"""What is expected of a whole run, from the file to the verdict."""

from __future__ import annotations

import pytest

from gostage_sim.guarantees.contract import Verdict
from gostage_sim.harness.observer import run_scenario
from gostage_sim.scenario.loader import parse_text
from gostage_sim.scenario.model import TRANSPORTS, Transport

TEXT = """\
name: x
children:
  victim:
    steps: [send: 30]
    faults: [{{malformed: {{form: not_json}}, at: {{message: 10, every: 5, times: 3}}{probability}}}]
  sibling:
    copies: 2
    steps: [log: begin, send: 60]
expect_run: {{{expected}}}
"""


def verdict(expected: str, transport: Transport = "json", probability: str = "") -> tuple[Verdict, str]:
    made = parse_text(TEXT.format(expected=expected, probability=probability), "x.yaml")
    result = run_scenario(made, seed=7, transport=transport)
    return result.verdict, result.reason


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_what_is_right_passes(transport: Transport) -> None:
    """All numbers, exact and within bounds, as the file writes them."""
    expected = (
        "handled: 152, malformed: 3, handler_errors: {at_most: 0}, strangers: 0, refused_calls: 0, "
        "memory_growth: {at_most: 1GiB}, duration: {at_least: 1us, at_most: 10m}"
    )
    assert verdict(expected, transport) == (Verdict.PASS, "")


@pytest.mark.parametrize(
    ("expected", "reason"),
    [
        ("malformed: {at_most: 2}", "as-expected: 3 lines in quarantine in all, at most 2 expected"),
        ("handled: 151", "as-expected: 152 messages handled in all, 151 expected"),
    ],
)
def test_what_is_wrong_fails(expected: str, reason: str) -> None:
    """The recovery and the engine's own messages are not among them."""
    assert verdict(expected) == (Verdict.FAIL, reason)


def test_where_the_seed_leaves_out_a_fault_nothing_is_expected() -> None:
    """As of a child."""
    assert verdict("malformed: 3", probability=", probability: 0.01") == (Verdict.PASS, "")

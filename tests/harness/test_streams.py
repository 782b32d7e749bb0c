"""Faults of the stream in whole scenarios: what relays do to the child, the engine and the observer around them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from gostage_sim.faults.contract import Placement
from gostage_sim.guarantees.contract import Verdict
from gostage_sim.harness.observer import run_scenario
from gostage_sim.history.collect import collect
from gostage_sim.scenario.model import TRANSPORTS, Scenario, Transport

MakeScenario = Callable[..., Scenario]
AT_DEFINITION = Placement("definition")


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_relays_stand_behind_each_other(transport: Transport, scenario: MakeScenario) -> None:
    """The second relay hands on to the first: both leave their witness, and every guarantee holds."""
    made = scenario(
        ("slicer", AT_DEFINITION, {"size": 100}), ("latency", AT_DEFINITION, {"delay": 0.4, "jitter": 0.01})
    )
    result = run_scenario(made, seed=7, transport=transport)
    assert (result.verdict, result.reason) == (Verdict.PASS, "")
    slicer, latency = (fault.witness for fault in result.faults)
    assert slicer is not None
    assert slicer.endswith(" pieces of at most 100")
    assert latency is not None
    assert latency.startswith("each of ")


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_a_relay_goes_with_a_child_that_never_came(
    transport: Transport, scenario: MakeScenario, tmp_path: Path
) -> None:
    """A child that leaves before it sends anything leaves no relay behind."""
    made = scenario(("slicer", AT_DEFINITION, {}), ("exit", AT_DEFINITION, {"code": 3}))
    result = run_scenario(made, seed=7, transport=transport, histories=tmp_path)
    history = collect(Path(result.extra["history"]))
    assert (history.leftovers, history.problems) == ((), ())
    assert {judgement.name: judgement.verdict for judgement in result.guarantees}["nothing-left"] is Verdict.PASS


def test_the_scenario_says_what_must_fail(scenario: MakeScenario) -> None:
    """A message that comes twice passes where no-duplicate is expected to fail, and nowhere else."""
    faults = ("duplicate", AT_DEFINITION, {"message": 20})
    expected, surprised = (
        run_scenario(scenario(faults, expect_verdict=expect), seed=7) for expect in ({"no-duplicate": "fail"}, {})
    )
    assert (expected.verdict, expected.reason) == (Verdict.PASS, "")
    assert surprised.verdict is Verdict.FAIL
    assert surprised.reason.startswith("no-duplicate: victim sent a message (message) 1 time and it was handled 2 ")


def test_a_failure_that_does_not_come_fails(scenario: MakeScenario) -> None:
    """A guarantee that must fail and holds is a failure of the scenario."""
    made = scenario(("noop", Placement("message", message=20), {}), expect_verdict={"no-duplicate": "fail"})
    result = run_scenario(made, seed=7)
    assert result.verdict is Verdict.FAIL
    assert result.reason.startswith("no-duplicate: expected to fail, and did not: ")

"""Which scenarios run where."""

from __future__ import annotations

import pytest

from gostage_sim.scenario.model import Child, Scenario, Send, Transport
from gostage_sim.scenario.transports import Choice, cases_of


def scenario(name: str, *transports: Transport) -> Scenario:
    return Scenario(name=name, transports=transports, children={"a": Child(steps=(Send(),))})


@pytest.mark.parametrize(
    ("choice", "run", "left_out"),
    [
        ("all", [("both", "json"), ("both", "grpc"), ("lines", "json")], []),
        ("json", [("both", "json"), ("lines", "json")], []),
        ("grpc", [("both", "grpc")], [("lines", "grpc")]),
    ],
)
def test_a_scenario_runs_on_the_chosen_transports_that_it_has(
    choice: Choice, run: list[tuple[str, str]], left_out: list[tuple[str, str]]
) -> None:
    """`all` are those it has; one that was chosen and is missing is named, not lost."""
    found = cases_of([scenario("both", "json", "grpc"), scenario("lines", "json")], choice)
    named = [[(case.scenario.name, case.transport) for case in cases] for cases in found]
    assert named == [run, left_out]


def test_a_scenario_that_says_nothing_runs_on_all() -> None:
    """The default of `transports` is all of them."""
    assert Scenario(name="x", children={"a": Child(steps=())}).transports == ("json", "grpc")

"""Which scenarios run on which transport, and which are left out because they do not have the one that was chosen."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple

from gostage_sim.scenario.model import TRANSPORTS, Scenario, Transport

Choice = Literal["json", "grpc", "all"]


class Case(NamedTuple):
    """One scenario on one transport."""

    scenario: Scenario
    transport: Transport


def cases_of(scenarios: Sequence[Scenario], choice: Choice) -> tuple[list[Case], list[Case]]:
    """The cases to run, those of one scenario side by side, and those left out: a chosen transport it does not have.

    `all` chooses of each scenario the transports that it has, and leaves nothing out.
    """
    chosen = TRANSPORTS if choice == "all" else (choice,)
    every = [Case(scenario, transport) for scenario in scenarios for transport in chosen]
    left_out = [case for case in every if case.transport not in case.scenario.transports]
    return [case for case in every if case not in left_out], [] if choice == "all" else left_out

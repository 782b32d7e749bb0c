"""Small scenarios with real processes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from gostage_sim.faults import fault_kind
from gostage_sim.faults.contract import Placement
from gostage_sim.scenario.model import Child, Log, PlacedFault, Scenario, Send

MakeScenario = Callable[..., Scenario]


def placed(kind: str, at: Placement, **params: Any) -> PlacedFault:
    return PlacedFault(fault=fault_kind(kind)(**params), at=at)


@pytest.fixture
def scenario() -> MakeScenario:
    """A victim with these faults, `(kind, placement, parameters)`, and two siblings; everybody sends two types."""

    def make(*faults: tuple[str, Placement, dict[str, Any]], **changes: Any) -> Scenario:
        steps = (Log(message="begin"), Send(count=90, payload={"i": "{i}", "who": "{faker.name}"}))
        victim = Child(
            steps=steps,
            faults=tuple(placed(kind, at, **params) for kind, at, params in faults),
            timeout=changes.pop("victim_timeout", None),
            grace=0.2,
        )
        fields = {
            "name": "a small scenario",
            "children": {"victim": victim, "sibling": Child(steps=steps, copies=2)},
        }
        return Scenario(**(fields | changes))

    return make

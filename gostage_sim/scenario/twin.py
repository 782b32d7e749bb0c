"""The fault-free twin of a scenario: what its siblings are compared with."""

from __future__ import annotations

from typing import Any

from gostage_sim.scenario.model import Scenario


def without_faults(scenario: Scenario) -> Scenario | None:
    """The same children with the same steps, to which nothing is done and of which nothing is expected; None where the
    scenario does not ask for it (`twin`), or has no fault."""
    if not scenario.twin or not any(child.faults for child in scenario.children.values()):
        return None
    children = {name: child.model_copy(update={"faults": ()}) for name, child in scenario.children.items()}
    nothing: dict[str, Any] = {"expect": {}, "expect_on": {}, "expect_run": None, "expect_verdict": {}}
    return scenario.model_copy(update={"children": children, "twin": False, **nothing})

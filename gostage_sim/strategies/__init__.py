"""Hypothesis strategies for scenarios and their parts, in the words of a scenario file.

The map of this room:

* `scenario`   `scenarios()`: whole files, of one transport each
* `victim`     `victims()`: children with faults, so that each of these strikes
* `child`      `siblings()`, `steps()`, and `Course`, which knows how much a child sends until when
* `placing`    `placed_faults()` and `placements()`: a fault at a point that its child reaches
* `parameters` `faults()` and `parameters_of()`: kinds with parameters, from mild to severe, as each declares them
* `fates`      `LEFT_OUT`, and what becomes of a child after a fault, so that a later one still finds it

What they give is plain data, as a YAML file has it: `scenario.loader` reads it, `gostage_child(**child)` runs a child
of it, `yaml_text()` writes it. Kinds of faults from other packages take part.

    from hypothesis import given
    from gostage_sim import strategies

    @given(strategies.scenarios(transports=("json",), kinds=("crash", "freeze")))
    def test_mine(scenario): ...

Hypothesis comes with `pip install 'gostage-sim[fuzz]'`. Nothing is loaded before it is asked for.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gostage_sim.strategies.child import Course, siblings, steps
    from gostage_sim.strategies.fates import LEFT_OUT
    from gostage_sim.strategies.parameters import faults, parameters_of
    from gostage_sim.strategies.placing import placed_faults, placements
    from gostage_sim.strategies.scenario import scenarios, yaml_text
    from gostage_sim.strategies.victim import victims

__all__ = [
    "LEFT_OUT",
    "Course",
    "faults",
    "parameters_of",
    "placed_faults",
    "placements",
    "scenarios",
    "siblings",
    "steps",
    "victims",
    "yaml_text",
]

_MODULES = {
    "LEFT_OUT": "fates",
    "Course": "child",
    "faults": "parameters",
    "parameters_of": "parameters",
    "placed_faults": "placing",
    "placements": "placing",
    "scenarios": "scenario",
    "siblings": "child",
    "steps": "child",
    "victims": "victim",
    "yaml_text": "scenario",
}


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})

"""The bounds of parameters, checked wherever a fault is made: from a scenario file, from Python, in the child."""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gostage_sim.faults.contract import Fault


def check_bounds(fault: Fault) -> None:
    """Call it in `__post_init__`; ValueError for the first parameter outside `ge` and `le` of its field's metadata."""
    for described in fields(fault):  # type: ignore[arg-type]
        value = getattr(fault, described.name)
        least, most = described.metadata.get("ge"), described.metadata.get("le")
        if (least is not None and value < least) or (most is not None and value > most):
            from gostage_sim.faults.describe import bounds_text, value_text

            text = value_text(type(fault), described.name, value)
            raise ValueError(f"{described.name} is {text}; expected {bounds_text(type(fault), described.name)}")

"""Faults that kill the parent: it dies once, and nothing of it is left for a second one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from gostage_sim.faults.kill_parent import KillParent
from gostage_sim.scenario.model import Child, PlacedFault
from gostage_sim.scenario.positions import Path


def killing_problems(placed: Mapping[Path, PlacedFault], children: Mapping[str, Child]) -> Iterator[tuple[Path, str]]:
    """Each fault that comes to a parent which is dead already, by where it stands, and why. Those that the seed may
    leave out are not among them."""
    first: str | None = None
    for path, one in placed.items():
        name = str(path[1])
        child = children.get(name)
        if one.fault.kind != KillParent.kind or one.probability < 1 or child is None:
            continue
        why = f"fault '{one.fault.kind}' ends the parent, which dies once"
        if first is not None:
            yield path, f"{why}; found another at child '{first}'"
        elif child.copies > 1:
            yield path, f"{why}; found copies: {child.copies}"
        elif one.times > 1:
            yield path, f"{why}; found times: {one.times}"
        first = first or name

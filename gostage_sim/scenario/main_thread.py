"""Who is spawned in the parent's main thread, where signals are handled: one child of a wave at most."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from gostage_sim.faults.interrupt_parent import InterruptParent
from gostage_sim.scenario.model import Child, PlacedFault
from gostage_sim.scenario.positions import Path


def main_thread_problems(
    placed: Mapping[Path, PlacedFault], children: Mapping[str, Child]
) -> Iterator[tuple[Path, str]]:
    """Each fault that interrupts the parent at a child that cannot be the one, by where it stands, and why."""
    there: dict[int, str] = {}
    for path, one in placed.items():
        name = str(path[1])
        child = children.get(name)
        if one.fault.kind != InterruptParent.kind or child is None:
            continue
        first = there.setdefault(child.wave, name)
        why = "interrupts the parent in its main thread, where it spawns one child of a wave"
        if child.copies > 1:
            yield path, f"fault '{one.fault.kind}' {why}; found copies: {child.copies}"
        elif first != name:
            yield path, f"fault '{one.fault.kind}' {why}; found another at child '{first}': give this one another wave"

"""What `gostage-sim explain NAME` prints of a guarantee."""

from __future__ import annotations

import inspect

from gostage_sim.guarantees.contract import Judging


def describe(guarantee: Judging) -> str:
    """Its name and docstring, what holds, and what must have been seen before a pass counts."""
    text = inspect.cleandoc(type(guarantee).__doc__ or "")
    return (
        f"{guarantee.name}\n\n{text}\n\n"
        f"Holds when:     {guarantee.holds_when}\n"
        f"Counts only if: {guarantee.counts_only_if}\n"
    )

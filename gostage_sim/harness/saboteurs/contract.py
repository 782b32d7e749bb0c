"""What a saboteur is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

Scene = Literal["crash", "flood", "grandchild", "hang", "killed parent"]
"""Names of the scenarios in `scenes`."""


@dataclass(frozen=True, slots=True)
class Saboteur:
    """One way to break the engine, and the guarantee that must not pass then."""

    name: str
    guarantee: str
    does: str
    sabotage: Callable[[], None]
    scene: Scene = "crash"
    """The scenario in which it shows."""

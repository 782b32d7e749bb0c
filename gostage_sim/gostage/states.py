"""The answers of `stage_states()` and `action_states()`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gostage_sim.gostage.actions import Action
    from gostage_sim.gostage.stage import Stage


@dataclass(frozen=True, slots=True)
class StageState:
    """A stage, whether it is enabled, and its status: pending, running, completed, failed or skipped."""

    stage: Stage
    enabled: bool
    status: str


@dataclass(frozen=True, slots=True)
class ActionState:
    """An action, whether it is enabled at its place, and its status there."""

    action: Action
    enabled: bool
    status: str

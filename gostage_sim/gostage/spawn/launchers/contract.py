"""What a launcher is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from gostage_sim.gostage.definition import SubWorkflowDef
from gostage_sim.gostage.registry import entries
from gostage_sim.gostage.spawn.options import SpawnOptions
from gostage_sim.gostage.spawn.process import Process


class LaunchError(Exception):
    """There is no command that could start a child; the text says what to use instead. Becomes `start_failed`."""


@dataclass(frozen=True, slots=True)
class Launch:
    """One child that shall be started."""

    definition: SubWorkflowDef
    """What it will run. It gets that on its stdin, whatever the launcher does with it."""
    options: SpawnOptions
    depth: int
    """How deep it is below the first program, from 1; children learn it from their environment."""

    def action_ids(self) -> list[str]:
        """Those that the definition names, in its order."""
        return [action.id for stage in self.definition.stages for action in stage.actions]

    def action_modules(self) -> list[str]:
        """Those whose code registered the actions that the definition names, as far as they are known here."""
        known = entries()
        return [known[id].module for id in self.action_ids() if id in known]


class Launcher(Protocol):
    """How children come to be."""

    @property
    def foreign(self) -> bool:
        """True for a program that is not ours: it may end with 0 without a result and still have completed."""
        ...

    def start(self, launch: Launch) -> Process:
        """Start one child; OSError or LaunchError when that is not possible, and then nothing is left of it."""
        ...

"""Saboteurs of `fault-fired`: engines whose children do not get to what the scenario wants of them."""

from __future__ import annotations

from gostage_sim.gostage.definition import SubWorkflowDef
from gostage_sim.gostage.spawn import command
from gostage_sim.gostage.spawn.options import SpawnOptions
from gostage_sim.harness.saboteurs.contract import Saboteur


def _shortens() -> None:
    to_json = SubWorkflowDef.to_json

    def shortened(self: SubWorkflowDef) -> bytes:
        for stage in self.stages:
            del stage.actions[1:]
        return to_json(self)

    SubWorkflowDef.to_json = shortened  # type: ignore[method-assign]


def _mislays() -> None:
    environment_of = command.child_environment

    def without_theirs(options: SpawnOptions, depth: int) -> dict[str, str]:
        return {
            name: value for name, value in environment_of(options, depth).items() if name not in options.environment
        }

    command.child_environment = without_theirs


SABOTEURS = (
    Saboteur("shortens", "fault-fired", "gives children only the first of their steps", _shortens),
    Saboteur("mislays", "fault-fired", "starts children without the variables that are set for them", _mislays),
)

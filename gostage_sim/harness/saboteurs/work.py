"""Saboteurs of `fault-fired`: engines whose children do not get to what the scenario wants of them."""

from __future__ import annotations

from gostage_sim.gostage.definition import SubWorkflowDef
from gostage_sim.harness.saboteurs.contract import Saboteur


def _shortens() -> None:
    to_json = SubWorkflowDef.to_json

    def shortened(self: SubWorkflowDef) -> bytes:
        for stage in self.stages:
            del stage.actions[1:]
        return to_json(self)

    SubWorkflowDef.to_json = shortened  # type: ignore[method-assign]


SABOTEURS = (Saboteur("shortens", "fault-fired", "gives children only the first of their steps", _shortens),)

"""Workflows of tests in a line: functions as actions, and what ran."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from gostage_sim import gostage
from gostage_sim.gostage import ActionContext, FunctionAction, Stage, Workflow

Work = Callable[[ActionContext], object]


class Log(list[str]):
    """The names of the actions that ran, in order."""

    def action(self, name: str, work: Work | None = None, *, tags: tuple[str, ...] = ()) -> FunctionAction:
        """An action that writes its name here, then does its work."""

        def execute(ctx: ActionContext) -> None:
            self.append(name)
            if work is not None:
                work(ctx)

        return FunctionAction(name, execute, f"does {name}", tags)

    def stage(self, id: str, *names: str, **work: Work) -> Stage:
        """A stage of such actions; `work` by name."""
        return Stage(id, actions=[self.action(name, work.get(name)) for name in names])


def flow(*stages: Stage, id: str = "w") -> Workflow:
    return Workflow(id, stages=stages)


def run(workflow: Workflow, **options: Any) -> None:
    gostage.Runner(**options).execute(workflow)


def property_of(workflow: Workflow, key: str, name: str = "status") -> object:
    return workflow.store.metadata(key).properties[name]

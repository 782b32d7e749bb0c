"""The action of the `respawn` fault: it starts a child that runs the same action. Imported in those children alone."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from gostage_sim.gostage import Runner, SubWorkflowDef, action, launchers
from gostage_sim.gostage.definition import ActionDef, StageDef

if TYPE_CHECKING:
    from gostage_sim.gostage import ActionContext, SpawnResult

#: A bomb that nobody stops ends itself at this depth.
MOST = 30


@action("gostage_sim.respawn")
def respawn(ctx: ActionContext) -> None:
    """Write down the own pid, then start the next one and wait for it."""
    path = ctx.params["record"]
    with open(path, "a") as record:
        record.write(f"{os.getpid()}\n")
    with open(path) as record:
        depth = sum(1 for _ in record)
    if depth < MOST:
        spawn_next(path)


def spawn_next(record: str) -> SpawnResult:
    """Start a child whose action is `respawn`, and wait for it and all below it."""
    stage = StageDef(id="respawn", actions=[ActionDef(id="gostage_sim.respawn", params={"record": record})])
    with Runner(launcher=launchers.ChildModule([__name__])) as runner:
        return runner.spawn(SubWorkflowDef(id="respawn", stages=[stage]))

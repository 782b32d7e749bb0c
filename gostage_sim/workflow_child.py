"""What `gostage-sim workflow run` puts around a workflow, here and in a child: progress, told as messages.

`python -m gostage_sim.workflow_child --gostage-child --import my.actions` is the child of `--spawn`. Imports little:
its start-up is the user's waiting.
"""

from __future__ import annotations

import os
import sys
import time
from importlib import import_module

TYPE_CHECKING = False  # see gostage/__init__.py
if TYPE_CHECKING:
    from collections.abc import Callable

    from gostage_sim.gostage.context import ActionContext, RunContext, StageContext

PROGRESS = "gostage-sim.progress"
"""The type of a message about progress: `{"stage": id}` for one that begins, and for an action that has ended
`{"stage", "action": name, "seconds", "error": text or null}`."""


def report_progress(run: RunContext, proceed: Callable[[], None]) -> None:
    """Middleware of a runner: tells of every stage and action of the workflow, dynamic ones too."""
    run.workflow.use(_tell_of_stage)
    run.workflow.use_for_actions(_tell_of_action)
    proceed()


def _tell_of_stage(stage: StageContext, proceed: Callable[[], None]) -> None:
    stage.send(PROGRESS, {"stage": stage.stage.id})
    proceed()


def _tell_of_action(action: ActionContext, proceed: Callable[[], None]) -> None:
    from gostage_sim.gostage.child.failure import sendable
    from gostage_sim.gostage.errors import safe_str

    started = time.monotonic()
    failure: str | None = "was ended"
    try:
        proceed()
        failure = None
    except BaseException as error:
        failure = sendable(f"{type(error).__name__}: {safe_str(error)}")
        raise
    finally:
        seconds = time.monotonic() - started
        facts = {"stage": action.stage.id, "action": action.action.name, "seconds": seconds, "error": failure}
        action.send(PROGRESS, facts)


def import_actions(module: str) -> None:
    """Import a module that registers actions; those of the current folder are found first, as `python -m` does it."""
    folder = os.getcwd()
    if folder not in sys.path and "" not in sys.path:
        sys.path.insert(0, folder)
    import_module(module)


if __name__ == "__main__":
    from gostage_sim.gostage.child.main import child_main

    for name in sys.argv[3::2]:  # --gostage-child --import A --import B …
        import_actions(name)
    child_main(middleware=[report_progress])

"""The runner: executes workflows in this process, and spawns sub-workflows in children."""

from __future__ import annotations

from gostage_sim.gostage.broker import Broker
from gostage_sim.gostage.context import ActionContext
from gostage_sim.gostage.errors import ActionError, WorkflowError

TYPE_CHECKING = False  # see gostage/__init__.py
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from gostage_sim.gostage.definition import SubWorkflowDef
    from gostage_sim.gostage.spawn.driver import ChildHandle
    from gostage_sim.gostage.spawn.launchers import Launcher
    from gostage_sim.gostage.spawn.options import SpawnOptions
    from gostage_sim.gostage.spawn.result import SpawnResult
    from gostage_sim.gostage.workflow import Workflow


class Runner:
    """Runs workflows. Its `broker` holds the handlers for messages of workflows run here and of spawned children.

    `launcher` says how children are started; by default this program again, with `--gostage-child`.
    One runner may spawn from several threads at once.
    """

    def __init__(self, *, broker: Broker | None = None, launcher: Launcher | None = None) -> None:
        self.broker = broker or Broker()
        self._launcher = launcher

    def execute(self, workflow: Workflow) -> None:
        """Run all stages in this thread. ActionError when an action raised an Exception; its `__cause__` is that one.

        A BaseException that is no Exception (KeyboardInterrupt, SystemExit, …) passes through as it is.
        """
        if not workflow.stages:
            raise WorkflowError(f"workflow {workflow.id!r} has no stages; add one with add_stage()")
        for stage in workflow.stages:
            for key, value in stage.initial_store.items():
                workflow.store.put(key, value)
            for index, action in enumerate(stage.actions):
                context = ActionContext(workflow, stage, action, index, self.broker)
                try:
                    action.execute(context)
                except Exception as error:
                    raise ActionError(workflow.id, stage.id, action.name, error) from error

    def spawn(
        self,
        definition: SubWorkflowDef,
        *,
        initial_store: Mapping[str, Any] | None = None,
        options: SpawnOptions | None = None,
        check: bool = False,
    ) -> SpawnResult:
        """Run a sub-workflow in a child process and wait for it; handlers run in this thread.

        `initial_store` is added to the definition's own. The result says how the child ended, whatever it did; with
        `check=True` anything but `completed` raises the matching SpawnError. DefinitionError when the definition cannot
        be written as JSON.
        """
        result = self.start(definition, initial_store=initial_store, options=options).wait()
        if check:
            result.raise_for_outcome()
        return result

    def start(
        self,
        definition: SubWorkflowDef,
        *,
        initial_store: Mapping[str, Any] | None = None,
        options: SpawnOptions | None = None,
    ) -> ChildHandle:
        """Start a child and return at once; its messages are read and handled in the thread that calls `wait()`."""
        from gostage_sim.gostage.spawn.driver import ChildHandle

        return ChildHandle.start(
            definition, initial_store=initial_store, options=options, broker=self.broker, launcher=self._launcher
        )

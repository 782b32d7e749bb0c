"""The runner: executes workflows in this process, and spawns sub-workflows in children."""

from __future__ import annotations

from time import monotonic

from gostage_sim.gostage.broker import Broker
from gostage_sim.gostage.execution import Run
from gostage_sim.gostage.middleware.adding import extended
from gostage_sim.gostage.workflow import Workflow

TYPE_CHECKING = False  # see gostage/__init__.py
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from typing import Any

    from gostage_sim.gostage.context import RunContext, RunLogger
    from gostage_sim.gostage.definition import SubWorkflowDef
    from gostage_sim.gostage.middleware import Middleware
    from gostage_sim.gostage.run_options import RunOptions, RunResult
    from gostage_sim.gostage.spawn.handle import ChildHandle
    from gostage_sim.gostage.spawn.launchers import Launcher
    from gostage_sim.gostage.spawn.options import SpawnOptions
    from gostage_sim.gostage.spawn.result import SpawnResult


class Runner:
    """Runs workflows. Its `broker` holds the handlers for messages of workflows run here and of spawned children.

    `middleware` goes around each whole workflow, the first outermost. `logger` is what actions get as `ctx.logger`; a
    `logging.Logger` will do, and without one log lines go to the handlers as `log` messages. `options` are those of
    runs that have none of their own. `clock` gives the seconds that timeouts and deadlines are measured in. `launcher`
    says how children are started; by default this program again, with `--gostage-child`.

    One runner may run and spawn from several threads at once.
    """

    def __init__(
        self,
        *,
        broker: Broker | None = None,
        launcher: Launcher | None = None,
        middleware: Iterable[Middleware[RunContext]] = (),
        logger: RunLogger | None = None,
        options: RunOptions | None = None,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self.broker = broker or Broker()
        self.middleware: tuple[Middleware[RunContext], ...] = extended((), middleware)
        self.logger = logger
        self.options = options
        self._launcher = launcher
        self._clock = clock

    def use(self, *middleware: Middleware[RunContext]) -> None:
        """Put middleware around each whole workflow; what was added first is outermost."""
        self.middleware = extended(self.middleware, middleware)

    def execute(self, workflow: Workflow, options: RunOptions | None = None) -> None:
        """Run all stages in this thread and return when they are done.

        ActionError when an action raised an Exception; its `__cause__` is that one, an exception group whole.
        StageError for middleware around a stage, WorkflowCancelledError and DeadlineExceededError for a run that was
        ended, WorkflowError for a workflow without stages, for one that is running already, and for middleware around
        the workflow. A BaseException that is no Exception (KeyboardInterrupt, SystemExit, …) passes through as it is.
        """
        self._prepare(workflow, options).execute()

    def run(self, workflow: Workflow, options: RunOptions | None = None) -> RunResult:
        """Run all stages in this thread; the result says how it went, whatever `execute` would have raised."""
        from gostage_sim.gostage.run_options import RunResult

        run = self._prepare(workflow, options)
        started = self._clock()
        error: Exception | None = None
        try:
            run.execute()
        except Exception as failure:
            error = failure
        return RunResult(
            workflow_id=workflow.id,
            error=error,
            execution_time_s=self._clock() - started,
            final_store={key: workflow.store.get_or_default(key, None, object) for key in workflow.store},
            warnings=run.warnings,
            handler_errors=[] if run.session is None else run.session.handler_errors,
        )

    def run_all(
        self, workflows: Iterable[Workflow], options: RunOptions | None = None, *, ignore_errors: bool = False
    ) -> list[RunResult]:
        """Run workflows one after another; each with its own timeout.

        Ends behind the first that fails, whose result is the last of the list, unless errors are ignored.
        """
        results = []
        for workflow in workflows:
            results.append(self.run(workflow, options))
            if not results[-1].success and not ignore_errors:
                break
        return results

    def _prepare(self, workflow: Workflow, options: RunOptions | None) -> Run:
        options = self.options if options is None else options
        _check_arguments(workflow, options)
        return Run(workflow, self.broker, self.middleware, self.logger, self._clock, options)

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
        from gostage_sim.gostage.spawn.handle import ChildHandle

        return ChildHandle.start(
            definition, initial_store=initial_store, options=options, broker=self.broker, launcher=self._launcher
        )


def _check_arguments(workflow: object, options: object) -> None:
    """Wrong types are the caller's mistake and raise here; everything later is an error of the run."""
    if not isinstance(workflow, Workflow):
        hint = "; Workflow.from_def(definition) makes one of it" if hasattr(workflow, "to_document") else ""
        raise TypeError(f"a runner runs a Workflow; found {type(workflow).__name__}{hint}")
    if options is not None:
        from gostage_sim.gostage.run_options import RunOptions

        if not isinstance(options, RunOptions):
            raise TypeError(f"the options of a run are RunOptions; found {type(options).__name__}")

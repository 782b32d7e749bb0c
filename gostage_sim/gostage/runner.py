"""The runner: executes workflows in this process, and spawns sub-workflows in children."""

from __future__ import annotations

from _thread import allocate_lock
from time import monotonic

from gostage_sim.gostage.broker import Broker
from gostage_sim.gostage.child import is_child
from gostage_sim.gostage.execution import Run
from gostage_sim.gostage.middleware.adding import extended
from gostage_sim.gostage.workflow import Workflow

TYPE_CHECKING = False  # see gostage/__init__.py
if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Mapping
    from typing import Any

    from gostage_sim.gostage.context import RunContext, RunLogger
    from gostage_sim.gostage.definition import SubWorkflowDef
    from gostage_sim.gostage.middleware import Middleware
    from gostage_sim.gostage.run_options import RunOptions, RunResult
    from gostage_sim.gostage.spawn.handle import ChildHandle
    from gostage_sim.gostage.spawn.launchers import Launcher
    from gostage_sim.gostage.spawn.links import Links
    from gostage_sim.gostage.spawn.middleware import SpawnMiddleware
    from gostage_sim.gostage.spawn.options import SpawnOptions
    from gostage_sim.gostage.spawn.result import SpawnResult
    from gostage_sim.gostage.transports import Transport


_LEVELS = ("debug", "info", "warning", "error", "critical", "exception")
"""What a logger has a method for."""


class Runner:
    """Runs workflows. Its `broker` holds the handlers for messages of workflows run here and of spawned children.

    `middleware` goes around each whole workflow, the first outermost. `logger` is what actions get as `ctx.logger`; a
    `logging.Logger` will do, and without one log lines go to the handlers as `log` messages. `options` are those of
    runs that have none of their own. `clock` gives the seconds that timeouts, deadlines and grace periods are measured
    in; for spawned children a step forward of it is time that has passed, and a step back is none. `launcher` says how
    children are started; by default this program again, with `--gostage-child`. `spawn_middleware` sees every child,
    see `use_for_spawns`. `transport` is how children send: "json", "grpc" or one of `gostage.transports`; by default as
    the environment says (GOSTAGE_IPC_TRANSPORT), which is JSON where it says nothing.

    One runner may run and spawn from several threads at once. `close()`, or the end of a `with` block, stops the server
    that a runner with children by gRPC has.
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
        spawn_middleware: Iterable[SpawnMiddleware] = (),
        transport: Transport | str | None = None,
    ) -> None:
        if launcher is not None and (isinstance(launcher, type) or not callable(getattr(launcher, "start", None))):
            raise TypeError(f"launcher is an object with a method start(launch); found {launcher!r}")
        if broker is not None and not isinstance(broker, Broker):
            raise TypeError(f"broker is a Broker; found {broker!r}")
        if logger is not None and (
            isinstance(logger, type) or not all(callable(getattr(logger, name, None)) for name in _LEVELS)
        ):
            raise TypeError(f"logger is a logging.Logger, or has its methods {', '.join(_LEVELS)}; found {logger!r}")
        if not callable(clock):
            raise TypeError(f"clock is a function that gives seconds; found {clock!r}")
        self.broker = broker or Broker()
        self.middleware: tuple[Middleware[RunContext], ...] = extended((), middleware)
        self.logger = logger
        self.options = options
        self._launcher = launcher
        if transport is not None:
            from gostage_sim.gostage.transports import named

            transport = named(transport)
        self._clock = clock
        self._steady: Callable[[], float] | None = None
        self._transport = transport
        self._links: Links | None = None
        self._lock = allocate_lock()
        self.spawn_middleware: tuple[SpawnMiddleware, ...] = ()
        self.use_for_spawns(*spawn_middleware)
        if not is_child():
            # What a spawn needs, before it does: with no descriptor left that is `start_failed`, an import an OSError.
            # Not in a child, which seldom spawns, and whose start-up counts.
            import gostage_sim.gostage.spawn.many  # noqa: F401 - it brings the rest along

    def close(self) -> None:
        """Stop what was started for children by gRPC; one that still runs can send nothing more. Spawning goes on."""
        if self._links is not None:
            self._links.close()

    def __enter__(self) -> Runner:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def refused_calls(self) -> int:
        """How many gRPC calls were refused, because they came from no child, or not by its only connection."""
        return 0 if self._links is None else self._links.refused

    @property
    def strangers(self) -> int | None:
        """How many connections to this runner's gRPC server were no child's: port scans, HTTP/1.1, noise, silence.

        A connection counts when it ends, at the latest with `close()`, and no call on it was let in; so those with
        `refused_calls` count as well, and so does that of a child which dies before its first call. The kernel keeps
        word of some hundred ends until a spawn begins or ends, or this is read: where there are more, it is the least.
        0 over a Unix socket, whose folder only this user may enter. None where the kernel does not tell: on another
        system than Linux, or in a sandbox without netlink sockets of the kind NETLINK_SOCK_DIAG.
        """
        return 0 if self._links is None else self._links.strangers

    def _opened_links(self) -> Links:
        links = self._links
        if links is None:
            from gostage_sim.gostage.spawn.links import Links
            from gostage_sim.gostage.transports import named

            made = Links(named(self._transport))
            with self._lock:  # two threads may start their first child at once
                links = self._links = self._links or made
        return links

    def _steady_clock(self) -> Callable[[], float]:
        """One for all children, so that each sees every step of the clock."""
        if self._clock is monotonic:
            return monotonic
        from gostage_sim.gostage.spawn.clock import steady

        with self._lock:
            self._steady = self._steady or steady(self._clock)
            return self._steady

    def use(self, *middleware: Middleware[RunContext]) -> None:
        """Put middleware around each whole workflow; what was added first is outermost."""
        self.middleware = extended(self.middleware, middleware)

    def use_for_spawns(self, *middleware: SpawnMiddleware) -> None:
        """Let middleware see every child that is spawned from now on; what was added first is outermost.

        It has one or more of three methods, called in the thread that starts or waits for the child. `ctx` is one
        SpawnContext a spawn: `definition`, `options`, `pid`, `result`, `error`, and `values` for its own use.

        * `before_spawn(ctx)` may change `ctx.definition` and `ctx.options`. Whatever it raises lets no child start and
          passes out of `spawn` or `start`; SpawnVetoedError is there to say that this was on purpose.
        * `on_child_message(ctx, message)` sees every message before its handlers. An Exception is recorded like a
          handler's.
        * `after_spawn(ctx)` is called whatever happened, when its own `before_spawn` returned, innermost first. It has
          the `result`, or the `error` that the caller gets instead, or both. An Exception out of it is recorded in the
          result's `handler_errors` as `after_spawn`, and noted on the error. A handle that nobody waits for has no end
          and no `after_spawn`.
        """
        if middleware:
            from gostage_sim.gostage.spawn.middleware import checked

            self.spawn_middleware = (*self.spawn_middleware, *checked(middleware))

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
        """Start a child and return at once; its messages are read and handled in the thread that calls `wait()`.

        The child runs meanwhile, and what it sends waits in the pipe: once that is full the child does too. A
        definition that does not fit into a pipe, 64 KiB as a rule, reaches it during `wait()` only.
        """
        from gostage_sim.gostage.spawn.handle import ChildHandle

        return ChildHandle.start(
            definition,
            initial_store=initial_store,
            options=options,
            broker=self.broker,
            launcher=self._launcher,
            links=self._opened_links(),
            middleware=self.spawn_middleware,
            clock=self._steady_clock(),
        )

    def spawn_all(
        self,
        definitions: Iterable[SubWorkflowDef],
        *,
        max_parallel: int | None = None,
        initial_store: Mapping[str, Any] | None = None,
        options: SpawnOptions | None = None,
    ) -> Generator[SpawnResult, None, None]:
        """Run many sub-workflows, at most `max_parallel` at once, and yield their results in the order they finish.

        `result.workflow_id` says which one it was. `max_parallel` is by default the number of usable CPUs. Definitions
        are taken one by one, in the iterating thread, when there is room for another child; so nothing begins before
        the first result is asked for, and any number of them takes the memory of `max_parallel`.

        Each child has a thread of its own that handles its messages, in order: a slow handler stalls its own child
        alone, and handlers for different children may run at the same time.

        Leaving the loop early, by `break`, an exception, Ctrl-C or `close()`, cancels the children that are left; their
        messages are no longer handled. It takes until all are gone, that is `grace_s` and a little more at the most; a
        handler that still runs then is waited for ten seconds, and left behind with a RuntimeWarning. What
        `definitions` raises, or `start` would for one of them, and SystemExit or KeyboardInterrupt out of a handler end
        the loop in the same way and pass on.
        """
        from gostage_sim.gostage.spawn.many import spawn_each
        from gostage_sim.gostage.spawn.options import SpawnOptions

        options = options or SpawnOptions()
        return spawn_each(
            definitions,
            lambda definition: self.start(definition, initial_store=initial_store, options=options),
            max_parallel=max_parallel,
            grace_s=options.grace_s,
        )

    async def aspawn(
        self,
        definition: SubWorkflowDef,
        *,
        initial_store: Mapping[str, Any] | None = None,
        options: SpawnOptions | None = None,
        check: bool = False,
    ) -> SpawnResult:
        """As `spawn`, in a task of asyncio's loop and without a thread: handlers run in the loop's thread.

        The loop gets its turn after each 64 KiB of messages. Cancelling the task ends the child (SIGTERM, SIGKILL after
        the grace period) with its messages no longer handled, and raises CancelledError when it is gone; a second
        cancel kills it at once. SystemExit and KeyboardInterrupt out of a handler end the child and pass on.
        """
        from gostage_sim.gostage.spawn.asynchronous import wait_in_loop

        result = await wait_in_loop(self.start(definition, initial_store=initial_store, options=options))
        if check:
            result.raise_for_outcome()
        return result


def _check_arguments(workflow: object, options: object) -> None:
    """Wrong types are the caller's mistake and raise here; everything later is an error of the run."""
    if not isinstance(workflow, Workflow):
        hint = "; Workflow.from_def(definition) makes one of it" if hasattr(workflow, "to_document") else ""
        raise TypeError(f"a runner runs a Workflow; found {type(workflow).__name__}{hint}")
    if options is not None:
        from gostage_sim.gostage.run_options import RunOptions

        if not isinstance(options, RunOptions):
            raise TypeError(f"the options of a run are RunOptions; found {type(options).__name__}")

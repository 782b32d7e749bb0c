"""One run of a workflow: its stages and actions in order, each inside its middleware, with statuses and errors."""

from __future__ import annotations

from gostage_sim.gostage.context import ActionContext, RunContext, StageContext
from gostage_sim.gostage.errors import (
    ActionError,
    DeadlineExceededError,
    StageError,
    WorkflowCancelledError,
    WorkflowError,
    safe_str,
)
from gostage_sim.gostage.status import COMPLETED, FAILED, RUNNING, SKIPPED, mark, mark_order

TYPE_CHECKING = False  # see gostage/__init__.py
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from contextlib import AbstractContextManager
    from typing import Protocol, TypeVar

    from gostage_sim.gostage.actions import Action
    from gostage_sim.gostage.broker import Broker
    from gostage_sim.gostage.chain import Place
    from gostage_sim.gostage.context import RunLogger
    from gostage_sim.gostage.local import LocalSession
    from gostage_sim.gostage.middleware import Middleware
    from gostage_sim.gostage.run_options import RunOptions
    from gostage_sim.gostage.stage import Stage
    from gostage_sim.gostage.workflow import Workflow

    C = TypeVar("C", bound=RunContext)

    class CancelFlag(Protocol):
        """What says that a run is no longer wanted; `threading.Event` is one."""

        def is_set(self) -> bool: ...


class Limit:
    """A point in time, and for messages how many seconds were given to what."""

    __slots__ = ("at", "given_s", "to")

    def __init__(self, at: float, given_s: float, to: str) -> None:
        self.at, self.given_s, self.to = at, given_s, to


class _Limited:
    """Within the block the run has a nearer limit; at its end that must not be over."""

    __slots__ = ("_before", "_limit", "_run")

    def __init__(self, run: Run, limit: Limit) -> None:
        self._run, self._limit, self._before = run, limit, run.limit

    def __enter__(self) -> None:
        if self._before is None or self._limit.at < self._before.at:
            self._run.limit = self._limit

    def __exit__(self, kind: object, error: BaseException | None, traceback: object) -> None:
        run, mine = self._run, self._run.limit is self._limit
        try:
            if mine and error is None:
                run.check_time(f"at the end of {self._limit.to}")
        finally:
            run.limit = self._before


class Run:
    """The state of one run, and how it goes through the stages.

    The status of a part is set outside of its middleware: what that recovered is completed, and what it did not let
    begin is skipped.
    """

    __slots__ = (
        "_last_error", "_middleware", "_options", "broker", "cancel", "clock", "limit", "logger", "session",
        "stage_place", "warnings", "workflow",
    )  # fmt: skip

    def __init__(
        self,
        workflow: Workflow,
        broker: Broker,
        middleware: Sequence[Middleware[RunContext]],
        logger: RunLogger | None,
        clock: Callable[[], float],
        options: RunOptions | None = None,
    ) -> None:
        self.workflow = workflow
        self.broker = broker
        self.logger = logger
        self.clock = clock
        self.cancel: CancelFlag | None = None
        self.session: LocalSession | None = None
        """Of its messages, at its end; None when it sent none, and in a child, where the parent has one."""
        self.limit: Limit | None = None
        """The nearest one."""
        self.warnings: list[str] = []
        self.stage_place: Place[Stage]
        """Of the current stage."""
        self._middleware = middleware
        self._options = options
        if options is not None:
            self._middleware = (*middleware, *options.middleware)
            self.cancel = options.cancel
            if options.timeout_s is not None:
                self.limit = Limit(clock() + options.timeout_s, options.timeout_s, f"workflow {workflow.id!r}")
        self._last_error: Exception | None = None
        """The last error that says already where it comes from."""

    def execute(self) -> None:
        """Run the workflow to its end; whatever is raised is a WorkflowError, or no Exception."""
        workflow = self.workflow
        workflow._begin()
        place = workflow._place

        def reset() -> None:
            workflow._reset()
            mark(workflow.store, place, RUNNING)

        try:
            reset()
            self._begin()
            begun = _inside(self._middleware, RunContext(self), self._stages, reset)
            mark(workflow.store, place, COMPLETED if begun else SKIPPED)
        except BaseException as error:
            mark(workflow.store, place, FAILED)
            if not isinstance(error, Exception) or error is self._last_error:
                raise
            raise WorkflowError(
                f"workflow {workflow.id!r} failed: {type(error).__name__}: {safe_str(error)}"
            ) from error
        finally:
            self.session = self.broker.session_of(workflow)
            workflow._end()

    def _begin(self) -> None:
        """What a run changes before its first stage; not earlier, for the workflow may be running already."""
        workflow, options = self.workflow, self._options
        self.broker.end_session(workflow)
        if options is not None:
            for key, value in options.initial_store.items():
                workflow.store.put(key, value)
            workflow.context.update(options.context)

    def is_cancelled(self) -> bool:
        """Whether somebody cancelled it."""
        return self.cancel is not None and self.cancel.is_set()

    def check(self, where: str) -> None:
        """Raise when the run is cancelled or its time is over."""
        if self.is_cancelled():
            raise self._own(WorkflowCancelledError(f"workflow {self.workflow.id!r} was cancelled {where}"))
        self.check_time(where)

    def check_time(self, where: str) -> None:
        """Raise when the time is over."""
        limit = self.limit
        if limit is not None and (now := self.clock()) >= limit.at:
            raise self._own(
                DeadlineExceededError(
                    f"workflow {self.workflow.id!r} ran out of time {where}: "
                    f"the {limit.given_s:g} s given to {limit.to} were over {now - limit.at:.3g} s ago"
                )
            )

    def limited(self, seconds: float, to: str) -> AbstractContextManager[None]:
        """Give so many seconds, from now, to what happens in the block."""
        return _Limited(self, Limit(self.clock() + seconds, seconds, to))

    def _own(self, error: WorkflowError) -> WorkflowError:
        self._last_error = error
        return error

    def _stages(self) -> None:
        workflow = self.workflow
        if not workflow._places:
            raise self._own(WorkflowError(f"workflow {workflow.id!r} has no stages; add one with add_stage()"))
        chain, order = workflow._chain, 0
        place = chain.begin()
        try:
            while place is not None:
                mark_order(workflow.store, place, order)
                if place.disabled:
                    self._skip(place)
                else:
                    if self.limit is not None or self.cancel is not None:
                        self.check(f"before stage {place.item.id!r}")
                    self._stage(place)
                order += 1
                place = chain.advance()
        finally:
            chain.end()

    def _stage(self, place: Place[Stage]) -> None:
        workflow, stage = self.workflow, place.item
        self.stage_place = place
        context = StageContext(self, stage)
        blocks = 0

        def block() -> None:
            nonlocal blocks
            blocks += 1
            self._actions(place)

        def reset() -> None:
            workflow._reset_stage(place)
            mark(workflow.store, place, RUNNING)

        def body() -> None:
            for key, value in stage.initial_store.items():
                workflow.store.put(key, value)
            if not len(stage._chain):
                self._warn(context)
            _inside(stage.middleware, context, block, reset)

        mark(workflow.store, place, RUNNING)
        try:
            _inside(workflow.middleware, context, body, reset)
        except BaseException as error:
            mark(workflow.store, place, FAILED)
            if not isinstance(error, Exception) or error is self._last_error:
                raise
            raise self._own(StageError(workflow.id, stage.id, error)) from error
        if blocks:
            mark(workflow.store, place, COMPLETED)
        else:
            self._skip(place)

    def _actions(self, stage_place: Place[Stage]) -> None:
        workflow, stage = self.workflow, stage_place.item
        store, chain = workflow.store, stage._chain
        around_all = (*workflow.action_middleware, *stage.action_middleware)
        place, index = chain.begin(), 0
        try:
            while place is not None and not stage_place.removed:
                if place.order != index:
                    mark_order(store, place, index)
                if place.disabled:
                    mark(store, place, SKIPPED)
                else:
                    action = place.item
                    if self.limit is not None or self.cancel is not None:
                        self.check(f"before action {action.name!r} of stage {stage.id!r}")
                    context = ActionContext(self, stage, place, index)
                    mark(store, place, RUNNING)
                    middleware = around_all + action.middleware
                    if middleware:
                        done = self._action_inside(middleware, context, place)
                    else:
                        action.execute(context)
                        done = COMPLETED
                    mark(store, place, done)
                index += 1
                place = chain.advance()
        except BaseException as error:
            if place is None or place.status != RUNNING:  # the check before it raised
                raise
            mark(store, place, FAILED)
            if not isinstance(error, Exception) or error is self._last_error:
                raise
            raise self._own(ActionError(workflow.id, stage.id, place.item.name, error)) from error
        finally:
            chain.end()

    def _action_inside(
        self, middleware: Sequence[Middleware[ActionContext]], context: ActionContext, place: Place[Action]
    ) -> str:
        begun = _inside(middleware, context, lambda: place.item.execute(context), lambda: self.workflow._undo(place))
        return COMPLETED if begun else SKIPPED

    def _skip(self, place: Place[Stage]) -> None:
        store = self.workflow.store
        mark(store, place, SKIPPED)
        for action in place.item._chain.places():
            mark(store, action, SKIPPED)

    def _warn(self, context: StageContext) -> None:
        text = f"{context.where} has no actions"
        self.warnings.append(text)
        context.logger.warning(text)


def _inside(
    middleware: Sequence[Middleware[C]], context: C, core: Callable[[], object], before_again: Callable[[], object]
) -> bool:
    """Call `core()` inside the middleware, the first outermost; whether it was called at all.

    `before_again` is called before each further call, so that what the last attempt left does not count twice.
    """
    if not middleware:
        core()
        return True
    calls = 0

    def begin() -> None:
        nonlocal calls
        calls += 1
        if calls > 1:
            before_again()
        core()

    step: Callable[[], None] = begin
    for one in reversed(middleware):
        step = _step(one, context, step)
    step()
    return calls > 0


def _step(one: Middleware[C], context: C, inner: Callable[[], None]) -> Callable[[], None]:
    def proceed() -> None:
        one(context, inner)

    return proceed

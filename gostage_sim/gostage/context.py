"""What an action, and the middleware around workflows, stages and actions, sees of the run."""

from __future__ import annotations

from gostage_sim.gostage.actions import Action
from gostage_sim.gostage.chain import Place
from gostage_sim.gostage.errors import WorkflowError
from gostage_sim.gostage.logger import Logger
from gostage_sim.gostage.stage import Stage
from gostage_sim.gostage.status import COMPLETED, FAILED, RUNNING, SKIPPED
from gostage_sim.gostage.switches import Switches

TYPE_CHECKING = False  # see gostage/__init__.py
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any, Protocol

    from gostage_sim.gostage.execution import Run
    from gostage_sim.gostage.store import Store
    from gostage_sim.gostage.workflow import Workflow

    class RunLogger(Protocol):
        """What `logging.Logger` and this package's own have in common."""

        def debug(self, msg: str, /, *args: Any) -> object: ...
        def info(self, msg: str, /, *args: Any) -> object: ...
        def warning(self, msg: str, /, *args: Any) -> object: ...
        def error(self, msg: str, /, *args: Any) -> object: ...
        def critical(self, msg: str, /, *args: Any) -> object: ...
        def exception(self, msg: str, /, *args: Any) -> object: ...


class RunContext(Switches):
    """A run of a workflow, as middleware of the runner sees it. It answers all queries and takes all switches."""

    __slots__ = ("_run", "workflow")

    def __init__(self, run: Run) -> None:
        self._run = run
        self.workflow = run.workflow

    @property
    def where(self) -> str:
        """Where this is, for messages: `workflow 'w'`."""
        return f"workflow {self.workflow.id!r}"

    @property
    def store(self) -> Store:
        """The workflow's store."""
        return self.workflow.store

    @property
    def logger(self) -> RunLogger:
        """The runner's logger; without one, what is logged goes to the handlers as `log` messages.

        The name of that logger is the action's, or the workflow's id outside of actions.
        """
        return self._run.logger or Logger(self.send, self._sender().action.name or self.workflow.id)

    @property
    def deadline(self) -> float | None:
        """When the time is over, on the runner's clock (`time.monotonic()` by default); None for never."""
        limit = self._run.limit
        return None if limit is None else limit.at

    @property
    def cancelled(self) -> bool:
        """Whether the run was cancelled. It ends before the next action or stage, or at `check_cancelled()`."""
        return self._run.is_cancelled()

    def check_cancelled(self) -> None:
        """Call it now and then in a long piece of work: it returns while that is still wanted.

        Raises WorkflowCancelledError once the run is cancelled, DeadlineExceededError once its time is over. Let it
        through: it ends the workflow as it is, and is not wrapped into an ActionError.
        """
        self._run.check(f"in {self.where}")

    def send(self, type: str, payload: Any = None) -> None:
        """Send one message to the handlers: the parent's in a child, this runner's otherwise.

        Over JSON it returns when the bytes are in the kernel: what was sent is handled even if this process is killed
        now. Over gRPC it returns when there is room in a bounded window, see `flush`. Blocks while the parent's
        handlers are behind. Raises MessageError for a payload that is not JSON,
        ChannelClosedError when the parent no longer reads.
        """
        self._run.broker.send(type, payload, self._sender())

    def send_many(self, type: str, payloads: Iterable[Any]) -> None:
        """Send many messages of one type, in blocks of 64 KiB: several times faster than `send` for each.

        The iterable is consumed as it goes. Everything is in the kernel when it returns.
        """
        self._run.broker.send_many(type, payloads, self._sender())

    def flush(self) -> None:
        """Return when everything sent so far will be handled even if this process is killed now.

        Over JSON and in process that is so whenever `send` returns; over gRPC the parent acknowledges it. That is
        waited for at the end of every action as well.
        """
        self._run.broker.flush()

    def _sender(self) -> ActionContext:
        """Where its messages come from: no action, and no stage."""
        return ActionContext(self._run, _NO_STAGE, _NO_ACTION, -1)

    def _model(self) -> Workflow:
        return self.workflow


class StageContext(RunContext):
    """A stage of a run, as middleware of the workflow and of the stage sees it."""

    __slots__ = ("stage",)

    def __init__(self, run: Run, stage: Stage) -> None:
        self._run = run
        self.workflow = run.workflow
        self.stage = stage

    @property
    def where(self) -> str:
        """Where this is, for messages: `stage 's' of workflow 'w'`."""
        return f"stage {self.stage.id!r} of workflow {self.workflow.id!r}"

    def _sender(self) -> ActionContext:
        return ActionContext(self._run, self.stage, _NO_ACTION, -1)


class ActionContext(StageContext):
    """The one argument of `execute`: where the action stands, the store, messages, and the rest of the workflow.

    It is good while the action runs. Other threads may use the store and send; only the action's own thread may add,
    remove and switch.
    """

    __slots__ = ("_place", "action", "action_index")

    def __init__(self, run: Run, stage: Stage, place: Place[Action], action_index: int) -> None:
        self._run = run
        self.workflow = run.workflow
        self.stage = stage
        self.action = place.item
        self.action_index = action_index
        """Position in its stage, from 0: how many actions were run or skipped there before it."""
        self._place = place

    @property
    def where(self) -> str:
        """Where this is, for messages: `action 'a' of stage 's' in workflow 'w'`."""
        return f"action {self.action.name!r} of stage {self.stage.id!r} in workflow {self.workflow.id!r}"

    @property
    def is_last_action(self) -> bool:
        """Whether nothing stands behind it in its stage now; False again once it has added something there."""
        return self._place.after is None

    @property
    def params(self) -> dict[str, Any]:
        """What the definition gave this action."""
        return self.action.params

    def add_dynamic_action(self, action: Action) -> None:
        """Run `action` right after this one, and after those this one has added before: A, D1, D2, B.

        What a dynamic action adds runs right after that one. WorkflowError when this action has ended.
        """
        self._require_running()
        self._created(self.stage._insert(self._place, action, self._place))

    def add_dynamic_stage(self, stage: Stage) -> None:
        """Run `stage` right after the current stage, and after those that its actions have added before.

        DefinitionError when the workflow has a stage of this id; WorkflowError when this action has ended.
        """
        self._require_running()
        self._created(self.workflow._insert(self._run.stage_place, stage, self._place))

    def add_action_to_stage(self, stage_id: str, action: Action) -> None:
        """Append `action` to the current stage or to one that is still to come.

        WorkflowError when there is no such stage, or when it has ended and nothing added to it could run.
        """
        self._require_running()
        place = self.workflow._places.get(stage_id)
        if place is None:
            known = ", ".join(map(repr, self.workflow._places)) or "none"
            raise WorkflowError(
                f"workflow {self.workflow.id!r} has no stage {stage_id!r} to add action {action.name!r} to; "
                f"it has: {known}"
            )
        if place.status in (COMPLETED, FAILED, SKIPPED):
            raise WorkflowError(
                f"stage {stage_id!r} of workflow {self.workflow.id!r} is {place.status}: action {action.name!r} "
                "would not run there; use add_dynamic_action() or a stage that is still to come"
            )
        self._created(place.item._insert(None, action, self._place))

    def _created(self, place: Place[Any]) -> None:
        """Remember what this action added: should it run again, that is taken out before."""
        place.created_before = self._place.created
        self._place.created = place

    def _require_running(self) -> None:
        if self._place.status != RUNNING:
            raise WorkflowError(f"{self.where} is {self._place.status}; only a running action can add something")

    def _sender(self) -> ActionContext:
        return self


_NO_STAGE = Stage("-")
_NO_ACTION = Place(Action("-"))
_NO_STAGE.id = _NO_ACTION.item.name = ""

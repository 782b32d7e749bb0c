"""Every exception of the engine.

GostageError
├── DefinitionError          a definition that cannot be read, or that no registry can rebuild
│   └── UnknownActionError   it names actions that are not registered here
├── RegistrationError        an action id registered twice, or with a factory that makes no new action
├── StoreError
│   ├── KeyMissingError      nothing is stored under the key (also a KeyError)
│   ├── WrongTypeError       what is stored is of another type than was asked for (also a TypeError)
│   ├── ExpiredError         what was stored has outlived its time (also a KeyError)
│   ├── FieldError           a dotted path that leads nowhere, or a field that refuses its new value
│   ├── MergeConflictError   both stores hold the same keys; it names them
│   └── ExportError          values that have no form as plain data; it names their keys
├── WorkflowError            a workflow that was run here failed
│   ├── ActionError          one of its actions raised; `__cause__` is what it raised
│   ├── StageError           middleware around one of its stages raised; `__cause__` is what it raised
│   ├── WorkflowCancelledError  it was cancelled; the text says where that was noticed
│   └── DeadlineExceededError   its time, or that of a part of it, was over
├── MessageError             a payload that cannot be sent: not JSON, or over a limit
│   └── MessageRejectedError IPC middleware refused the message
├── ChannelClosedError       the parent no longer reads what this child sends
├── SpawnVetoedError         spawn middleware wants no such child
└── SpawnError               raised for a `SpawnResult` by `check=True` or `raise_for_outcome()`; one class each
    ├── ChildFailedError, ChildPanickedError, ChildExitedError, ChildSignaledError
    ├── ChildTimedOutError, ChildCancelledError, ChildLimitExceededError
    └── ChildProtocolError, ChildStartError
"""

from __future__ import annotations

TYPE_CHECKING = False  # see gostage/__init__.py
if TYPE_CHECKING:
    from collections.abc import Callable

    from gostage_sim.gostage.spawn.result import SpawnResult


class GostageError(Exception):
    """The root: whatever the engine raises on purpose is one of these."""

    def __reduce__(self) -> tuple[Callable[..., GostageError], tuple[object, ...], dict[str, object]]:
        """A copy, or what a pickle brings back: the text and the attributes, without the constructor of the class."""
        return _copy, (type(self), *self.args), self.__dict__


class DefinitionError(GostageError):
    """A definition that cannot be read or rebuilt; the text says what, where and what was expected."""


class UnknownActionError(DefinitionError):
    """A definition or a program names action ids that this process has not registered."""

    def __init__(self, message: str, missing: tuple[str, ...]) -> None:
        super().__init__(message)
        self.missing = missing


class RegistrationError(GostageError):
    """An action id was registered twice, and the text names both places; or its factory makes no actions of its own."""


class StoreError(GostageError):
    """The store cannot do what was asked."""


class KeyMissingError(StoreError, KeyError):
    """Nothing is stored under the key. Not raised by `get_or_default`."""

    def __str__(self) -> str:  # KeyError shows the repr of its argument, which hides the sentence
        return str(self.args[0])


class WrongTypeError(StoreError, TypeError):
    """A value is stored under the key, but of another type than was asked for."""


class ExpiredError(StoreError, KeyError):
    """A value was stored under the key and its time to live is over. Not raised by `get_or_default`."""

    def __str__(self) -> str:  # see KeyMissingError
        return str(self.args[0])


class FieldError(StoreError):
    """`update_field` found no such field on the way, or the field refused the value. Nothing was changed."""


class MergeConflictError(StoreError):
    """A merge met keys that both stores hold, and was told that this is an error. Nothing was merged."""

    def __init__(self, message: str, keys: tuple[str, ...]) -> None:
        super().__init__(message)
        self.keys = keys


class ExportError(StoreError):
    """Values cannot be exported. `reasons` says why, by key; `exported` is the plain data of all the others."""

    def __init__(self, reasons: dict[str, str], exported: dict[str, object]) -> None:
        super().__init__("; ".join(f"store key {key!r} cannot be exported: {why}" for key, why in reasons.items()))
        self.reasons = reasons
        self.exported = exported


class WorkflowError(GostageError):
    """A workflow that was run in this process did not succeed."""


class ActionError(WorkflowError):
    """An action raised. `workflow_id`, `stage_id` and `action_name` say where, `__cause__` is the exception itself."""

    def __init__(self, workflow_id: str, stage_id: str, action_name: str, cause: BaseException) -> None:
        self.workflow_id, self.stage_id, self.action_name = workflow_id, stage_id, action_name
        super().__init__(
            f"action {action_name!r} of stage {stage_id!r} in workflow {workflow_id!r} failed: "
            f"{type(cause).__name__}: {safe_str(cause)}"
        )


class StageError(WorkflowError):
    """Middleware around a stage raised. `workflow_id` and `stage_id` say where, `__cause__` is the exception itself.

    Not raised for what an action raised: that stays an ActionError.
    """

    def __init__(self, workflow_id: str, stage_id: str, cause: BaseException) -> None:
        self.workflow_id, self.stage_id = workflow_id, stage_id
        super().__init__(
            f"stage {stage_id!r} in workflow {workflow_id!r} failed: {type(cause).__name__}: {safe_str(cause)}"
        )


class WorkflowCancelledError(WorkflowError):
    """The run was cancelled. Raised before the next action or stage, or out of `ctx.check_cancelled()` inside one."""


class DeadlineExceededError(WorkflowError):
    """Time was over for the workflow, or for the part that a time limit was put around. Raised where a cancel is."""


class MessageError(GostageError):
    """A message cannot be sent: its payload is not JSON; nothing of it reached the wire."""


class MessageRejectedError(MessageError):
    """Raise it in IPC middleware to refuse a message. Outbound the sender gets it, inbound the result counts it."""


class ChannelClosedError(GostageError):
    """The parent no longer reads; whatever this child still has to say is lost."""


class SpawnVetoedError(GostageError):
    """Raise it in `before_spawn` to let no child start: `spawn`, `start` and the like raise it to their caller.

    Not a SpawnError: there was no child, so there is no result.
    """


class SpawnError(GostageError):
    """A child did not complete. `result` is the whole `SpawnResult`."""

    def __init__(self, result: SpawnResult) -> None:
        super().__init__(result.describe())
        self.result = result


class ChildFailedError(SpawnError):
    """An action of the child raised, and the child reported it in an orderly way."""


class ChildPanickedError(SpawnError):
    """Something that nobody handled came out of the child: a BaseException, or any exception of a thread it started."""


class ChildExitedError(SpawnError):
    """The child ended by itself without a result, or with an exit code that contradicts it, or by `sys.exit()`."""


class ChildSignaledError(SpawnError):
    """The child was killed by a signal that this runner did not send."""


class ChildTimedOutError(SpawnError):
    """The child was ended because its time was over."""


class ChildCancelledError(SpawnError):
    """The child was ended because its handle was cancelled."""


class ChildLimitExceededError(SpawnError):
    """The child ran into a limit of its `ResourceLimits`."""


class ChildProtocolError(SpawnError):
    """The child did not speak the protocol, and the options say that this is fatal."""


class ChildStartError(SpawnError):
    """No child could be started; the cause is an OSError where the system said no."""


def _copy(kind: type[GostageError], *args: object) -> GostageError:
    error = kind.__new__(kind, *args)
    error.args = args
    return error


def safe_str(error: BaseException) -> str:
    """`str(error)`, also for an exception whose `__str__` raises or returns no text.

    An exception class belongs to whoever raised it: its `__str__` is code like any other and may fail.
    """
    try:
        return str(error)
    except BaseException as failure:
        return f"<unprintable {type(error).__name__}: its __str__ raised {type(failure).__name__}>"


def original_error(error: Exception) -> Exception:
    """What an action or a middleware raised itself, out of the ActionError or StageError around it."""
    while isinstance(error, ActionError | StageError) and isinstance(error.__cause__, Exception):
        error = error.__cause__
    return error

"""Spawn middleware: what sees every child before it starts, with each of its messages, and when it is over."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from copy import deepcopy
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Protocol

from gostage_sim.gostage.child.failure import describe
from gostage_sim.gostage.definition import SubWorkflowDef
from gostage_sim.gostage.spawn.options import SpawnOptions
from gostage_sim.gostage.spawn.result import HandlerError, SpawnResult
from gostage_sim.gostage.wire.messages import Message


@dataclass(slots=True, eq=False)
class SpawnContext:
    """One spawn as its middleware sees it: the same object from `before_spawn` to `after_spawn`, and nobody else's."""

    definition: SubWorkflowDef
    """A copy of the caller's, its initial store complete. `before_spawn` may change it or put another in its place."""
    options: SpawnOptions
    """`before_spawn` may put others in their place."""
    values: dict[str, Any] = field(default_factory=dict)
    """For the middleware to keep what it likes about this spawn."""
    pid: int | None = None
    """None before the start, and when no child could be started."""
    result: SpawnResult | None = None
    """For `after_spawn`; None when middleware further in let no child start."""
    error: BaseException | None = None
    """For `after_spawn`: what the caller gets raised instead of the result, None for nothing."""


class BeforeSpawn(Protocol):
    """Called before the start, outermost first."""

    def before_spawn(self, ctx: SpawnContext) -> object: ...


class OnChildMessage(Protocol):
    """Called with every message of the child, before its handlers and before inbound IPC middleware."""

    def on_child_message(self, ctx: SpawnContext, message: Message) -> object: ...


class AfterSpawn(Protocol):
    """Called when the child is gone, or could not be started, innermost first."""

    def after_spawn(self, ctx: SpawnContext) -> object: ...


SpawnMiddleware = BeforeSpawn | OnChildMessage | AfterSpawn


def checked(middleware: Iterable[SpawnMiddleware]) -> tuple[SpawnMiddleware, ...]:
    """The middleware as a tuple; TypeError for what has none of the three methods."""
    middleware = tuple(middleware)
    for one in middleware:
        if not any(callable(getattr(one, name, None)) for name in ("before_spawn", "on_child_message", "after_spawn")):
            raise TypeError(
                "spawn middleware has a method before_spawn(ctx), on_child_message(ctx, message) or after_spawn(ctx); "
                f"found {one!r}"
            )
    return middleware


class Passage:
    """The way of one spawn through its middleware: `enter()`, then `leave()` whatever came of it."""

    def __init__(
        self, definition: SubWorkflowDef, options: SpawnOptions, middleware: tuple[SpawnMiddleware, ...]
    ) -> None:
        self.context = SpawnContext(deepcopy(definition) if middleware else definition, options)
        self._middleware = middleware
        self._entered: list[SpawnMiddleware] = []

    def enter(self) -> None:
        """Call `before_spawn` of each. What one raises passes out; those before it are to be left."""
        ctx = self.context
        for one in self._middleware:
            before = getattr(one, "before_spawn", None)
            if before is not None:
                before(ctx)
                _require("definition", SubWorkflowDef, ctx.definition)
                _require("options", SpawnOptions, ctx.options)
            self._entered.append(one)

    def observers(self) -> tuple[Callable[[Message], object], ...]:
        """Who is called with each message."""
        hooks = (getattr(one, "on_child_message", None) for one in self._middleware)
        return tuple(partial(hook, self.context) for hook in hooks if hook is not None)

    def leave(self, result: SpawnResult | None, error: BaseException | None) -> None:
        """Call `after_spawn` of each that was entered, once, whatever the others raise.

        An Exception is recorded on the result, and noted on the error that the caller gets; anything else passes out
        after the last one.
        """
        self.context.result, self.context.error = result, error
        interruption: BaseException | None = None
        while self._entered:
            one = self._entered.pop()
            after = getattr(one, "after_spawn", None)
            if after is None:
                continue
            try:
                after(self.context)
            except Exception as failure:
                if error is not None:
                    error.add_note(f"after_spawn of {type(one).__name__} raised:\n{describe(failure)['traceback']}")
                if result is not None:
                    result.handler_errors.append(HandlerError.of("after_spawn", 0, failure))
            except BaseException as failure:
                interruption = interruption or failure
        if interruption is not None:
            raise interruption


def _require(name: str, kind: type, value: object) -> None:
    if not isinstance(value, kind):
        raise TypeError(f"before_spawn leaves a {kind.__name__} in ctx.{name}; found {value!r}")

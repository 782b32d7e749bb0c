"""An action: the smallest piece of work of a workflow.

The module is not called `action`: importing it would replace the decorator of that name in the package.
"""

from __future__ import annotations

import sys

from gostage_sim.gostage.middleware.adding import extended
from gostage_sim.gostage.storing.metadata import require_description
from gostage_sim.gostage.tags import Tagged, distinct_tags

TYPE_CHECKING = False  # see gostage/__init__.py
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any

    from gostage_sim.gostage.context import ActionContext
    from gostage_sim.gostage.middleware import Middleware


_GENERATOR, _COROUTINE, _ASYNC_GENERATOR = 0x20, 0x80, 0x200
"""Flags of a function's code, as in `inspect`, which a child need not import."""


class _ClassName:
    """The name of an action that was given none: that of its class."""

    def __get__(self, action: Action | None, owner: type[Action]) -> str:
        return owner.__name__


class _OwnParams:
    """A dict for each action that is asked for one: most are not, and a workflow may have 100,000."""

    def __get__(self, action: Action | None, owner: type[Action]) -> dict[str, Any]:
        params: dict[str, Any] = {}
        if action is not None:
            action.params = params
        return params


class Action(Tagged):
    """A named piece of work; subclass it and write `execute`, or put `@action("id")` above a function.

        class Copy(gostage.Action):
            name = "copy"
            description = "Copies a file"
            tags = ("files",)

            def execute(self, ctx):
                shutil.copy(*ctx.store.get("paths", tuple))

    Name, description and tags are class attributes, or arguments, which come first; without a name it is called as its
    class. `params` are what a definition gave this action: a dict of JSON values, empty outside of definitions. A class
    with an `__init__` of its own, as a dataclass has, need not call this one.
    """

    if TYPE_CHECKING:
        name: str
        params: dict[str, Any]
    else:
        name = _ClassName()
        params = _OwnParams()
    description: str = ""
    registered_id: str = ""
    """The id by which the registry made it, whatever its name is; empty for an action that was made directly."""

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        require_plain(cls.execute, f"{cls.__name__}.execute")
        cls.tags = distinct_tags(cls.tags)

    middleware: tuple[Middleware[ActionContext], ...] = ()
    """Around this action alone; the first is the outermost."""

    def __init__(self, name: str = "", description: str = "", tags: Iterable[str] = ()) -> None:
        require_description(description)
        self.name = name or self.name
        if description:
            self.description = description
        if tags:
            self.tags = distinct_tags(tags)

    def execute(self, ctx: ActionContext) -> None:
        """Do the work. Whatever it raises stops the workflow."""
        raise TypeError(f"action {self.name!r}: {type(self).__name__} defines no execute(ctx)")

    def use(self, *middleware: Middleware[ActionContext]) -> None:
        """Put middleware around this action; what was added first is outermost."""
        self.middleware = extended(self.middleware, middleware)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.name!r})"


def require_plain(function: object, what: str, all: str = "actions") -> None:
    """TypeError for a coroutine function or a generator: called like another, it would do nothing at all."""
    flags = getattr(getattr(called_by(function), "__code__", None), "co_flags", 0)
    if flags & (_COROUTINE | _ASYNC_GENERATOR):
        raise TypeError(f"{what} is `async`: {all} are plain functions; call asyncio.run(…) in one")
    if flags & _GENERATOR:
        raise TypeError(f"{what} has a `yield`: calling it would run nothing of it; {all} are plain functions")


def called_by(function: object) -> object:
    """The function in which a call of it ends: what a partial is of, `__call__` of an object, or itself."""
    functools = sys.modules.get("functools")  # who has made a partial has loaded it, and a child need not
    while not hasattr(function, "__code__"):
        if functools is not None and isinstance(function, functools.partial):
            function = function.func
            continue
        call = getattr(type(function), "__call__", None)  # noqa: B004  # to look into it, not to know whether it is there
        if not hasattr(call, "__code__"):  # a class, or something made in C
            break
        function = call
    return function


class FunctionAction(Action):
    """An action made of a function of one argument, the context."""

    def __init__(
        self, name: str, function: Callable[[ActionContext], None], description: str = "", tags: Iterable[str] = ()
    ) -> None:
        if not isinstance(name, str) or not callable(function):
            raise TypeError(
                f"FunctionAction(name, function) takes a str and a function; found {name!r} and {function!r}"
            )
        if isinstance(function, type):
            raise TypeError(
                f"action {name!r} is made of a function; found the class {function.__name__}: "
                f"make an instance of it, or register it with register_action({name!r}, {function.__name__})"
            )
        require_plain(function, f"action {name!r}")
        super().__init__(name, description, tags)
        self._function = function

    def execute(self, ctx: ActionContext) -> None:
        self._function(ctx)

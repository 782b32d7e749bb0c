"""An action: the smallest piece of work of a workflow.

The module is not called `action`: importing it would replace the decorator of that name in the package.
"""

from __future__ import annotations

from gostage_sim.gostage.tags import Tagged, distinct_tags

TYPE_CHECKING = False  # see gostage/__init__.py
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any

    from gostage_sim.gostage.context import ActionContext
    from gostage_sim.gostage.middleware import Middleware


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
    middleware: tuple[Middleware[ActionContext], ...] = ()
    """Around this action alone; the first is the outermost."""

    def __init__(self, name: str = "", description: str = "", tags: Iterable[str] = ()) -> None:
        self.name = name or self.name
        self.description = description or self.description
        self.tags = distinct_tags(tags) or distinct_tags(self.tags)

    def execute(self, ctx: ActionContext) -> None:
        """Do the work. Whatever it raises stops the workflow."""
        raise TypeError(f"action {self.name!r}: {type(self).__name__} defines no execute(ctx)")

    def use(self, *middleware: Middleware[ActionContext]) -> None:
        """Put middleware around this action; what was added first is outermost."""
        self.middleware = (*self.middleware, *middleware)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.name!r})"


class FunctionAction(Action):
    """An action made of a function of one argument, the context."""

    def __init__(
        self, name: str, function: Callable[[ActionContext], None], description: str = "", tags: Iterable[str] = ()
    ) -> None:
        super().__init__(name, description, tags)
        self._function = function

    def execute(self, ctx: ActionContext) -> None:
        self._function(ctx)

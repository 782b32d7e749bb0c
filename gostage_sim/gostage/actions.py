"""An action: the smallest piece of work of a workflow.

The module is not called `action`: importing it would replace the decorator of that name in the package.
"""

from __future__ import annotations

TYPE_CHECKING = False  # see gostage/__init__.py
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from gostage_sim.gostage.context import ActionContext


class Action:
    """A named piece of work; subclass it and write `execute`, or put `@action("id")` above a function.

    `params` are what a definition gave this action: a dict of JSON values, empty outside of definitions.
    """

    def __init__(self, name: str, description: str = "", tags: Iterable[str] = ()) -> None:
        self.name = name
        self.description = description
        self.tags = tuple(tags)
        self.params: dict[str, object] = {}

    def execute(self, ctx: ActionContext) -> None:
        """Do the work. Whatever it raises stops the workflow."""
        raise TypeError(f"action {self.name!r}: {type(self).__name__} defines no execute(ctx)")

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

"""The action registry: action ids, and how to make the action of each.

A child rebuilds its workflow from ids, so parent and child must hold the same registrations; both get them by importing
the same modules.
"""

from __future__ import annotations

from gostage_sim.gostage.actions import Action, FunctionAction
from gostage_sim.gostage.errors import RegistrationError, UnknownActionError
from gostage_sim.gostage.tags import distinct_tags

TYPE_CHECKING = False  # see gostage/__init__.py
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from types import FrameType
    from typing import Any

    from gostage_sim.gostage.context import ActionContext


class Entry:
    """How the action of one id is made, and where that was said."""

    __slots__ = ("factory", "imported_by", "module", "place")

    def __init__(self, factory: Callable[[], Action], place: str, module: str, imported_by: str | None) -> None:
        self.factory = factory
        self.place = place
        """`file:line` of the registration."""
        self.module = module
        """The module whose code registered it."""
        self.imported_by = imported_by
        """The module whose import registers it; None when a function did so later, and importing cannot repeat it."""


_factories: dict[str, Entry] = {}


def register_action(id: str, factory: Callable[[], Action]) -> None:
    """Make `factory()` the way to build the action `id`; RegistrationError when the id is taken by another place.

    The same place may register again: a program that is its own child is imported as `__main__` and by its name.
    """
    import sys

    if not isinstance(id, str) or not id:
        raise TypeError(f"an action id is a non-empty str; found {id!r}")
    if not callable(factory):
        raise TypeError(f"the factory of action {id!r} must be callable, as a class is; found {factory!r}")
    caller = sys._getframe(1)
    if caller.f_code.co_filename == __file__:  # through the decorator: the place is its user's
        caller = caller.f_back or caller
    place = f"{caller.f_code.co_filename}:{caller.f_lineno}"
    known = _factories.get(id)
    if known is not None and known.place != place:
        raise RegistrationError(f"action id {id!r} is registered twice: at {known.place} and at {place}; rename one")
    _factories[id] = Entry(factory, place, str(caller.f_globals.get("__name__")), _importing_module(caller))


def action(
    id: str, *, description: str = "", tags: Iterable[str] = ()
) -> Callable[[Callable[[ActionContext], None]], Callable[[ActionContext], None]]:
    """Register the function below as the action `id`. The function itself is returned unchanged.

    Without a description the first paragraph of its docstring is that. TypeError for a class (see `register_action`),
    and for an `async` function or a generator.
    """
    if not isinstance(id, str):
        raise TypeError(f'@action needs an id: @action("my.id"), not @action; found {id!r}')
    tags = distinct_tags(tags)

    def register(function: Callable[[ActionContext], None]) -> Callable[[ActionContext], None]:
        about = description or _first_paragraph(function.__doc__)
        FunctionAction(id, function, about, tags)  # refuses here, not in a child, what no action can be made of
        register_action(id, _Decorated(id, function, about, tags))
        return function

    return register


def _first_paragraph(doc: str | None) -> str:
    return " ".join((doc or "").strip().partition("\n\n")[0].split())


class _Decorated:
    """The factory of a decorated function: no lambda, because this can be pickled."""

    def __init__(self, *arguments: Any) -> None:
        self.arguments = arguments

    def __call__(self) -> Action:
        return FunctionAction(*self.arguments)


def new_action(id: str) -> Action:
    """A new action of this id, which it knows as its `registered_id`.

    UnknownActionError with close matches when nobody registered it.
    """
    known = _factories.get(id)
    if known is None:
        raise unknown_actions((id,))
    made = known.factory()
    if not isinstance(made, Action):
        raise RegistrationError(
            f"the factory of action {id!r}, registered at {known.place}, made {type(made).__name__}, expected an Action"
        )
    object.__setattr__(made, "registered_id", id)  # also into a frozen dataclass
    return made


def registered_ids() -> list[str]:
    """All ids, sorted."""
    return sorted(_factories)


def entries() -> dict[str, Entry]:
    """All registrations by id."""
    return dict(_factories)


def adopt(id: str, entry: Entry) -> None:
    """Take over a registration that another process sent; it is the one that counts, whatever was known here."""
    _factories[id] = entry


def _importing_module(frame: FrameType | None) -> str | None:
    """The module that is being imported while this frame runs, which may be a function that the module calls."""
    import sys

    while frame is not None and frame.f_code.co_name != "<module>":
        frame = frame.f_back
    if frame is None:
        return None
    name = str(frame.f_globals.get("__name__"))
    module = sys.modules.get(name)
    return name if module is not None and vars(module) is frame.f_globals else None


def unknown_actions(missing: tuple[str, ...]) -> UnknownActionError:
    """The error for ids nobody registered, with what comes close."""
    from difflib import get_close_matches

    parts = []
    for id in missing:
        close = get_close_matches(id, _factories, n=1)
        parts.append(f"{id!r}" + (f" (did you mean {close[0]!r}?)" if close else ""))
    known = ", ".join(registered_ids()) or "none"
    return UnknownActionError(
        f"unknown action {', '.join(parts)}; registered in this process: {known}. "
        "Parent and child must import the same modules.",
        missing,
    )

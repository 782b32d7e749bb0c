"""Middleware behind the middleware that is there already; what cannot be called is refused where it is added."""

from __future__ import annotations

TYPE_CHECKING = False  # see gostage/__init__.py
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import TypeVar

    from gostage_sim.gostage.context import RunContext
    from gostage_sim.gostage.middleware import Middleware

    C = TypeVar("C", bound=RunContext)


def extended(present: tuple[Middleware[C], ...], more: Iterable[Middleware[C]]) -> tuple[Middleware[C], ...]:
    """Both, `present` outermost. TypeError for what is no middleware, and for one that is not in a list."""
    if callable(more):
        raise TypeError(f"middleware comes in a list; found {more!r}, write [{getattr(more, '__name__', '…')}]")
    added = tuple(more)
    for one in added:
        if not callable(one):
            raise TypeError(f"middleware is a function of the context and of what it goes around; found {one!r}")
    return (*present, *added)

"""Arguments that could only fail later, refused where they are given.

Whoever needs it in a child imports it late: a child that is called properly does without.
"""

from __future__ import annotations

TYPE_CHECKING = False  # see gostage/__init__.py
if TYPE_CHECKING:
    from typing import Any


_ANYTHING = object()


def is_amount(value: object) -> bool:
    """Whether it is a number, 0 or more: of seconds, for one. A bool is an int too, and never meant."""
    return isinstance(value, int | float) and not isinstance(value, bool) and value >= 0


def require_mapping(found: object, what: str) -> None:
    """TypeError for what is no mapping."""
    if not hasattr(found, "items"):  # collections.abc.Mapping would cost a child an import
        raise TypeError(f"{what} is a mapping of keys to values; found {found!r}")


def require_class(found: Any, what: str) -> None:
    """TypeError for what `isinstance` cannot look for, as the name of a class or a generic."""
    try:
        isinstance(_ANYTHING, found)
    except TypeError:
        of = getattr(found, "__origin__", None)
        hint = f"; ask for {of.__name__}" if isinstance(of, type) else ""
        raise TypeError(f"{what} are found by a class or a union of classes; found {found!r}{hint}") from None

"""Copies between stores: clone, merge, and the two kinds of copy."""

from __future__ import annotations

from copy import deepcopy
from enum import StrEnum
from typing import Any, NamedTuple

from gostage_sim.gostage.errors import MergeConflictError, StoreError, safe_str
from gostage_sim.gostage.store import require_store

TYPE_CHECKING = False  # see gostage/__init__.py
if TYPE_CHECKING:
    from gostage_sim.gostage.store import Store


class MergeStrategy(StrEnum):
    """What `store.merge` does where both stores have a value."""

    ERROR = "error"
    """Raise MergeConflictError; nothing is taken."""
    SKIP = "skip"
    """Keep what is here."""
    OVERWRITE = "overwrite"
    """Replace it."""

    @classmethod
    def _missing_(cls, value: object) -> None:
        raise ValueError(f"a merge strategy is one of {', '.join(map(repr, map(str, cls)))}; found {value!r}")


class Copied(NamedTuple):
    """How many values came over: under new keys, and in place of others."""

    copied: int
    overwritten: int


def take(store: Store, other: Store, strategy: MergeStrategy) -> Copied:
    """Put deep copies of what `other` has into `store`."""
    require_store(other, "what a store takes over from")
    part = clone(other)  # the locks one after the other: two stores may merge each other at once
    with store._lock:
        store.remove_expired()
        collisions = set(store.find_collisions(part))
        if collisions and strategy is MergeStrategy.ERROR:
            keys = tuple(sorted(collisions))
            raise MergeConflictError(
                f"both stores hold {', '.join(map(repr, keys))}; merge with SKIP to keep what is here, "
                "or with OVERWRITE to replace it",
                keys,
            )
        copied = 0
        for key, value in part._values.items():
            if key in collisions and strategy is MergeStrategy.SKIP:
                continue
            store._values[key] = value
            theirs, ours = part._facts[key], store._known().get(key)
            if ours is None:
                store._facts[key] = theirs
            else:
                ours.replace(theirs.tags, theirs.properties(), theirs.description)
                ours.updated_at = theirs.updated_at
            store._expiries.pop(key, None)
            if key in part._expiries:  # the two may have different clocks
                store._expiries[key] = store.clock() + part._expiries[key] - part.clock()
            store._foreign.discard(key)
            if key in part._foreign:
                store._foreign.add(key)
            copied += key not in collisions
    overwritten = len(collisions) if strategy is MergeStrategy.OVERWRITE else 0
    return Copied(copied, overwritten)


def clone(store: Store) -> Store:
    """An independent copy; what has expired is left out."""
    with store._lock:
        copy = type(store)(clock=store.clock)
        values = store._snapshot()
        gone = store._values.keys() - values.keys()
        copy._expiries = {key: at for key, at in store._expiries.items() if key not in gone}
        copy._facts = {key: facts.copy() for key, facts in store._known().items() if key not in gone}
        copy._foreign |= store._foreign - gone
    memo: dict[int, Any] = {}
    for key, value in values.items():
        copy._values[key] = _deep_copy(value, memo, f"the value under {key!r}")
    for key, facts in copy._facts.items():
        if facts.said:
            facts.said = _deep_copy(facts.said, memo, f"the properties of {key!r}")
    return copy


def _deep_copy(value: Any, memo: dict[int, Any], what: str) -> Any:
    try:
        return deepcopy(value, memo)
    except Exception as error:  # __deepcopy__ and __reduce__ are the application's
        raise StoreError(f"{what} cannot be copied: {type(error).__name__}: {safe_str(error)}") from error

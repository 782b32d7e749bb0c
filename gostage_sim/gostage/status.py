"""Statuses: how far a workflow, a stage or an action has come, kept as metadata in the workflow's store.

Keys: `workflow:<id>`, `stage:<id>`, `action:<stage id>:<action name>`; the second action of a name in its stage has
`#2` behind the name. In the key of an action a colon of the stage's id is written `%3A`, a `#` of the name `%23`, and a
`%` of either `%25`. Where several workflows share a store and an id, the store tells of the one that was built, or
began to run, last. Properties: `status`, `order` (position in its stage or workflow, from 0: as added, and as it ran
once it has run), `createdBy` (`program`, or the key of the action that added it). Tags: its own (an action's as they
were when it was added: it may stand in several places and knows none of them), `system` on all, `dynamic` on what an
action added, `disabled` on what is switched off.
"""

from __future__ import annotations

TYPE_CHECKING = False  # see gostage/__init__.py
if TYPE_CHECKING:
    from typing import Any

    from gostage_sim.gostage.chain import Place
    from gostage_sim.gostage.store import Store

PENDING, RUNNING, COMPLETED, FAILED, SKIPPED = "pending", "running", "completed", "failed", "skipped"
STATUSES = (PENDING, RUNNING, COMPLETED, FAILED, SKIPPED)

SYSTEM, DYNAMIC, DISABLED = "system", "dynamic", "disabled"
_SYSTEM_ALONE, _SYSTEM_DYNAMIC = frozenset((SYSTEM,)), frozenset((SYSTEM, DYNAMIC))
"""Shared by all without tags of their own: a set for each of 100,000 actions is memory, and work for the collector."""
PROGRAM = "program"
"""`createdBy` of what no action added."""


def tags_of(place: Place[Any]) -> frozenset[str]:
    """All tags of a place."""
    tags = _SYSTEM_ALONE if place.creator is None else _SYSTEM_DYNAMIC
    if place.item.tags or place.disabled:
        tags = tags.union(place.item.tags, (DISABLED,) if place.disabled else ())
    return tags


def mark(store: Store, place: Place[Any], status: str) -> None:
    """Keep a new status."""
    place.status = status
    place.updated_at = store.clock()


def mark_order(store: Store, place: Place[Any], order: int) -> None:
    """Keep the position at which it runs."""
    if place.order != order:
        place.order = order
        place.updated_at = store.clock()


def switch(store: Store, place: Place[Any], *, disabled: bool) -> bool:
    """Switch a place off or on; whether that changed anything."""
    if place.disabled is disabled:
        return False
    place.disabled = disabled
    store.settle()
    (store.add_tag if disabled else store.remove_tag)(place.key, DISABLED)
    return True

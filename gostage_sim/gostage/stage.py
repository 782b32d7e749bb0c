"""A stage: actions that run one after another."""

from __future__ import annotations

from gostage_sim.gostage.actions import Action
from gostage_sim.gostage.chain import Chain
from gostage_sim.gostage.middleware.adding import extended
from gostage_sim.gostage.status import PENDING, tags_of
from gostage_sim.gostage.store import Store, checked_key
from gostage_sim.gostage.storing.metadata import require_description
from gostage_sim.gostage.tags import Tagged, distinct_tags

TYPE_CHECKING = False  # see gostage/__init__.py
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any

    from gostage_sim.gostage.chain import Place
    from gostage_sim.gostage.context import ActionContext, StageContext
    from gostage_sim.gostage.middleware import Middleware


class Stage(Tagged):
    """Actions in order under one id, with values put into the store before the first of them.

    `actions` may be given at once, or added with `add_action`. The same action may stand in it several times. The id is
    not to be changed once the stage belongs to a workflow.
    """

    def __init__(
        self,
        id: str,
        name: str = "",
        description: str = "",
        tags: Iterable[str] = (),
        actions: Iterable[Action] = (),
    ) -> None:
        if not isinstance(id, str) or not id:
            raise TypeError(f"a stage id is a non-empty str; found {id!r}")
        require_description(description)
        self.id = id
        self.name = name or id
        self.description = description
        self.tags = distinct_tags(tags)
        self.initial_store: dict[str, object] = {}
        self.middleware: tuple[Middleware[StageContext], ...] = ()
        self.action_middleware: tuple[Middleware[ActionContext], ...] = ()
        self._chain: Chain[Action] = Chain()
        self._store: Store | None = None  # of the workflow it belongs to
        self._place: Place[Stage] | None = None  # in that workflow
        self._names: dict[str, int] | None = None  # how many actions of a name; counted while it belongs to a workflow
        for action in actions:
            self.add_action(action)

    @property
    def actions(self) -> tuple[Action, ...]:
        """The actions in the order they run, as it is now. Collected anew after a change."""
        return self._chain.items()

    @property
    def action_count(self) -> int:
        """How many actions it has; cheaper than `len(stage.actions)` while those change."""
        return len(self._chain)

    def add_action(self, action: Action) -> None:
        """Append an action; it runs after those already there. TypeError for what is no action."""
        _require_action(action)
        self._register(self._chain.append(action))

    def set_initial_data(self, key: str, value: object) -> None:
        """Put `value` into the workflow's store when the stage begins; StoreError for a key that is no str."""
        self.initial_store[checked_key(key)] = value

    def use(self, *middleware: Middleware[StageContext]) -> None:
        """Put middleware around the block of this stage's actions; what was added first is outermost."""
        self.middleware = extended(self.middleware, middleware)

    def use_for_actions(self, *middleware: Middleware[ActionContext]) -> None:
        """Put middleware around each action of this stage, outside of what the action itself uses."""
        self.action_middleware = extended(self.action_middleware, middleware)

    def add_tag(self, tag: str) -> None:
        """Add a tag; one that is there already changes nothing."""
        super().add_tag(tag)
        if self._store is not None and self._place is not None:
            self._store.add_tag(self._place.key, tag)

    def __repr__(self) -> str:
        return f"Stage({self.id!r}, {len(self._chain)} actions)"

    # What the workflow does with it

    def _join(self, place: Place[Stage], store: Store) -> None:
        """Belong to a workflow from here on: statuses are kept in its store."""
        if self._store is not store:
            self._give_up(Store.release)
        self._place, self._store, self._names = place, store, {}
        place.key = f"stage:{self.id}"
        place.tags = tags_of(place)
        store.keep(place.key, place)
        for action in self._chain.places():
            self._register(action)

    def _leave(self) -> None:
        """Belong to no workflow any more; nothing is known about it in the store."""
        self._give_up(Store.unkeep)
        self._place = self._store = self._names = None

    def _give_up(self, how: Callable[[Store, str, Place[Any]], None]) -> None:
        if self._store is not None and self._place is not None:
            self._store.settle()
            how(self._store, self._place.key, self._place)
            for place in self._chain.places():
                how(self._store, place.key, place)

    def _insert(self, anchor: Place[Action] | None, action: Action, creator: Place[Action]) -> Place[Action]:
        """Add a dynamic action behind `anchor`, or at the end."""
        _require_action(action)
        place = self._chain.append(action) if anchor is None else self._chain.insert_behind(anchor, action)
        place.creator = creator
        self._register(place)
        return place

    def _remove(self, place: Place[Action]) -> bool:
        if not self._chain.remove(place):
            return False
        if self._store is not None and self._names is not None:
            self._store.settle()
            self._store.unkeep(place.key, place)
            name = place.item.name
            if place.key == self._key(name, self._names.get(name, 0)):  # the next one of this name takes its number
                self._names[name] -= 1
        place.creator = None  # one that adds itself again and removes itself leaves no chain behind
        return True

    def _register(self, place: Place[Action]) -> None:
        place.home = self
        if self._store is None:
            return
        place.status, place.created = PENDING, None  # it may have run in another workflow
        place.tags = tags_of(place)
        self._store.expect(place)

    def _next_key(self, place: Place[Any]) -> str:
        assert self._names is not None
        name = place.item.name
        self._names[name] = number = self._names.get(name, 0) + 1
        return self._key(name, number)

    def _key(self, name: str, number: int) -> str:
        # Escaped, so that no two actions share a key: stage 'a:b' may have an action 'c', and stage 'a' one 'b:c'.
        name = name.replace("%", "%25").replace("#", "%23")
        return f"action:{self.id.replace('%', '%25').replace(':', '%3A')}:{name}" + (f"#{number}" if number > 1 else "")


def _require_action(action: object) -> None:
    """TypeError for what is no action."""
    if not isinstance(action, Action):
        hint = "; FunctionAction(name, function) makes one of a function" if callable(action) else ""
        raise TypeError(f"a stage is made of Actions; found {action!r}{hint}")

"""The order in which stages or actions run, and the place of each in it.

A doubly linked list: whatever runs may put others behind itself and take out any of them, each in constant time. A list
would be copied at every insertion, and 100,000 actions that add one each would copy ten thousand million references.
"""

from __future__ import annotations

from gostage_sim.gostage.errors import StoreError
from gostage_sim.gostage.status import PENDING, PROGRAM
from gostage_sim.gostage.storing.metadata import NO_TAGS, Facts

TYPE_CHECKING = False  # see gostage/__init__.py
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Any, Generic, TypeVar

    from gostage_sim.gostage.stage import Stage

    T = TypeVar("T")

    class _OfItems(Generic[T]):
        pass

else:

    class _OfItems:
        """Stands for `typing.Generic`, whose import a child would pay for."""

        __slots__ = ()

        def __class_getitem__(cls, item: object) -> type:
            return cls

    T = None


_OWN = frozenset(("order", "createdBy", "status"))


class Place(Facts, _OfItems[T]):
    """Where one stage or action stands, and what the engine knows of it there.

    It is itself what the workflow's store knows about its key: keeping a status there again would double what a run of
    100,000 actions has to touch.
    """

    __slots__ = (
        "after", "before", "created", "created_before", "creator", "disabled", "home", "item", "key", "last_added",
        "order", "removed", "status",
    )  # fmt: skip

    kept = True

    def __init__(self, item: T) -> None:
        self.created_at = self.updated_at = 0.0
        """When it came to be known in a store."""
        self.tags, self.description, self.said = NO_TAGS, "", None
        self.item = item
        self.before: Place[T] | None = None
        self.after: Place[T] | None = None
        self.removed = False
        self.disabled = False
        self.status = PENDING
        self.key = ""
        """Of its metadata in the store; that of an action is made when somebody asks the store."""
        self.creator: Place[Any] | None = None
        """The action that added it while running."""
        self.order = 0
        self.last_added: Place[T] | None = None
        """Behind which one the next dynamic one goes, when something has been added behind this one already."""
        # What an action added while it ran, linked from the last one back: a list for each of 100,000 actions would be
        # one more object for the collector to visit, again and again.
        self.created: Place[Any] | None = None
        """The last one that the action here added while it ran."""
        self.created_before: Place[Any] | None = None
        """The one that the same action added before this one."""
        self.home: Stage | None = None
        """That of an action; None for a stage."""

    def settle(self) -> str:
        """The key of an action, made now."""
        assert self.home is not None
        self.key = self.home._next_key(self)
        return self.key

    def properties(self) -> dict[str, object]:
        """The three that a run keeps, and what was set besides."""
        created_by = PROGRAM if self.creator is None else self.creator.key
        return {"order": self.order, "createdBy": created_by, "status": self.status, **super().properties()}

    def property(self, name: str, default: object) -> object:
        """One of them, or `default`."""
        return self.properties()[name] if name in _OWN else super().property(name, default)

    def say(self, key: str, properties: Mapping[str, object]) -> None:
        """Set others; StoreError for the three that a run keeps."""
        for name in properties:
            if name in _OWN:
                raise StoreError(f"the workflow keeps {name!r} of {key!r} itself; choose another name")
        super().say(key, properties)

    def replace(self, tags: frozenset[str], properties: Mapping[str, object], description: str) -> None:
        """Say this, and nothing that was said before; the three that a run keeps stay."""
        super().replace(tags, {name: value for name, value in properties.items() if name not in _OWN}, description)


class Chain(_OfItems[T]):
    """Places in order, and a cursor that stays right whatever is added or removed while it moves."""

    __slots__ = ("_cursor", "_first", "_items", "_last", "_length")

    def __init__(self) -> None:
        self._first: Place[T] | None = None
        self._last: Place[T] | None = None
        self._cursor: Place[T] | None = None
        self._length = 0
        self._items: tuple[T, ...] | None = ()

    def __len__(self) -> int:
        return self._length

    def append(self, item: T) -> Place[T]:
        """A new place at the end."""
        place = Place(item)
        place.order = self._length
        self._link(self._last, place)
        return place

    def insert_behind(self, anchor: Place[T], item: T) -> Place[T]:
        """A new place behind `anchor`, and behind all that was inserted behind `anchor` before."""
        place = Place(item)
        last = anchor.last_added or anchor
        while last.removed and last is not self._cursor:
            # A removed place keeps its link to the one before it, so this ends at `anchor` or one added behind it.
            assert last.before is not None
            last = last.before
        place.order = last.order + 1
        self._link(last, place)
        anchor.last_added = place
        return place

    def remove(self, place: Place[T]) -> bool:
        """Take a place out; False when it is out already. The one that is running is left behind the cursor."""
        if place.removed:
            return False
        place.removed = True
        self._length -= 1
        self._items = None
        if place is not self._cursor:
            self._unlink(place)
        return True

    def begin(self) -> Place[T] | None:
        """Put the cursor on the first place and return that."""
        self.end()
        self._cursor = self._first
        return self._cursor

    def advance(self) -> Place[T] | None:
        """Move the cursor to the place that now follows, and return it; None at the end."""
        done = self._cursor
        if done is None:
            return None
        self._cursor = following = done.after
        if done.removed:
            self._unlink(done)
        return following

    def end(self) -> None:
        """Take the cursor away."""
        done, self._cursor = self._cursor, None
        if done is not None and done.removed:
            self._unlink(done)

    def places(self) -> Iterator[Place[T]]:
        """All places in order. Any may be removed meanwhile: a removed one still knows the one after it."""
        place = self._first
        while place is not None:
            if not place.removed:
                yield place
            place = place.after

    def items(self) -> tuple[T, ...]:
        """All items in order; made anew after a change only."""
        if self._items is None:
            self._items = tuple([place.item for place in self.places()])
        return self._items

    def _link(self, before: Place[T] | None, place: Place[T]) -> None:
        after = self._first if before is None else before.after
        place.before, place.after = before, after
        if before is None:
            self._first = place
        else:
            before.after = place
        if after is None:
            self._last = place
        else:
            after.before = place
        self._length += 1
        self._items = None

    def _unlink(self, place: Place[T]) -> None:
        before, after = place.before, place.after
        if before is None:
            self._first = after
        else:
            before.after = after
        if after is None:
            self._last = before
        else:
            after.before = before

"""The order in which stages or actions run, and the place of each in it.

A doubly linked list: whatever runs may put others behind itself and take out any of them, each in constant time. A list
would be copied at every insertion, and 100,000 actions that add one each would copy ten thousand million references.
"""

from __future__ import annotations

from gostage_sim.gostage.status import PENDING, PROGRAM

TYPE_CHECKING = False  # see gostage/__init__.py
if TYPE_CHECKING:
    from collections.abc import Iterator
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


class Place(_OfItems[T]):
    """Where one stage or action stands, and what the engine knows of it there."""

    __slots__ = (
        "after", "before", "created", "created_before", "created_by", "disabled", "home", "item", "key", "last_added",
        "number", "order", "removed", "status",
    )  # fmt: skip

    def __init__(self, item: T) -> None:
        self.item = item
        self.before: Place[T] | None = None
        self.after: Place[T] | None = None
        self.removed = False
        self.disabled = False
        self.status = PENDING
        self.key = ""
        """Of its metadata in the store; empty while it belongs to no workflow."""
        self.created_by = PROGRAM
        """Or the key of the action that added it while running."""
        self.number = 1
        """Which one of its name it is in its stage; the name alone need not tell."""
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
        """The stage of an action that was added so; None for a stage."""

    @property
    def dynamic(self) -> bool:
        """Whether an action added it."""
        return self.created_by != PROGRAM


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

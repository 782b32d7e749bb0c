"""What a store knows about a key besides its value."""

from __future__ import annotations

from _thread import RLock  # threading.RLock without threading's imports, which a child would pay for

from gostage_sim.gostage.errors import KeyMissingError
from gostage_sim.gostage.tags import distinct_tags

TYPE_CHECKING = False  # see gostage/__init__.py
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from typing import Any, TypeVar

    F = TypeVar("F")


class Metadata:
    """Tags, properties and description of a key, and when it was created and last changed.

    `store.metadata(key)` returns one, which is a snapshot: change it in the store with `describe`, `add_tag`,
    `remove_tag` and `set_property`. `store.put(key, value, metadata=Metadata(tags=["draft"]))` takes one. The times are
    seconds of the store's clock, by default since the epoch; the store sets them.
    """

    __slots__ = ("created_at", "description", "properties", "tags", "updated_at")

    def __init__(
        self,
        tags: Iterable[str] = (),
        properties: Mapping[str, object] | None = None,
        description: str = "",
        created_at: float = 0.0,
        updated_at: float = 0.0,
    ) -> None:
        self.tags: set[str] | frozenset[str] = set(distinct_tags(tags)) if tags else NO_TAGS
        self.properties: dict[str, object] = dict(properties) if properties else {}
        self.description = description
        self.created_at = created_at
        self.updated_at = updated_at

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Metadata):
            return NotImplemented
        return all(getattr(self, name) == getattr(other, name) for name in self.__slots__)

    __hash__ = None  # type: ignore[assignment]  # its properties change

    def __repr__(self) -> str:
        facts = ", ".join(f"{name}={getattr(self, name)!r}" for name in sorted(self.__slots__))
        return f"Metadata({facts})"


FACTS = ("_tags", "_properties", "_descriptions")
"""What `Described` keeps of what a program says about a key."""

NO_TAGS: frozenset[str] = frozenset()
"""One object for every key without tags."""


class Described:
    """Metadata by key, for `Store`: everything about keys that does not concern their values.

    A lock and a clock belong to it, and the times at which keys expire. Each fact is in a dict of its own: a key costs
    nothing for what nobody said about it, and a workflow's statuses are no objects that the collector has to visit, as
    one record for each of 100,000 actions would be.
    """

    __slots__ = ("_clock", "_created", "_descriptions", "_expiries", "_lock", "_properties", "_tags", "_updated")

    def __init__(self, clock: Callable[[], float]) -> None:
        self._lock = RLock()
        self._clock = clock
        self._created: dict[str, float] = {}
        self._updated: dict[str, float] = {}  # of keys that changed since they were created
        self._expiries: dict[str, float] = {}
        self._tags: dict[str, frozenset[str]] = {}
        self._properties: dict[str, dict[str, object]] = {}
        self._descriptions: dict[str, str] = {}

    def metadata(self, key: str) -> Metadata:
        """What is known about `key`, as a snapshot; KeyMissingError when nothing is.

        Also for a key without a value that was described, and for one whose value expired and was not removed yet.
        """
        with self._lock:
            created = self._created.get(key)
            if created is None:
                raise KeyMissingError(f"the store knows nothing about {key!r}")
            return Metadata(
                self._tags.get(key, NO_TAGS),
                self._properties.get(key),
                self._descriptions.get(key, ""),
                created,
                self._updated.get(key, created),
            )

    def describe(
        self,
        key: str,
        *,
        tags: Iterable[str] = (),
        properties: Mapping[str, object] | None = None,
        description: str | None = None,
    ) -> None:
        """Add tags and properties to what is known about `key`, and set its description when one is given.

        The key need not have a value.
        """
        more = tags if type(tags) is frozenset else frozenset(distinct_tags(tags))
        with self._lock:
            self._touch(key)
            if more:
                known = self._tags.get(key)
                self._tags[key] = more if known is None else known | more
            if properties:
                self._properties.setdefault(key, {}).update(properties)
            if description is not None:
                self._descriptions[key] = description

    def set_property(self, key: str, name: str, value: object) -> None:
        """Set one property of `key`, which need not have a value."""
        with self._lock:
            self._touch(key)
            known = self._properties.get(key)
            if known is None:
                known = self._properties[key] = {}
            known[name] = value

    def get_property(self, key: str, name: str, default: object = None) -> Any:
        """One property of `key`, or `default` when there is none. Cheaper than `metadata(key).properties`."""
        known = self._properties.get(key)
        return default if known is None else known.get(name, default)

    def add_tag(self, key: str, tag: str) -> None:
        """Tag `key`, which need not have a value."""
        with self._lock:
            self._touch(key)
            self._tags[key] = self._tags.get(key, NO_TAGS).union((tag,))

    def remove_tag(self, key: str, tag: str) -> bool:
        """Take a tag off `key`; False when it did not have it."""
        with self._lock:
            if tag not in self._tags.get(key, NO_TAGS):
                return False
            self._touch(key)
            self._tags[key] = self._tags[key].difference((tag,))
            return True

    def find_keys_by_tag(self, tag: str) -> list[str]:
        """The keys with this tag, those without a value included."""
        return self._keys_where(self._tags, lambda tags: tag in tags)

    def find_keys_by_all_tags(self, tags: Iterable[str]) -> list[str]:
        """The keys that have every one of these tags, of which there is at least one."""
        wanted = frozenset(distinct_tags(tags))
        return self._keys_where(self._tags, lambda tags: bool(wanted) and wanted <= tags)

    def find_keys_by_any_tag(self, tags: Iterable[str]) -> list[str]:
        """The keys that have at least one of these tags."""
        wanted = frozenset(distinct_tags(tags))
        return self._keys_where(self._tags, lambda tags: not wanted.isdisjoint(tags))

    def find_keys_by_property(self, name: str, value: object) -> list[str]:
        """The keys whose property `name` equals `value`."""
        return self._keys_where(self._properties, lambda known: name in known and known[name] == value)

    # Whoever calls these holds the lock; `_keys_where` takes it.

    def _expired(self, key: Any, now: float) -> bool:
        expiry = self._expiries.get(key)
        return expiry is not None and now >= expiry

    def _replace(self, key: str, metadata: Metadata) -> None:
        """Say of the key what `metadata` says, and nothing else."""
        for name, said in zip(
            FACTS, (frozenset(metadata.tags), dict(metadata.properties), metadata.description), strict=True
        ):
            facts: dict[str, Any] = getattr(self, name)
            facts.pop(key, None)
            if said:
                facts[key] = said

    def _touch(self, key: str) -> None:
        """The key is about to change; it begins to be known here when it was not."""
        now = self._updated[key] = self._clock()
        self._created.setdefault(key, now)

    def _keys_where(self, facts: Mapping[str, F], holds: Callable[[F], bool]) -> list[str]:
        with self._lock:
            now = self._clock()
            return [key for key, fact in facts.items() if holds(fact) and not self._expired(key, now)]

"""What a store knows about a key besides its value."""

from __future__ import annotations

from _thread import RLock  # threading.RLock without threading's imports, which a child would pay for

from gostage_sim.gostage.errors import KeyMissingError

TYPE_CHECKING = False  # see gostage/__init__.py
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from typing import Any


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
        self.tags: set[str] | frozenset[str] = set(tags) if tags else NO_TAGS
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


NO_TAGS: frozenset[str] = frozenset()
"""One object for every key without tags: a workflow keeps a record for each of its actions."""


class Described:
    """Metadata by key, for `Store`: everything about keys that does not concern their values.

    A lock and a clock belong to it, and the times at which keys expire. Creation and change are plain floats beside the
    records, and a key has a record from its first tag, property or description only: most never get one, and building
    it would cost more than the put.
    """

    __slots__ = ("_clock", "_created", "_expiries", "_lock", "_records", "_updated")

    def __init__(self, clock: Callable[[], float]) -> None:
        self._lock = RLock()
        self._clock = clock
        self._created: dict[str, float] = {}
        self._updated: dict[str, float] = {}  # of keys that changed since they were created
        self._expiries: dict[str, float] = {}
        self._records: dict[str, Metadata] = {}

    def metadata(self, key: str) -> Metadata:
        """What is known about `key`, as a snapshot; KeyMissingError when nothing is.

        Also for a key without a value that was described, and for one whose value expired and was not removed yet.
        """
        with self._lock:
            created = self._created.get(key)
            if created is None:
                raise KeyMissingError(f"the store knows nothing about {key!r}")
            known = self._records.get(key) or NOTHING
            updated = self._updated.get(key, created)
            return Metadata(known.tags, known.properties, known.description, created, updated)

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
        with self._lock:
            record = self._record(key)
            if tags:
                record.tags = {*record.tags, *tags}
            if properties:
                record.properties.update(properties)
            if description is not None:
                record.description = description

    def set_property(self, key: str, name: str, value: object) -> None:
        """Set one property of `key`, which need not have a value."""
        with self._lock:
            self._record(key).properties[name] = value

    def get_property(self, key: str, name: str, default: object = None) -> Any:
        """One property of `key`, or `default` when there is none. Cheaper than `metadata(key).properties`."""
        return (self._records.get(key) or NOTHING).properties.get(name, default)

    def add_tag(self, key: str, tag: str) -> None:
        """Tag `key`, which need not have a value."""
        with self._lock:
            record = self._record(key)
            record.tags = {*record.tags, tag}

    def remove_tag(self, key: str, tag: str) -> bool:
        """Take a tag off `key`; False when it did not have it."""
        with self._lock:
            if tag not in (self._records.get(key) or NOTHING).tags:
                return False
            record = self._record(key)
            record.tags = record.tags - {tag}
            return True

    def find_keys_by_tag(self, tag: str) -> list[str]:
        """The keys with this tag, those without a value included."""
        return self._keys_where(lambda record: tag in record.tags)

    def find_keys_by_all_tags(self, tags: Iterable[str]) -> list[str]:
        """The keys that have every one of these tags, of which there is at least one."""
        wanted = frozenset(tags)
        return self._keys_where(lambda record: bool(wanted) and wanted <= record.tags)

    def find_keys_by_any_tag(self, tags: Iterable[str]) -> list[str]:
        """The keys that have at least one of these tags."""
        wanted = frozenset(tags)
        return self._keys_where(lambda record: not wanted.isdisjoint(record.tags))

    def find_keys_by_property(self, name: str, value: object) -> list[str]:
        """The keys whose property `name` equals `value`."""
        return self._keys_where(lambda record: name in record.properties and record.properties[name] == value)

    # Whoever calls these two holds the lock.

    def _expired(self, key: Any, now: float) -> bool:
        expiry = self._expiries.get(key)
        return expiry is not None and now >= expiry

    def _record(self, key: str) -> Metadata:
        """The record of a key that is about to change, a new one when there was none."""
        now = self._clock()
        self._updated[key] = now
        record = self._records.get(key)
        if record is None:
            self._created.setdefault(key, now)
            record = self._records[key] = Metadata()
        return record

    def _keys_where(self, holds: Callable[[Metadata], bool]) -> list[str]:
        with self._lock:
            now = self._clock()
            return [key for key, record in self._records.items() if holds(record) and not self._expired(key, now)]


NOTHING = Metadata()
"""What is known about a key without a record; never changed."""

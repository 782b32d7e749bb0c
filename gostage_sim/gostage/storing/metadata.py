"""What a store knows about a key besides its value."""

from __future__ import annotations

from _thread import RLock  # threading.RLock without threading's imports, which a child would pay for

from gostage_sim.gostage.errors import KeyMissingError
from gostage_sim.gostage.tags import distinct_tags

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
        self.tags: set[str] | frozenset[str] = set(distinct_tags(tags)) if tags else NO_TAGS
        require_description(description)
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


def require_description(description: object) -> None:
    """TypeError for a description that is no text."""
    if not isinstance(description, str):
        raise TypeError(f"a description is a str; found {description!r}")


NO_TAGS: frozenset[str] = frozenset()
"""One object for every key without tags."""


class Facts:
    """What is known about one key. A part of a workflow is one itself, see `Described.keep`."""

    __slots__ = ("created_at", "description", "said", "tags", "updated_at")

    kept = False
    """Whether a workflow keeps it, and not whoever deletes the key."""

    def __init__(self, now: float) -> None:
        self.created_at = self.updated_at = now
        self.tags: frozenset[str] = NO_TAGS
        self.description = ""
        self.said: dict[str, object] | None = None
        """The properties that were set; None for none, as for most keys."""

    def properties(self) -> dict[str, object]:
        """All properties, in a new dict."""
        return dict(self.said) if self.said else {}

    def property(self, name: str, default: object) -> object:
        """One property, or `default`."""
        return self.said.get(name, default) if self.said else default

    def say(self, key: str, properties: Mapping[str, object]) -> None:
        """Set properties of this key; all of them, or none and a StoreError."""
        if self.said is None:
            self.said = {}
        self.said.update(properties)

    def replace(self, tags: frozenset[str], properties: Mapping[str, object], description: str) -> None:
        """Say this, and nothing that was said before."""
        self.tags, self.said, self.description = tags, dict(properties) if properties else None, description

    def settle(self) -> str:
        """The key under which a workflow keeps this; asked for once, see `Described.expect`."""
        raise NotImplementedError

    def copy(self) -> Facts:
        """The same, kept by nobody."""
        copy = Facts(self.created_at)
        copy.updated_at = self.updated_at
        copy.replace(self.tags, self.properties(), self.description)
        return copy


_NONE = object()
"""No property at all: None is one."""


class Described:
    """Metadata by key, for `Store`: everything about keys that does not concern their values.

    A lock and a clock belong to it, and the times at which keys expire.
    """

    __slots__ = ("_expected", "_expiries", "_facts", "_lock", "clock")

    def __init__(self, clock: Callable[[], float]) -> None:
        self.clock = clock
        """Gives the seconds in which the times of keys are told, and in which they expire."""
        self._lock = RLock()
        self._facts: dict[str, Facts] = {}
        self._expected: list[Facts] = []  # kept under keys that nobody has asked about yet
        self._expiries: dict[str, float] = {}

    def metadata(self, key: str) -> Metadata:
        """What is known about `key`, as a snapshot; KeyMissingError when nothing is.

        Also for a key without a value that was described, and for one whose value expired and was not removed yet.
        """
        with self._lock:
            facts = self._known().get(key)
            if facts is None:
                raise KeyMissingError(f"the store knows nothing about {key!r}")
            return Metadata(facts.tags, facts.properties(), facts.description, facts.created_at, facts.updated_at)

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
        if description is not None:
            require_description(description)
        more = tags if type(tags) is frozenset else frozenset(distinct_tags(tags))
        with self._lock:
            facts = self._touched(key)
            if properties:
                facts.say(key, properties)
            if more:
                facts.tags = facts.tags | more if facts.tags else more
            if description is not None:
                facts.description = description

    def set_property(self, key: str, name: str, value: object) -> None:
        """Set one property of `key`, which need not have a value."""
        with self._lock:
            self._touched(key).say(key, {name: value})

    def get_property(self, key: str, name: str, default: object = None) -> Any:
        """One property of `key`, or `default` when there is none. Cheaper than `metadata(key).properties`."""
        with self._lock:
            facts = self._known().get(key)
        return default if facts is None else facts.property(name, default)

    def add_tag(self, key: str, tag: str) -> None:
        """Tag `key`, which need not have a value."""
        more = distinct_tags((tag,))
        with self._lock:
            facts = self._touched(key)
            facts.tags = facts.tags.union(more)

    def remove_tag(self, key: str, tag: str) -> bool:
        """Take a tag off `key`; False when it did not have it."""
        with self._lock:
            facts = self._known().get(key)
            if facts is None or tag not in facts.tags:
                return False
            facts.updated_at = self.clock()
            facts.tags = facts.tags.difference((tag,))
            return True

    def find_keys_by_tag(self, tag: str) -> list[str]:
        """The keys with this tag, those without a value included."""
        return self._keys_where(lambda facts: tag in facts.tags)

    def find_keys_by_all_tags(self, tags: Iterable[str]) -> list[str]:
        """The keys that have every one of these tags, of which there is at least one."""
        wanted = frozenset(distinct_tags(tags))
        return self._keys_where(lambda facts: bool(wanted) and wanted <= facts.tags)

    def find_keys_by_any_tag(self, tags: Iterable[str]) -> list[str]:
        """The keys that have at least one of these tags."""
        wanted = frozenset(distinct_tags(tags))
        return self._keys_where(lambda facts: not wanted.isdisjoint(facts.tags))

    def find_keys_by_property(self, name: str, value: object) -> list[str]:
        """The keys whose property `name` equals `value`."""

        def equal(facts: Facts) -> bool:
            known = facts.property(name, _NONE)
            return known is not _NONE and known == value

        return self._keys_where(equal)

    # What a workflow does with it

    def keep(self, key: str, facts: Facts) -> None:
        """Let `facts` be what is known about `key` from now on, with what was known already.

        Whoever keeps it changes it in place, at no cost here: a status is set twice for each action, and a look-up
        among 100,000 keys is a memory access that no cache has.
        """
        with self._lock:
            facts.updated_at = facts.created_at = self.clock()
            self._keep(key, facts)

    def expect(self, facts: Facts) -> None:
        """Keep `facts` under the key that it settles on when somebody looks, which may be never."""
        with self._lock:
            facts.updated_at = facts.created_at = self.clock()
            self._expected.append(facts)

    def settle(self) -> None:
        """Let everything that is expected have its key."""
        with self._lock:
            self._known()

    def keeps(self, key: str, facts: Facts) -> bool:
        """Whether `facts` is what is known about `key`; of what was expected, once that has settled."""
        return self._facts.get(key) is facts

    def release(self, key: str, facts: Facts) -> None:
        """Know a copy of `facts` from now on, as it is now."""
        with self._lock:
            if self.keeps(key, facts):
                self._facts[key] = facts.copy()

    # Whoever calls these holds the lock; `_keys_where` takes it.

    def _expired(self, key: Any, now: float) -> bool:
        expiry = self._expiries.get(key)
        return expiry is not None and now >= expiry

    def _known(self) -> dict[str, Facts]:
        """What is known, by key."""
        if self._expected:
            expected, self._expected = self._expected, []
            for facts in expected:
                self._keep(facts.settle(), facts)
        return self._facts

    def _keep(self, key: str, facts: Facts) -> None:
        known = self._facts.setdefault(key, facts)
        if known is not facts:
            facts.created_at = known.created_at
            # Another workflow's tags, `disabled` for one, say nothing about this one.
            tags = facts.tags if known.kept else facts.tags | known.tags
            facts.replace(tags, known.properties(), known.description)
            self._facts[key] = facts

    def _touched(self, key: str) -> Facts:
        """What is known of a key that is about to change; it begins to be known here when it was not."""
        known = self._known()
        facts = known.get(key)
        if facts is None:
            facts = known[key] = Facts(self.clock())
        else:
            facts.updated_at = self.clock()
        return facts

    def _keys_where(self, holds: Callable[[Facts], bool]) -> list[str]:
        with self._lock:
            now = self.clock()
            return [key for key, facts in self._known().items() if holds(facts) and not self._expired(key, now)]

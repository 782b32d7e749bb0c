"""The store: values by key, shared by the actions of a workflow, safe under threads."""

from __future__ import annotations

import time

from gostage_sim.gostage.errors import ExpiredError, KeyMissingError, StoreError, WrongTypeError
from gostage_sim.gostage.storing.metadata import Described, Facts, Metadata

TYPE_CHECKING = False  # see gostage/__init__.py
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from datetime import timedelta
    from types import UnionType
    from typing import Any, Self, TypeVar, overload

    from gostage_sim.gostage.storing.combining import Copied, MergeStrategy

    T = TypeVar("T")
    D = TypeVar("D")


class _Missing:
    """Nothing is stored: of a class that no caller asks for."""


_MISSING = _Missing()


class Store(Described):
    """A thread-safe mapping from str to anything, with typed reads.

    Values are kept as they are, not copied: what `get` returns is the object that was put. `update_field` never changes
    that object, it puts a changed copy in its place; so a reader sees all of an update or nothing of it.

    A key may have a time to live, in seconds of `clock`. When it is over, the value counts as missing everywhere, and
    `get` says that it expired until the key is put again, deleted, or dropped by `remove_expired()`.

    A key has metadata from its first put to its deletion. `describe` also gives metadata to a key without a value; such
    a key is in no `keys()`, `count()` or `export_all()`.
    """

    __slots__ = ("__weakref__", "_foreign", "_values")

    def __init__(self, values: Mapping[str, object] | None = None, *, clock: Callable[[], float] = time.time) -> None:
        if not callable(clock):
            raise TypeError(f"clock is a function that gives seconds; found {clock!r}")
        super().__init__(clock)
        self._values: dict[str, object] = {}
        self._foreign: set[str] = set()  # keys whose values were imported: plain data that may stand for an object
        for key, value in (values or {}).items():
            self.put(key, value)

    # Values

    def put(
        self, key: str, value: object, *, ttl: float | timedelta | None = None, metadata: Metadata | None = None
    ) -> None:
        """Store `value`, replacing what was there and its time to live.

        `ttl` is the time to live, in seconds or as a timedelta, more than 0; without it the value stays. `metadata`
        replaces the tags, properties and description of the key, which otherwise stay as they are.
        """
        if type(key) is not str:
            key = checked_key(key)
        lifetime = None if ttl is None else _seconds(key, ttl)
        if metadata is not None and not isinstance(metadata, Metadata):
            raise TypeError(f"the metadata of {key!r} is a Metadata; found {metadata!r}")
        with self._lock:
            now = self.clock()
            if self._expiries:
                self._forget_if_expired(key, now)
                self._expiries.pop(key, None)
            if self._foreign:
                self._foreign.discard(key)
            self._values[key] = value
            known = self._known() if self._expected else self._facts
            facts = known.get(key)
            if facts is None:
                facts = known[key] = Facts(now)
            else:
                facts.updated_at = now
            if lifetime is not None:
                self._expiries[key] = now + lifetime
            if metadata is not None:
                facts.replace(frozenset(metadata.tags), metadata.properties, metadata.description)

    if TYPE_CHECKING:

        @overload
        def get(self, key: str, type_: type[T]) -> T: ...
        @overload
        def get(self, key: str, type_: Callable[..., T]) -> T: ...  # an ABC or protocol is no type[T] to mypy
        @overload
        def get(self, key: str, type_: UnionType) -> Any: ...

    def get(self, key: str, type_: Any) -> Any:
        """The value under `key`.

        `type_` is its class, a base class, a runtime-checkable protocol, an abstract class, a union of them, or a
        generic such as `list[int]`, whose elements are then looked at too. A bool is not taken for an int.

        Raises KeyMissingError when there is none, ExpiredError when its time is over, WrongTypeError when it is of
        another type. A value that came from another process (`from_export`) is plain data; naming its dataclass,
        pydantic model, msgspec struct, named tuple or enum here builds the object, a new one for each read, and raises
        WrongTypeError when the data does not fit.
        """
        if self._expiries:
            self._refuse_expired(key)
        value = self._values.get(key, _MISSING)  # without the lock, which would cost more: it is one step of the dict
        if type(value) is type_:
            return value
        if value is _MISSING:
            raise KeyMissingError(f"the store holds nothing under {key!r}")
        try:
            if isinstance(value, type_) and not (isinstance(value, bool) and type_ is int):
                return value
            readable = key in self._foreign
        except TypeError:  # a generic, or no type at all
            readable = True
        if readable:
            from gostage_sim.gostage.storing.conversion import read

            return read(key, value, type_, foreign=key in self._foreign)
        wanted = getattr(type_, "__name__", type_)  # `int | None` has no name
        raise WrongTypeError(f"the store holds {type(value).__name__} under {key!r}, not {wanted}")

    if TYPE_CHECKING:

        @overload
        def get_or_default(self, key: str, default: T) -> T: ...
        @overload
        def get_or_default(self, key: str, default: D, type_: type[T]) -> T | D: ...
        @overload
        def get_or_default(self, key: str, default: D, type_: Callable[..., T]) -> T | D: ...

    def get_or_default(self, key: str, default: Any, type_: Any = None) -> Any:
        """The value under `key`, or `default` when there is none or it expired.

        `type_` is as for `get`, and without it the type of `default`. WrongTypeError when the value is of another type.
        """
        try:
            return self.get(key, type(default) if type_ is None else type_)
        except (KeyMissingError, ExpiredError):
            return default

    def delete(self, key: str) -> bool:
        """Remove the value and all that is known about its key; False when there was no value.

        What a workflow keeps there of its own parts stays.
        """
        with self._lock:
            found = key in self
            self._forget(key)
            return found

    def clear(self) -> None:
        """Remove all values with their metadata. Descriptions of keys without a value stay: a run keeps statuses so."""
        with self._lock:
            for key in list(self._values):
                self.delete(key)

    def remove_expired(self) -> int:
        """Drop what has expired, and return how many that were."""
        with self._lock:
            now = self.clock()
            return sum(self._forget_if_expired(key, now) for key in list(self._expiries))

    # What is in it

    def keys(self) -> list[str]:
        """All keys with a value, in the order in which they were first put."""
        with self._lock:
            if not self._expiries:
                return list(self._values)
            now = self.clock()
            return [key for key in self._values if not self._expired(key, now)]

    def count(self) -> int:
        """How many keys have a value; `len(store)` is the same."""
        return len(self.keys())

    def types(self) -> dict[str, type]:
        """The class of each value, by key."""
        return {key: type(value) for key, value in self._snapshot().items()}

    def keys_by_type(self, type_: type | UnionType) -> list[str]:
        """The keys whose value is an instance of `type_`, as `get` sees it: a bool is no int."""
        from gostage_sim.gostage.arguments import require_class

        require_class(type_, "keys")
        found = self._snapshot().items()
        return [
            key for key, value in found if isinstance(value, type_) and (type_ is not int or type(value) is not bool)
        ]

    def schema(self, key: str) -> dict[str, Any]:
        """The JSON Schema (draft 2020-12) of the type of the value under `key`; a new dict each time.

        KeyMissingError and ExpiredError as for `get`; StoreError when the type has no schema.
        """
        from gostage_sim.gostage.storing.schema import schema_of

        value = self.get(key, object)
        try:
            return schema_of(type(value))
        except TypeError as error:
            raise StoreError(f"the value under {key!r} has no JSON Schema: {error}") from error

    def find_keys_by_schema(self, schema: type | Mapping[str, Any]) -> list[str]:
        """The keys whose value's type has this schema, given as such or as a class that has it."""
        from gostage_sim.gostage.storing.schema import matching_keys

        return matching_keys(self._snapshot(), schema)

    # Updates

    def update_field(self, key: str, path: str | Sequence[str | int], value: object) -> None:
        """Set one field inside the value under `key`: `update_field("order", "lines.0.price", 12)`.

        A path leads through dict keys, list and tuple indices, and fields of dataclasses (frozen ones too), pydantic
        models, msgspec structs and named tuples; write it as a sequence where a key contains a dot or is no str. The
        last key of a dict may be new. Models check the new value by their own rules and dataclasses by `__post_init__`;
        both against their annotations. FieldError says which part of the path is wrong; then nothing was changed.
        """
        self.update_fields(key, {path if isinstance(path, str) else tuple(path): value})

    def update_fields(self, key: str, changes: Mapping[str, Any] | Mapping[str | tuple[str | int, ...], Any]) -> None:
        """Set several fields inside one value, by path: all of them, or none and a FieldError.

        No other thread sees, or overwrites, a part of it. An object of which several fields change is checked once,
        with all of them.
        """
        from gostage_sim.gostage.arguments import require_mapping
        from gostage_sim.gostage.storing.fields import updated

        require_mapping(changes, "what update_fields sets")
        with self._lock:
            value = updated(key, self.get(key, object), changes)
            self._values[key] = value
            self._touched(key)

    # Several stores

    def clone(self) -> Store:
        """An independent store with deep copies of all values, their remaining times to live and all metadata.

        Values that shared an object share its copy. StoreError names the key of a value that cannot be copied.
        """
        from gostage_sim.gostage.storing.combining import clone

        return clone(self)

    def find_collisions(self, other: Store) -> list[str]:
        """The keys for which both stores have a value, in this store's order."""
        require_store(other, "what a store is compared with")
        theirs = set(other.keys())
        return [key for key in self.keys() if key in theirs]

    def merge(self, other: Store, strategy: MergeStrategy | str = "error") -> int:
        """Take over deep copies of the values of `other` with their metadata; returns how many were taken.

        Where both stores have a value, `strategy` decides: ERROR raises MergeConflictError and nothing is taken, SKIP
        keeps what is here, OVERWRITE replaces it.
        """
        from gostage_sim.gostage.storing.combining import MergeStrategy, take

        taken = take(self, other, MergeStrategy(strategy))
        return taken.copied + taken.overwritten

    def copy_from(self, other: Store) -> int:
        """Take over what is not here yet, as `merge` with SKIP; returns how many values were copied."""
        return self.merge(other, "skip")

    def copy_from_with_overwrite(self, other: Store) -> Copied:
        """Take over everything, as `merge` with OVERWRITE; returns `(copied, overwritten)`, `copied` being new keys."""
        from gostage_sim.gostage.storing.combining import MergeStrategy, take

        return take(self, other, MergeStrategy.OVERWRITE)

    # Other processes

    def export_all(self) -> dict[str, Any]:
        """All values by key as plain data: what JSON has, and nothing else.

        Plain values stay as they are. Others become `{"$type": …, "value": …}`, as `storing.encoding` lists them.
        ExportError names every key whose value has no such form. Metadata and times to live are not exported.
        """
        from gostage_sim.gostage.storing.encoding import export_values

        return export_values(self._snapshot())

    def import_all(self, data: Mapping[str, Any]) -> None:
        """Put what `export_all` made, here or in another process; all of it, or none and a StoreError.

        Nothing in it is evaluated and no module is imported for it: dates, decimals, sets and other built-in types come
        back, objects of an application's classes stay data until `get(key, TheirClass)` names the class.
        """
        from gostage_sim.gostage.arguments import require_mapping
        from gostage_sim.gostage.storing.encoding import import_values

        require_mapping(data, "an exported store")
        values = import_values(data)
        with self._lock:
            for key, value in values.items():
                self.put(key, value)
                self._foreign.add(key)

    @classmethod
    def from_export(cls, data: Mapping[str, Any], *, clock: Callable[[], float] = time.time) -> Self:
        """A store with what `export_all` made; see `import_all`."""
        store = cls(clock=clock)
        store.import_all(data)
        return store

    def __len__(self) -> int:
        return len(self.keys()) if self._expiries else len(self._values)

    def __contains__(self, key: object) -> bool:
        with self._lock:
            return key in self._values and not (self._expiries and self._expired(key, self.clock()))

    def __iter__(self) -> Iterator[str]:
        return iter(self.keys())

    def __repr__(self) -> str:
        return f"Store({len(self)} values)"

    # What a workflow does with it, besides `keep`, `expect` and `release`

    def unkeep(self, key: str, facts: Facts) -> None:
        """Let nobody keep what is known about `key`: nothing, if it has no value."""
        with self._lock:
            if self.keeps(key, facts):
                if key in self._values:
                    self.release(key, facts)
                else:
                    del self._facts[key]

    def _refuse_expired(self, key: str) -> None:
        with self._lock:
            now = self.clock()
            if self._expired(key, now):
                since = now - self._expiries[key]
                raise ExpiredError(f"the value under {key!r} expired {since:.3g} s ago; put it again or delete it")

    def _forget_if_expired(self, key: str, now: float) -> bool:
        gone = self._expired(key, now)
        if gone:
            self._forget(key)
        return gone

    def _forget(self, key: str) -> None:
        self._values.pop(key, None)
        self._expiries.pop(key, None)
        self._foreign.discard(key)
        facts = self._known().get(key)
        if facts is not None and not facts.kept:
            del self._facts[key]

    def _snapshot(self) -> dict[str, object]:
        with self._lock:
            now = self.clock()
            return {key: value for key, value in self._values.items() if not self._expired(key, now)}


def require_store(found: object, what: str) -> None:
    """TypeError for what is no store."""
    if not isinstance(found, Store):
        hint = "; Store(values) makes one of a mapping" if hasattr(found, "keys") else ""
        raise TypeError(f"{what} is a Store; found {type(found).__name__}{hint}")


def checked_key(key: object) -> str:
    """The key as the store has it; StoreError for what is no str."""
    if isinstance(key, str):  # an enum of texts, for example
        return str.__str__(key)
    raise StoreError(f"a store key is a str; found {key!r}")


def _seconds(key: str, ttl: float | timedelta) -> float:
    if isinstance(ttl, int | float):
        seconds: float = ttl
    elif hasattr(ttl, "total_seconds"):
        seconds = ttl.total_seconds()
    else:
        raise TypeError(f"the time to live of {key!r} is a number of seconds or a timedelta; found {ttl!r}")
    if not seconds > 0:
        raise StoreError(f"the time to live of {key!r} is more than 0 seconds; found {ttl!r}")
    return seconds

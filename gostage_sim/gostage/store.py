"""The store: values by key, shared by the actions of a workflow, safe under threads."""

from __future__ import annotations

from _thread import RLock  # threading.RLock without threading's imports, which a child would pay for

from gostage_sim.gostage.errors import KeyMissingError, StoreError, WrongTypeError

TYPE_CHECKING = False  # see gostage/__init__.py
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import TypeVar

    T = TypeVar("T")

_MISSING = object()


class Store:
    """A thread-safe mapping with typed reads."""

    def __init__(self, values: Mapping[str, object] | None = None) -> None:
        self._lock = RLock()
        self._values: dict[str, object] = dict(values or {})

    def put(self, key: str, value: object) -> None:
        """Store `value`, replacing what was there."""
        if not isinstance(key, str):
            raise StoreError(f"a store key is a str; found {key!r}")
        with self._lock:
            self._values[key] = value

    def get(self, key: str, type_: type[T]) -> T:
        """The value under `key`.

        Raises KeyMissingError when there is none, WrongTypeError when it is no instance of `type_`. A bool is not taken
        for an int.
        """
        with self._lock:
            value = self._values.get(key, _MISSING)
        if value is _MISSING:
            raise KeyMissingError(f"the store holds nothing under {key!r}")
        if not isinstance(value, type_) or (isinstance(value, bool) and type_ is int):
            wanted = getattr(type_, "__name__", type_)  # `int | None` has no name
            raise WrongTypeError(f"the store holds {type(value).__name__} under {key!r}, not {wanted}")
        return value

    def get_or_default(self, key: str, default: T) -> T:
        """The value under `key`, or `default` when there is none; WrongTypeError when it is of another type."""
        try:
            return self.get(key, type(default))
        except KeyMissingError:
            return default

    def delete(self, key: str) -> bool:
        """Remove the value; False when there was none."""
        with self._lock:
            return self._values.pop(key, _MISSING) is not _MISSING

    def keys(self) -> list[str]:
        """All keys, in the order in which they were first put."""
        with self._lock:
            return list(self._values)

    def export_all(self) -> dict[str, object]:
        """A copy of all values by key."""
        with self._lock:
            return dict(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __contains__(self, key: object) -> bool:
        return key in self._values

    def __iter__(self) -> Iterator[str]:
        return iter(self.keys())

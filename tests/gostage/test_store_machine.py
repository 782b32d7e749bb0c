"""The store against a plain model of it: any sequence of calls, the clock included."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from gostage_sim.gostage import Metadata, Store, errors

KEYS = st.sampled_from("abc")
TAGS = st.sets(st.sampled_from("xyz"))
VALUES = (
    st.integers() | st.booleans() | st.text() | st.lists(st.integers()) | st.fixed_dictionaries({"n": st.integers()})
)


@dataclass
class Known:
    """What the model remembers of a key."""

    created: float
    updated: float
    tags: set[str] = field(default_factory=set)
    value: Any = None
    has_value: bool = False
    expiry: float = float("inf")


class StoreMachine(RuleBasedStateMachine):
    """Dicts and a clock, without locks, shortcuts or records on demand."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        self.store = Store(clock=lambda: self.now)
        self.model: dict[str, Known] = {}
        self.order: list[str] = []

    def live(self) -> dict[str, Any]:
        known = self.model
        return {key: known[key].value for key in self.order if known[key].has_value and known[key].expiry > self.now}

    def forget(self, key: str) -> None:
        self.model.pop(key, None)
        if key in self.order:
            self.order.remove(key)

    @rule(seconds=st.integers(1, 5))
    def time_passes(self, seconds: int) -> None:
        self.now += seconds

    @rule(key=KEYS, value=VALUES, ttl=st.none() | st.integers(1, 5), tags=st.none() | TAGS)
    def put(self, key: str, value: Any, ttl: int | None, tags: set[str] | None) -> None:
        self.store.put(key, value, ttl=ttl, metadata=None if tags is None else Metadata(tags))
        if key in self.model and self.model[key].expiry <= self.now:
            self.forget(key)
        known = self.model.setdefault(key, Known(self.now, self.now))
        known.value, known.has_value, known.updated = value, True, self.now
        known.expiry = float("inf") if ttl is None else self.now + ttl
        if tags is not None:
            known.tags = set(tags)
        if key not in self.order:
            self.order.append(key)

    @rule(key=KEYS)
    def delete(self, key: str) -> None:
        assert self.store.delete(key) is (key in self.live())
        self.forget(key)

    @rule()
    def clear(self) -> None:
        self.store.clear()
        for key in list(self.order):
            self.forget(key)

    def forget_expired(self) -> int:
        gone = [key for key in self.order if self.model[key].expiry <= self.now]
        for key in gone:
            self.forget(key)
        return len(gone)

    @rule()
    def remove_expired(self) -> None:
        assert self.store.remove_expired() == self.forget_expired()

    @rule(key=KEYS, tags=TAGS)
    def describe(self, key: str, tags: set[str]) -> None:
        self.store.describe(key, tags=tags)
        known = self.model.setdefault(key, Known(self.now, self.now))
        known.tags |= tags
        known.updated = self.now

    @rule(key=KEYS, new=st.integers())
    def update(self, key: str, new: int) -> None:
        value = self.live().get(key)
        if isinstance(value, dict):
            self.store.update_field(key, "n", new)
            self.model[key].value = {"n": new}
            self.model[key].updated = self.now
        else:
            with pytest.raises((errors.FieldError, errors.KeyMissingError, errors.ExpiredError)):
                self.store.update_field(key, "n.m", new)

    @rule(key=KEYS, value=VALUES, overwrite=st.booleans())
    def merge(self, key: str, value: Any, overwrite: bool) -> None:
        other = Store({key: value}, clock=lambda: self.now)
        taken = self.store.merge(other, "overwrite" if overwrite else "skip")
        collides = key in self.live()
        assert taken == (overwrite or not collides)
        self.forget_expired()  # a merge drops what has expired
        if taken:
            known = self.model.setdefault(key, Known(self.now, self.now))
            known.value, known.has_value, known.expiry, known.updated = value, True, float("inf"), self.now
            known.tags = set()
            if key not in self.order:
                self.order.append(key)

    @rule()
    def go_on_with_a_clone(self) -> None:
        self.forget_expired()  # a clone leaves out what has expired
        before = self.store
        self.store = before.clone()
        for key, value in deepcopy(before.export_all()).items():
            before.put(key, ["changed", value])

    @rule()
    def export_makes_the_trip(self) -> None:
        data = self.store.export_all()
        assert Store.from_export(data).export_all() == data == self.live()

    @invariant()
    def values_agree(self) -> None:
        live = self.live()
        assert self.store.keys() == list(live)
        assert (len(self.store), self.store.count()) == (len(live), len(live))
        assert self.store.types() == {key: type(value) for key, value in live.items()}
        assert self.store.keys_by_type(int) == [key for key, value in live.items() if type(value) is int]
        for key in "abc":
            assert (key in self.store) is (key in live)
            if key in live:
                assert self.store.get(key, type(live[key])) == live[key]
                with pytest.raises(errors.WrongTypeError):
                    self.store.get(key, bytes)
            else:
                expected = errors.ExpiredError if key in self.order else errors.KeyMissingError
                with pytest.raises(expected):
                    self.store.get(key, object)

    @invariant()
    def metadata_agrees(self) -> None:
        for key in "abc":
            if key in self.model:
                known = self.model[key]
                assert self.store.metadata(key) == Metadata(known.tags, {}, "", known.created, known.updated)
            else:
                with pytest.raises(errors.KeyMissingError):
                    self.store.metadata(key)
        seen = {key for key, known in self.model.items() if "x" in known.tags and known.expiry > self.now}
        assert set(self.store.find_keys_by_tag("x")) == seen


TestStoreMachine = StoreMachine.TestCase

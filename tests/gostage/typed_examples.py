"""What mypy makes of the store's reads. It is checked by `mypy tests` and run by `test_store.py`."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sized
from dataclasses import dataclass
from typing import Protocol, assert_type, runtime_checkable

from gostage_sim.gostage import Copied, Store


@dataclass
class Order:
    number: int


@runtime_checkable
class Numbered(Protocol):
    @property
    def number(self) -> int: ...


class Shape(ABC):
    @abstractmethod
    def area(self) -> float: ...


class Square(Shape):
    def area(self) -> float:
        return 1.0


def reads_have_the_type_that_was_asked_for(store: Store) -> None:
    assert_type(store.get("count", int), int)
    assert_type(store.get("order", Order), Order)
    assert_type(store.get("order", Numbered), Numbered)
    assert_type(store.get("shape", Shape), Shape)
    assert_type(store.get("names", Sized), Sized)
    assert_type(store.get("names", list[str]), list[str])


def defaults_widen_it(store: Store) -> None:
    assert_type(store.get_or_default("count", 0), int)
    assert_type(store.get_or_default("order", None, Order), Order | None)
    assert_type(store.get_or_default("shape", None, Shape), Shape | None)


def the_rest(store: Store) -> None:
    assert_type(store.keys_by_type(int), list[str])
    assert_type(store.types(), dict[str, type])
    assert_type(store.copy_from_with_overwrite(Store()), Copied)
    assert_type(store.clone(), Store)


def filled() -> Store:
    return Store({"count": 1, "order": Order(5), "shape": Square(), "names": ["a"]})

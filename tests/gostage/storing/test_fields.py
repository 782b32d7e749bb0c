"""Updates by dotted path: every kind of value, all or nothing."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import InitVar, dataclass, field
from datetime import date
from typing import Any, ClassVar, NamedTuple

import msgspec
import pydantic
import pytest

from gostage_sim.gostage import Exported, Store, errors


@dataclass(frozen=True, slots=True)
class Line:
    name: str
    price: float = 0.0


@dataclass
class Order:
    lines: list[Line]
    due: date | None = None
    total: float = field(init=False, default=0.0)
    kind: ClassVar[str] = "order"

    def __post_init__(self) -> None:
        if any(line.price < 0 for line in self.lines):
            raise ValueError("a price is never negative")
        self.total = sum(line.price for line in self.lines)


@dataclass
class Seeded:
    seed: InitVar[int]
    value: int = 0

    def __post_init__(self, seed: int) -> None:
        self.value = seed


class Point(msgspec.Struct, frozen=True):
    x: int
    y: int = 0


class Pair(NamedTuple):
    first: int
    second: str = ""


class Span(pydantic.BaseModel, extra="allow"):
    model_config = pydantic.ConfigDict(frozen=True)

    start: int = pydantic.Field(alias="from")
    end: int
    _secret: int = pydantic.PrivateAttr(default=0)

    @pydantic.model_validator(mode="after")
    def _forward(self) -> Span:
        if self.end < self.start:
            raise ValueError("a span does not end before it starts")
        return self


def order() -> Order:
    return Order([Line("a", 1.0), Line("b", 2.0)])


@pytest.mark.parametrize(
    ("value", "path", "new", "expected"),
    [
        ({"a": {"b": 1}}, "a.b", 2, {"a": {"b": 2}}),
        ({"a": {}}, "a.new", 2, {"a": {"new": 2}}),
        ({"a.b": {1: 0}}, ("a.b", 1), 2, {"a.b": {1: 2}}),
        ([[1, 2], 3], "0.1", 9, [[1, 9], 3]),
        ((1, (2, 3)), "1.0", 9, (1, (9, 3))),
        (Pair(1, "x"), "second", "y", Pair(1, "y")),
        (Line("a"), "name", "b", Line("b")),
        (Point(1), "y", 5, Point(1, 5)),
        ({"p": [Point(1)]}, "p.0.x", 5, {"p": [Point(5)]}),
    ],
)
def test_one_field(value: Any, path: Any, new: object, expected: object) -> None:
    """A path leads through dicts, lists, tuples, named tuples, frozen dataclasses and structs; the old value stays."""
    before = repr(value)
    store = Store({"k": value})
    store.update_field("k", path, new)
    assert store.get("k", type(value)) == expected
    assert repr(value) == before


def test_a_dataclass_checks_itself() -> None:
    """`__post_init__` runs on the copy with all changes in place, and its derived fields are right."""
    store = Store({"order": order()})
    store.update_fields("order", {"lines.0.price": 5, "lines.1.name": "c", "due": date(2030, 1, 1)})
    found = store.get("order", Order)
    assert (found.lines, found.due, found.total) == ([Line("a", 5.0), Line("c", 2.0)], date(2030, 1, 1), 7.0)


def test_a_dict_keeps_its_class() -> None:
    """A subclass of dict stays one."""
    store = Store({"d": defaultdict[str, object](list, a=1)})
    store.update_field("d", "b", 2)
    assert store.get("d", defaultdict)["c"] == []


def test_fields_that_nobody_can_set_again_are_kept() -> None:
    """A dataclass whose `__post_init__` asks for values nobody kept is changed without it."""
    store = Store({"s": Seeded(5)})
    store.update_field("s", "value", 6)
    assert store.get("s", Seeded).value == 6


def test_a_pydantic_model_validates_as_a_whole() -> None:
    """Two fields that are only valid together are set together; aliases, extras and private attributes are kept."""
    span = Span.model_validate({"from": 1, "end": 2, "note": "n"})
    span._secret = 7
    store = Store({"span": span})
    store.update_fields("span", {"start": 10, "end": "20", "note": "m"})
    found = store.get("span", Span)
    assert (found.start, found.end, found.model_extra, found._secret) == (10, 20, {"note": "m"}, 7)
    assert span.start == 1


SPAN = Span.model_validate({"from": 1, "end": 2})


@pytest.mark.parametrize(
    ("value", "path", "new", "text"),
    [
        (order(), "lines.0.prise", 1, "'lines.0.prise': Line has no field 'prise'; did you mean 'price'?"),
        (order(), "lines.7.price", 1, "'lines.7': list has no index 7; it has 2 items"),
        (order(), "lines.x", 1, "'lines.x': list has no index x; it has 2 items"),
        (order(), "total.cents", 1, "'total.cents': float has no fields that can be updated"),
        ({"a": 1}, "b.c", 1, "'b': dict has no key 'b'"),
        (5, "a", 1, "'a': int has no fields that can be updated"),
        ({}, "", 1, "'' is no path; write it as 'field.0.field'"),
        ({}, "a..b", 1, "'a..b' is no path; write it as 'field.0.field'"),
        (order(), "lines.0.name", 5, "Line refuses 'lines.0.name': name: expected str, found int"),
        (order(), "lines.0.price", -1, "Order refuses 'lines': ValueError: a price is never negative"),
        (Exported("m:C", {}), "a", 1, "the value is data of 'm:C' from another process; "
         "read it with get() and its class, and put the object first"),
    ],
)  # fmt: skip
def test_what_a_path_cannot_do(value: object, path: str, new: object, text: str) -> None:
    """The error says which part of the path is wrong and why, and nothing was changed."""
    store = Store({"k": value})
    before = repr(value)
    with pytest.raises(errors.FieldError) as caught:
        store.update_field("k", path, new)
    assert str(caught.value) == f"store key 'k': {text}"
    assert store.get("k", object) is value
    assert repr(value) == before


def test_all_or_nothing() -> None:
    """One bad change of several leaves everything as it was."""
    store = Store({"order": order()})
    with pytest.raises(errors.FieldError):
        store.update_fields("order", {"due": date(2030, 1, 1), "lines.0.prise": 1})
    assert store.get("order", Order) == order()


@pytest.mark.parametrize("changes", [{"a": 1, "a.b": 2}, {"a.b": 2, "a": 1}, {"a.b": 1, ("a", "b"): 2}])
def test_changes_do_not_overlap(changes: Any) -> None:
    """Two changes of which one contains the other are refused: their order would decide."""
    with pytest.raises(errors.FieldError, match=r"^store key 'k': two of the changes overlap at '(a|a\.b)'$"):
        Store({"k": {"a": {"b": 0}}}).update_fields("k", changes)


def test_missing_keys() -> None:
    """There is no update of what is not there."""
    with pytest.raises(errors.KeyMissingError, match=r"^the store holds nothing under 'k'$"):
        Store().update_field("k", "a", 1)


def test_a_pydantic_error_is_the_cause() -> None:
    """What a model says against the new value is in the text, and the error itself is the cause."""
    store = Store({"span": SPAN})
    with pytest.raises(errors.FieldError) as caught:
        store.update_field("span", "end", 0)
    assert str(caught.value).startswith("store key 'span': Span refuses 'end': ValidationError: 1 validation error")
    assert isinstance(caught.value.__cause__, pydantic.ValidationError)

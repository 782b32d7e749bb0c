"""Values as plain data and back, whatever a child sends."""

from __future__ import annotations

import json
import sys
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gostage_sim.gostage import Exported, Store, errors
from gostage_sim.gostage.storing.encoding import MAX_DEPTH


def there_and_back(value: object) -> object:
    """The value after a trip through JSON text."""
    data = json.loads(json.dumps(Store({"k": value}).export_all(), allow_nan=False))
    return Store.from_export(data).get("k", object)


PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)
HASHABLE = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text() | st.binary() | st.uuids() | st.dates() | st.datetimes()
    | st.times() | st.timedeltas() | st.decimals(allow_nan=False) | st.builds(Path, st.text("ab./", min_size=1)),
    lambda inner: st.tuples(inner, inner) | st.frozensets(inner, max_size=3),
    max_leaves=5,
)  # fmt: skip
RICH = st.recursive(
    HASHABLE | st.binary().map(bytearray) | st.sets(HASHABLE, max_size=3),
    lambda inner: st.lists(inner) | st.dictionaries(HASHABLE, inner, max_size=3)
    | st.dictionaries(st.sampled_from(["$type", "value", "x"]), inner),
    max_leaves=8,
)  # fmt: skip


@given(PLAIN)
def test_plain_values_stay_as_they_are(value: object) -> None:
    """What JSON has is exported unchanged, so that a program in another language reads it."""
    assert Store({"k": value}).export_all() == {"k": value} or "$type" in repr(value)


@given(RICH)
def test_rich_values_come_back(value: object) -> None:
    """Every built-in type of the table survives, nested in every other, down to its class."""
    back = there_and_back(value)
    assert back == value
    assert type(back) is type(value)


@pytest.mark.parametrize(
    ("value", "data"),
    [
        (datetime(2030, 1, 2, 3, 4, 5, 6, UTC), ["datetime", "2030-01-02T03:04:05.000006+00:00"]),
        (date(2030, 1, 2), ["date", "2030-01-02"]),
        (time(3, 4, tzinfo=timezone(timedelta(hours=2))), ["time", "03:04:00+02:00"]),
        (timedelta(days=-1, microseconds=5), ["timedelta", [-1, 0, 5]]),
        (Decimal("1.10"), ["decimal", "1.10"]),
        (UUID(int=5), ["uuid", "00000000-0000-0000-0000-000000000005"]),
        (Path("/a/b"), ["path", "/a/b"]),
        (float("inf"), ["float", "inf"]),
        (b"\x00\xff", ["bytes", "AP8="]),
        (bytearray(b"a"), ["bytearray", "YQ=="]),
        ((1, (2,)), ["tuple", [1, {"$type": "tuple", "value": [2]}]]),
        ({1}, ["set", [1]]),
        (frozenset({1}), ["frozenset", [1]]),
        ({1: "a"}, ["dict", [[1, "a"]]]),
        ({"$type": "date", "value": "x"}, ["dict", [["$type", "date"], ["value", "x"]]]),
    ],
)
def test_the_table(value: object, data: list[object]) -> None:
    """Each type has the form that the table of the module shows."""
    assert Store({"k": value}).export_all() == {"k": {"$type": data[0], "value": data[1]}}
    assert there_and_back(value) == value


def test_nan_comes_back() -> None:
    """A float that JSON does not have comes back as itself."""
    assert repr(there_and_back(float("nan"))) == "nan"


def test_subclasses_of_plain_types_are_written_as_plain() -> None:
    """A subclass that is not in the table loses its class, not its value."""

    class Name(str):
        __slots__ = ()

    assert Store({"d": OrderedDict(a=Name("x"))}).export_all() == {"d": {"a": "x"}}


@dataclass
class Unset:
    x: int

    def __init__(self) -> None:
        pass


def endless() -> list[Any]:
    value: list[Any] = []
    value.append(value)
    return value


NO_FORM = (
    "a value of type object has no form as plain data; "
    "store JSON values, dataclasses, pydantic models, dates, decimals, UUIDs, bytes, paths, sets, tuples or enums"
)


@pytest.mark.parametrize(
    ("make", "why"),
    [
        (object, NO_FORM),
        (lambda: {"a": [(object(),)]}, NO_FORM),
        (lambda: "\ud800", "its text holds a lone surrogate, which is no UTF-8"),
        (lambda: {"\ud800": 1}, "its text holds a lone surrogate, which is no UTF-8"),
        (endless, f"it is nested more than {MAX_DEPTH} deep, or contains itself"),
        (Unset, "AttributeError: 'Unset' object has no attribute 'x'"),
    ],
)
def test_what_cannot_be_exported_is_named(make: Callable[[], object], why: str) -> None:
    """The error names every such key, says why, and carries the data of all other keys; nothing is silently dropped."""
    store = Store({"good": 1, "bad": make(), "worse": object()})
    with pytest.raises(errors.ExportError) as caught:
        store.export_all()
    assert str(caught.value) == (
        f"store key 'bad' cannot be exported: {why}; store key 'worse' cannot be exported: {NO_FORM}"
    )
    assert caught.value.exported == {"good": 1}
    assert caught.value.reasons == {"bad": why, "worse": NO_FORM}


def test_a_very_long_number_is_named() -> None:
    """A number that no JSON parser of Python reads back is an error, too."""
    with pytest.raises(errors.ExportError, match=r"^store key 'n' cannot be exported: Exceeds the limit"):
        Store({"n": 10**5000}).export_all()


@pytest.mark.parametrize(
    "data",
    [
        {"$type": "datetime", "value": "yesterday"},
        {"$type": "datetime", "value": 5},
        {"$type": "timedelta", "value": [1, 2]},
        {"$type": "timedelta", "value": [10**20, 0, 0]},
        {"$type": "decimal", "value": "x"},
        {"$type": "bytes", "value": "*"},
        {"$type": "float", "value": "1.5"},
        {"$type": "set", "value": [[]]},
        {"$type": "set", "value": 5},
        {"$type": "set", "value": "ab"},
        {"$type": "decimal", "value": 5},
        {"$type": "dict", "value": ["ab"]},
        {"$type": "dict", "value": [[1]]},
        {"$type": "dict", "value": [[[], 1]]},
        {"$type": "eval", "value": "1"},
        {"$type": 5, "value": "1"},
        {"$type": "date", "value": "2030-01-02", "more": 1},
    ],
)
def test_what_does_not_follow_the_table_stays_data(data: dict[str, Any]) -> None:
    """An object that only looks like a tagged one is the dict that it is, and survives the next trip as such."""
    store = Store.from_export({"k": data})
    assert store.get("k", dict) == data
    assert there_and_back(data) == data


@pytest.mark.parametrize("tag", ["set", "frozenset", "dict"])
def test_colliding_items_stay_data(tag: str) -> None:
    """A set or dict made to take quadratic time is not built."""
    colliding = [number * (2**61 - 1) for number in range(200_000)]
    data = {"$type": tag, "value": [[number, 0] for number in colliding] if tag == "dict" else colliding}
    assert Store.from_export({"k": data}).get("k", dict) == data


def test_nothing_is_imported_for_a_name() -> None:
    """The name of a class that came with data is never looked up."""
    name = "antigravity"
    store = Store.from_export({"k": {"$type": f"{name}:Class", "value": {"a": [1]}}})
    assert store.get("k", object) == Exported(f"{name}:Class", {"a": [1]})
    assert store.export_all() == {"k": {"$type": f"{name}:Class", "value": {"a": [1]}}}
    assert name not in sys.modules


@pytest.mark.parametrize("data", [{5: 1}, {"ok": 1, 5: 1}])
def test_imported_keys_are_text(data: Any) -> None:
    """An import is refused as a whole."""
    store = Store()
    with pytest.raises(errors.StoreError, match=r"^a store key is a str; found 5$"):
        store.import_all(data)
    assert len(store) == 0


def test_import_too_deep() -> None:
    """Endlessly nested data is an error with its key, not the end of the parent."""
    data: Any = 1
    for _ in range(100_000):
        data = [data]
    with pytest.raises(errors.StoreError) as caught:
        Store.from_export({"k": data})
    assert str(caught.value) == "store key 'k' cannot be imported: it is nested too deep"


def test_the_deepest_value_makes_the_trip() -> None:
    """What is exported can be read back, at the limit too."""
    value: Any = ()
    for _ in range(MAX_DEPTH):
        value = (value,)
    assert there_and_back(value) == value

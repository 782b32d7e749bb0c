"""Plain data into the class that the reader names."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from enum import Enum, Flag, IntEnum
from pathlib import Path
from typing import Annotated, Any, Generic, Literal, NamedTuple, NewType, TypeVar

import msgspec
import pydantic
import pytest

from gostage_sim.gostage import Exported, Store, errors

T = TypeVar("T")
Number = NewType("Number", int)


class Color(Enum):
    RED = "red"
    DEEP = (1, 2)


class Level(IntEnum):
    LOW = 1


class Access(Flag):
    READ = 1
    WRITE = 2


class Pair(NamedTuple):
    day: date
    note: str = ""


class Point(msgspec.Struct, frozen=True):
    x: int
    color: Color = Color.RED


class Address(pydantic.BaseModel, arbitrary_types_allowed=True):
    street: str = pydantic.Field(alias="Street")
    colors: list[Color] = []
    at: Point | None = None


class Names(pydantic.RootModel[list[str]]):
    pass


@pydantic.dataclasses.dataclass
class Checked:
    size: Annotated[int, pydantic.Field(gt=0)]


@dataclass(frozen=True, slots=True)
class Line(Generic[T]):
    what: T
    price: Decimal = Decimal(0)


@dataclass
class Order:
    number: int
    lines: list[Line[str]] = field(default_factory=list)
    address: Address | None = None
    extra: dict[str, Line[str] | int] = field(default_factory=dict)
    pair: tuple[Color, Pair] | None = None
    corners: tuple[Point, ...] = ()
    marks: frozenset[Color] = frozenset()
    ratio: float = 1.0
    size: Literal["s", "m"] = "s"
    ident: Number = Number(0)
    home: Path = Path()
    anything: Any = None
    count: int = field(init=False, default=0)


def order() -> Order:
    made = Order(
        7,
        [Line("a", Decimal("1.5"))],
        Address(Street="s", colors=[Color.RED], at=Point(1, Color.DEEP)),
        {"line": Line("b"), "n": 5},
        (Color.DEEP, Pair(date(2030, 1, 1), "n")),
        (Point(2),),
        frozenset(Color),
        home=Path("/tmp"),
    )
    made.count = 3
    return made


@dataclass
class Box:
    inner: Box | None = None


def arrived(value: object) -> Store:
    """A store as the other process sees it."""
    return Store.from_export(json.loads(json.dumps(Store({"k": value}).export_all())))


@pytest.mark.parametrize(
    "value",
    [
        order(), Point(1), Pair(date(2030, 1, 1)), Color.DEEP, Level.LOW, Access.READ | Access.WRITE, Names(["a"]),
        Checked(5), Address(Street="x"), Line(5),
    ],
    ids=lambda value: type(value).__name__,
)  # fmt: skip
def test_objects_survive(value: Any) -> None:
    """Dataclasses, pydantic models, msgspec structs, named tuples and enums come back where the class is named."""
    store = arrived(value)
    assert isinstance(store.get("k", object), Exported)
    back = store.get("k", type(value))
    assert back == value
    assert type(back) is type(value)
    assert store.get("k", type(value)) == value  # a second read is like the first
    assert Store({"k": value}).export_all() == store.export_all()


def test_generics_name_what_is_inside() -> None:
    """A list, dict or tuple of objects is read by naming the class of its elements."""
    store = arrived([Point(1), Point(2)])
    assert store.get("k", list[Point]) == [Point(1), Point(2)]
    assert store.get("k", Sequence[Point]) == [Point(1), Point(2)]
    assert arrived({"a": Point(1)}).get("k", Mapping[str, Point]) == {"a": Point(1)}
    assert arrived((1, Color.RED)).get("k", tuple[int, Color]) == (1, Color.RED)
    assert arrived({Color.RED}).get("k", set[Color]) == {Color.RED}
    assert arrived(Point(1)).get("k", Point | int) == Point(1)
    assert arrived(Line(Point(1))).get("k", Line[Point]).what == Exported(f"{__name__}:Point", {"x": 1, "color": Exported(f"{__name__}:Color", "red")})  # fmt: skip  # noqa: E501


def test_plain_data_of_another_language() -> None:
    """An untagged object, list or text is taken for what the reader names, as JSON has no other way to write it."""
    store = Store.from_export(
        {
            "order": {"number": 1, "lines": [{"what": "a", "price": "1.5"}], "ratio": 2, "corners": [{"x": 1}],
                      "address": {"street": "s"}, "home": "/x"},
            "when": "2030-01-02T03:04:05.123456789Z", "color": "red", "bytes": "AP8=", "days": [1, 2], "n": 1,
        }
    )  # fmt: skip
    found = store.get("order", Order)
    assert (found.lines, found.ratio, found.corners) == ([Line("a", Decimal("1.5"))], 2.0, (Point(1),))
    assert (found.address, found.home) == (Address(Street="s"), Path("/x"))
    assert isinstance(found.ratio, float)
    assert store.get("when", datetime).isoformat() == "2030-01-02T03:04:05.123456+00:00"
    assert (store.get("color", Color), store.get("bytes", bytes)) == (Color.RED, b"\x00\xff")
    assert (store.get("days", tuple[int, ...]), store.get("days", set[int])) == ((1, 2), {1, 2})
    assert store.get("n", Number) == 1


def test_a_value_put_here_is_never_converted() -> None:
    """Only what came from another process is: here a str is no datetime, and a dict is no Order."""
    store = Store.from_export({"k": "2030-01-02", "d": {"x": 1}})
    assert store.get("k", date) == date(2030, 1, 2)
    store.put("k", "2030-01-02")
    with pytest.raises(errors.WrongTypeError, match=r"^the store holds str under 'k', not date$"):
        store.get("k", date)
    store.put("d", [{"x": 1}])
    with pytest.raises(errors.WrongTypeError) as caught:
        store.get("d", list[Point])
    assert str(caught.value) == (
        "the store holds list under 'd', not list[tests.gostage.storing.test_conversion.Point]"
    )


def sent(name: str, value: Any) -> dict[str, Any]:
    return {"k": {"$type": f"{__name__}:{name}", "value": value}}


HERE = f"the store holds data of '{__name__}:"


@pytest.mark.parametrize(
    ("data", "type_", "text"),
    [
        (sent("Order", {}), Point, f"{HERE}Order' under 'k', not Point"),
        (sent("Order", {"number": 1}), int, f"{HERE}Order' under 'k', not int"),
        (sent("Order", {"number": "x"}), Order, f"{HERE}Order' under 'k', not Order: number: expected int, found str"),
        (sent("Order", {"number": True}), Order,
         f"{HERE}Order' under 'k', not Order: number: expected int, found bool"),
        (sent("Order", {"number": 1, "size": "xl"}), Order,
         f"{HERE}Order' under 'k', not Order: size: expected typing.Literal['s', 'm'], found str"),
        (sent("Order", {"number": 1, "lines": [{"price": "x"}]}), Order,
         f"{HERE}Order' under 'k', not Order: lines[0].price: 'x' is no Decimal: "
         "[<class 'decimal.ConversionSyntax'>]"),
        (sent("Order", {}), Order,
         f"{HERE}Order' under 'k', not Order: Order refuses it: Order.__init__() missing 1 required positional "
         "argument: 'number'"),
        (sent("Order", {"number": 1, "self": 2}), Order,
         f"{HERE}Order' under 'k', not Order: Order refuses it: Order.__init__() got multiple values for argument "
         "'self'"),
        (sent("Order", [1]), Order, f"{HERE}Order' under 'k', not Order: list cannot become a Order"),
        (sent("Order", {"number": 1, "corners": {"$type": "tuple", "value": [5]}}), Order,
         f"{HERE}Order' under 'k', not Order: corners[0]: expected Point, found int"),
        (sent("Order", {"number": 1, "pair": 5}), Order,
         f"{HERE}Order' under 'k', not Order: pair: expected tuple["
         f"{__name__}.Color, {__name__}.Pair] | None, found int"),
        (sent("Color", "blue"), Color,
         f"{HERE}Color' under 'k', not Color: Color refuses it: 'blue' is not a valid Color"),
        (sent("int", 5), int, f"{HERE}int' under 'k', not int: int cannot become a int"),
        (sent("Popen", {"args": "true"}), Exception, f"{HERE}Popen' under 'k', not Exception"),
        ({"k": [1]}, tuple[int, int], "the store holds list under 'k', not tuple[int, int]: expected 2 items, found 1"),
        ({"k": [1, "x"]}, list[int], "the store holds list under 'k', not list[int]: [1]: expected int, found str"),
        ({"k": {"a": "x"}}, dict[str, int],
         "the store holds dict under 'k', not dict[str, int]: ['a']: expected int, found str"),
    ],
)  # fmt: skip
def test_data_that_does_not_fit(data: dict[str, Any], type_: Any, text: str) -> None:
    """A class that is not the one that was sent, and fields that it refuses, are wrong types; the text says where."""
    with pytest.raises(errors.WrongTypeError) as caught:
        Store.from_export(data).get("k", type_)
    assert str(caught.value) == text


def test_models_refuse_by_their_own_rules() -> None:
    """Data from elsewhere goes through the model's validation."""
    with pytest.raises(errors.WrongTypeError, match="Checked refuses it: 1 validation error"):
        Store.from_export(sent("Checked", {"size": -1})).get("k", Checked)
    with pytest.raises(errors.WrongTypeError, match="Address refuses it: 1 validation error"):
        Store.from_export(sent("Address", {})).get("k", Address)


def test_annotations_that_only_a_function_knows() -> None:
    """Fields of a local class are read, too; a type that nobody else can name counts as Any."""

    @dataclass
    class Local:
        x: int

    @dataclass
    class Outer:
        n: int
        local: Local

    back = arrived(Outer(1, Local(5))).get("k", Outer)
    assert (back.n, isinstance(back.local, Exported)) == (1, True)


def test_too_deep_to_read() -> None:
    """Data nested deeper than the reader can follow is a wrong type, not a crash."""
    data: Any = 1
    wanted: Any = int
    for _ in range(300):
        data, wanted = [data], list[wanted]
    assert Store.from_export({"k": data}).get("k", wanted) == data
    boxes: dict[str, Any] = {}
    for _ in range(sys.getrecursionlimit() // 3):  # a Box takes three frames and more
        boxes = {"inner": boxes}
    store = Store.from_export({"k": boxes})
    with pytest.raises(errors.WrongTypeError) as caught:
        store.get("k", Box)
    assert str(caught.value) == "the value under 'k' is nested too deep to be read as Box"
    assert store.get("k", dict) == boxes

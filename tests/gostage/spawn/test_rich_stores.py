"""Values that JSON does not have, through a child and back."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from enum import Enum
from pathlib import Path
from uuid import UUID

import pydantic
import pytest

from gostage_sim import gostage

from ..conftest import Program

CLASSES = """
import dataclasses, enum, datetime, decimal, uuid, pathlib, pydantic

class Color(enum.Enum):
    RED = "red"

class Buyer(pydantic.BaseModel):
    name: str
    since: datetime.date

@dataclasses.dataclass(frozen=True)
class Order:
    number: int
    buyer: Buyer
    color: Color = Color.RED
    tags: set[str] = dataclasses.field(default_factory=set)
"""


class Color(Enum):
    RED = "red"


class Buyer(pydantic.BaseModel):
    name: str
    since: date


@dataclass(frozen=True)
class Order:
    number: int
    buyer: Buyer
    color: Color = Color.RED
    tags: set[str] = field(default_factory=set)


VALUES = {
    "datetime": datetime(2030, 1, 2, 3, 4, 5, tzinfo=UTC),
    "timedelta": timedelta(days=2, microseconds=5),
    "decimal": Decimal("1.10"),
    "uuid": UUID(int=5),
    "bytes": b"\x00\xff",
    "path": Path("/tmp"),
    "set": {1, 2},
    "tuple": (1, ("a",)),
    "by number": {1: {"$type": "date", "value": "mine"}},
}


@pytest.mark.usefixtures("each_transport")
def test_rich_values_there_and_back(program: Program) -> None:
    """An initial store reaches the child in its types, and the final store the parent, whose plain data is tagged."""
    runner = program(
        "@gostage.action('act')\ndef act(ctx):\n"
        "    for key in ctx.store.keys():\n"
        "        ctx.store.put('kind of ' + key, type(ctx.store.get(key, object)).__name__)\n"
    )
    result = runner.spawn(gostage.SubWorkflowDef.of("act"), initial_store=VALUES, check=True)
    assert {key: result.store.get(key, type(value)) for key, value in VALUES.items()} == VALUES
    kinds = {key: type(value).__name__ for key, value in VALUES.items()} | {"path": type(Path()).__name__}
    assert {key: result.store.get(f"kind of {key}", str) for key in VALUES} == kinds
    assert result.final_store["decimal"] == {"$type": "decimal", "value": "1.10"}


@pytest.mark.usefixtures("each_transport")
def test_objects_of_classes(program: Program) -> None:
    """The child reads the parent's objects as its own classes, and the parent the child's, each by naming them."""
    runner = program(
        CLASSES + "@gostage.action('act')\ndef act(ctx):\n"
        "    order = ctx.store.get('order', Order)\n"
        "    assert order.buyer.since.year == 2030 and order.color is Color.RED\n"
        "    ctx.store.put('next', dataclasses.replace(order, number=order.number + 1))\n"
    )
    order = Order(1, Buyer(name="b", since=date(2030, 1, 1)), tags={"x"})
    result = runner.spawn(gostage.SubWorkflowDef.of("act"), initial_store={"order": order}, check=True)
    assert result.store.get("order", Order) == order
    assert result.store.get("next", Order) == Order(2, order.buyer, tags={"x"})
    assert result.final_store["next"]["$type"] == "__main__:Order"


def test_a_name_from_a_child_is_only_a_name(program: Program) -> None:
    """A child that names a class of the parent's library gets it neither imported nor called."""
    runner = program(
        "@gostage.action('act')\ndef act(ctx):\n"
        "    from gostage_sim.gostage import Exported\n"
        "    ctx.store.put('k', Exported('subprocess:Popen', {'args': ['touch', '/tmp/owned']}))\n"
    )
    result = runner.spawn(gostage.SubWorkflowDef.of("act"), check=True)
    assert result.store.get("k", object) == gostage.Exported("subprocess:Popen", {"args": ["touch", "/tmp/owned"]})
    with pytest.raises(gostage.errors.WrongTypeError) as caught:
        result.store.get("k", Order)
    assert str(caught.value) == "the store holds data of 'subprocess:Popen' under 'k', not Order"


def test_an_initial_value_that_cannot_be_exported(program: Program) -> None:
    """It is an error that names the key, before anything is started."""
    runner = program("@gostage.action('act')\ndef act(ctx): pass\n")
    with pytest.raises(
        gostage.errors.ExportError, match=r"^store key 'bad' cannot be exported: a value of type object"
    ):
        runner.start(gostage.SubWorkflowDef.of("act"), initial_store={"bad": object()})

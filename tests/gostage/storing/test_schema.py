"""JSON Schemas of stored values."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pydantic
import pytest

from gostage_sim.gostage import Exported, Store, errors


class Model(pydantic.BaseModel):
    n: int


@dataclass
class Item:
    path: Path
    model: Model


def test_schema_of_a_value() -> None:
    """Built-in types and dataclasses have msgspec's schema, pydantic models their own, also inside a dataclass."""
    store = Store({"n": 1, "m": Model(n=1), "p": Path(), "i": Item(Path(), Model(n=1))})
    assert store.schema("n") == {"type": "integer"}
    assert store.schema("p") == {"type": "string", "format": "path"}
    assert store.schema("m") == Model.model_json_schema()
    item = store.schema("i")["$defs"]["Item"]
    assert item["properties"] == {"path": {"type": "string", "format": "path"}, "model": Model.model_json_schema()}


@pytest.mark.parametrize(
    ("value", "why"),
    [
        (object(), "type <class 'object'> is not supported"),
        (Exported("m:C", {}),
         "it came from another process as data; read it with get() and its class, and put the object"),
    ],
)  # fmt: skip
def test_no_schema(value: object, why: str) -> None:
    """A value whose type has none is an error with its key."""
    with pytest.raises(errors.StoreError) as caught:
        Store({"k": value}).schema("k")
    assert str(caught.value) == f"the value under 'k' has no JSON Schema: {why}"


def test_keys_by_schema() -> None:
    """Keys are found by a schema or by a class that has it; a value without one matches nothing."""
    store = Store({"n": 1, "z": 2, "m": Model(n=1), "o": object()})
    assert store.find_keys_by_schema({"type": "integer"}) == ["n", "z"]
    assert store.find_keys_by_schema(int) == ["n", "z"]
    assert store.find_keys_by_schema(Model) == ["m"]
    assert store.find_keys_by_schema({"type": "nothing"}) == []

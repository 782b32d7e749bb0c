"""JSON Schemas (draft 2020-12) of the types of stored values."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePath
from typing import Any

import msgspec

from gostage_sim.gostage.storing.encoding import Exported


def schema_of(type_: Any) -> dict[str, Any]:
    """The schema of a type: a pydantic model's own, msgspec's for all else. TypeError when it has none."""
    if hasattr(type_, "__pydantic_fields__") and hasattr(type_, "model_json_schema"):
        schema: dict[str, Any] = type_.model_json_schema()
        return schema
    if type_ is Exported:
        raise TypeError("it came from another process as data; read it with get() and its class, and put the object")
    try:
        return msgspec.json.schema(type_, schema_hook=_schema_of_other)
    except TypeError as error:
        raise TypeError(str(error).splitlines()[-1]) from error  # the lines before it are advice on msgspec


def matching_keys(values: Mapping[str, object], schema: type | Mapping[str, Any]) -> list[str]:
    """The keys of the values whose type has this schema; a value without one matches nothing."""
    wanted = dict(schema) if isinstance(schema, Mapping) else schema_of(schema)
    matches: dict[type, bool] = {}
    for value in values.values():
        if type(value) not in matches:
            try:
                matches[type(value)] = schema_of(type(value)) == wanted
            except TypeError:
                matches[type(value)] = False
    return [key for key, value in values.items() if matches[type(value)]]


def _schema_of_other(type_: type) -> dict[str, Any]:
    if issubclass(type_, PurePath):
        return {"type": "string", "format": "path"}
    if hasattr(type_, "__pydantic_fields__") and hasattr(type_, "model_json_schema"):
        return schema_of(type_)
    raise NotImplementedError

"""Durations and sizes with units, as scenario files write them: `20s`, `1ms`, `64KiB`.

`Seconds` and `Bytes` are types for fields: floats and ints to Python, text with a unit to whoever validates a file. The
markers load pydantic only when pydantic asks them, so that child processes can import this module cheaply.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated, Any

if TYPE_CHECKING:
    from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
    from pydantic_core import CoreSchema

_SECONDS = {"us": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}
#: From how many seconds on a duration is read in this unit.
_READABLE = {"h": 3600.0, "m": 1000.0, "s": 1.0, "ms": 1e-3}
_BYTES = {"B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30}
_QUANTITY = re.compile(r"\s*(\d+(?:\.\d+)?)\s*([A-Za-z]*)\s*")


def parse_duration(text: object) -> float:
    """Seconds of `20s`, `1.5ms`, `2m`; ValueError says which units exist."""
    return _parse(text, _SECONDS, "duration", "20s, 1ms")


def parse_size(text: object) -> int:
    """Bytes of `64KiB`, `10MB`, `512B`; ValueError says which units exist."""
    return int(_parse(text, _BYTES, "size", "64KiB, 10MB"))


def format_duration(seconds: float) -> str:
    """The shortest reading with three digits: `1.5ms`, `20s`, `24h`."""
    unit = next((unit for unit, least in _READABLE.items() if seconds >= least), "us" if seconds else "s")
    return f"{seconds / _SECONDS[unit]:.3g}{unit}"


def format_size(size: int) -> str:
    """Binary units: `64KiB`, `1.5MiB`."""
    for unit in ("GiB", "MiB", "KiB"):
        if size >= _BYTES[unit]:
            return f"{size / _BYTES[unit]:.4g}{unit}"
    return f"{size}B"


def _parse(text: object, units: dict[str, Any], what: str, examples: str) -> float:
    if isinstance(text, bool) or not isinstance(text, str):
        raise ValueError(f"a {what} needs a unit, for example {examples}; found {text!r}")
    match = _QUANTITY.fullmatch(text)
    if match is None:
        raise ValueError(f"not a {what}: {text!r}; expected for example {examples}")
    number, unit = match.groups()
    if unit not in units:
        found = f"unknown unit {unit!r} in {text!r}" if unit else f"a {what} needs a unit; found {text!r}"
        raise ValueError(f"{found}; expected one of {', '.join(units)}")
    factor: float = units[unit]
    return float(number) * factor


class _Quantity:
    """Annotation that tells pydantic how to read a quantity and what its JSON Schema is."""

    def __init__(self, parse: Any, pattern: str, description: str) -> None:
        self._parse, self._pattern, self._description = parse, pattern, description

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        from pydantic_core import core_schema

        return core_schema.no_info_before_validator_function(self._read, handler(source))

    def _read(self, value: object) -> Any:
        return value if isinstance(value, float) else self._parse(value)

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        return {"type": "string", "pattern": self._pattern, "description": self._description}


Seconds = Annotated[
    float, _Quantity(parse_duration, r"^\s*\d+(\.\d+)?\s*(us|ms|s|m|h)\s*$", "a duration: 1ms, 20s, 2m")
]
Bytes = Annotated[
    int, _Quantity(parse_size, r"^\s*\d+(\.\d+)?\s*(B|KB|MB|GB|KiB|MiB|GiB)\s*$", "a size: 512B, 64KiB, 10MB")
]

"""Checks one value against a type hint, and says in plain words what the hint expects."""

from __future__ import annotations

import dataclasses
import json
import math
import re
from collections.abc import Callable
from functools import cache
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

from pydantic import BaseModel, Field, PydanticUserError, TypeAdapter, ValidationError
from pydantic.fields import FieldInfo

from gostage_sim import units
from gostage_sim.scenario.problems import close_match, one_of, quote, unknown

Path = tuple[str | int, ...]
Mistake = tuple[Path, str]
"""Where within the value, and what is wrong."""

_SIMPLE = {bool: "true or false", int: "a whole number", float: "a number", str: "text", Any: "any value"}

_REASONS = ("skip", "reason")
_WORD = re.compile(r"[A-Za-z_][\w.-]*")
_BOUNDS = {"ge": "of at least", "gt": "above", "le": "of at most", "lt": "below"}


@dataclasses.dataclass(frozen=True, slots=True)
class Quantity:
    """A number with a unit."""

    words: str
    hint: Any
    parse: Callable[[object], float]
    format: Callable[[Any], str]


_QUANTITIES = (
    Quantity("a duration such as 20s or 1ms", units.Seconds, units.parse_duration, units.format_duration),
    Quantity("a size such as 64KiB or 10MB", units.Bytes, units.parse_size, units.format_size),
)


@cache
def fields_of(cls: type) -> dict[str, bool]:
    """The keys a model or a fault takes, and whether each is required."""
    if issubclass(cls, BaseModel):
        return {name: field.is_required() for name, field in cls.model_fields.items()}
    missing = dataclasses.MISSING
    return {
        field.name: field.default is missing and field.default_factory is missing
        for field in dataclasses.fields(cls)  # type: ignore[arg-type]
        if field.init
    }


@cache
def hints_of(cls: type) -> dict[str, Any]:
    """The type of each key of a model or a fault, with its limits."""
    hints = get_type_hints(cls, include_extras=True)
    if not issubclass(cls, BaseModel):
        # The bounds of a fault's parameter are in the metadata of its field, because children import no pydantic.
        for field in dataclasses.fields(cls):  # type: ignore[arg-type]
            bounds = {name: field.metadata[name] for name in _BOUNDS if name in field.metadata}
            if bounds:
                hints[field.name] = Annotated[hints[field.name], Field(**bounds)]
    return hints


@cache
def _adapter(cls: type, key: str) -> TypeAdapter[Any]:
    return TypeAdapter(hints_of(cls)[key])


def model_within(cls: type, key: str) -> type[BaseModel] | None:
    """The model that a mapping at this key is an instance of, if the hint has one."""
    hint = hints_of(cls)[key]
    arms = get_args(hint) if get_origin(hint) in (Union, UnionType) else (hint,)
    return next((arm for arm in arms if isinstance(arm, type) and issubclass(arm, BaseModel)), None)


def read(cls: type, key: str, value: Any, noun: str) -> tuple[Any, list[Mistake]]:
    """The value as the field wants it, and every mistake in it. `noun` is what messages call it."""
    hint = hints_of(cls)[key]
    quantity, limits = quantity_of(hint)
    if quantity is not None and value is not None:
        return _read_quantity(quantity, limits, value, noun)
    try:
        # As JSON: strict about types, yet a list may become a tuple.
        return _adapter(cls, key).validate_json(json.dumps(value), strict=True), []
    except ValidationError as error:
        mistakes: dict[Path, str] = {}
        for detail in error.errors(include_url=False):
            path, found, wanted = _walk(detail["loc"], value, hint)
            if path not in mistakes:
                cause = detail.get("ctx", {}).get("error") if detail["type"] == "value_error" else None
                mistakes[path] = f"{noun}: {cause}" if cause is not None else _wrong(noun, path, found, wanted)
        return None, list(mistakes.items())
    except PydanticUserError as error:
        return None, [((), f"{noun} has a type nobody can check: {error.message}")]


def describe(hint: Any) -> str:
    """`a whole number of at least 1`, `one of 'a', 'b'`, `a duration such as 20s or 1ms`."""
    quantity, limits = quantity_of(hint)
    if quantity is not None:
        shown = {name: quantity.format(limit) for name, limit in limits.items() if name in _BOUNDS}
        return _quantity_text(quantity, shown)
    origin, args = get_origin(hint), get_args(hint)
    if origin is Annotated:
        return _constrained(args[0], limits_of(args[1:]))
    if hint in _SIMPLE:
        return _SIMPLE[hint]
    if origin is Literal:
        return one_of([str(arg) for arg in args])
    if origin in (Union, UnionType):
        return " or ".join(describe(arm) for arm in args if arm is not NoneType)
    if origin in (tuple, list):
        return f"a list, each item {describe(args[0])}" if args else "a list"
    if isinstance(hint, type) and issubclass(hint, BaseModel):
        return f"a mapping of {', '.join(fields_of(hint))}"
    return "a mapping" if dict in (origin, hint) else str(getattr(hint, "__name__", hint))


def quantity_of(hint: Any) -> tuple[Quantity | None, dict[str, Any]]:
    """The quantity a hint stands for, and its limits."""
    origin, args = get_origin(hint), get_args(hint)
    if origin in (Union, UnionType):
        arms = [arm for arm in args if arm is not NoneType]
        return quantity_of(arms[0]) if len(arms) == 1 else (None, {})
    if origin is not Annotated:
        return None, {}
    limits = limits_of(args[1:])
    for quantity in _QUANTITIES:
        # Python flattens nested annotations: what follows the first marker are limits.
        if args[:2] == get_args(quantity.hint):
            return quantity, limits
    inner, within = quantity_of(args[0])
    return inner, within | limits


def _read_quantity(quantity: Quantity, limits: dict[str, Any], value: Any, noun: str) -> tuple[Any, list[Mistake]]:
    # A bare number would pass for seconds or bytes that are already parsed; in a file it is a missing unit.
    try:
        found = quantity.parse(value)
    except ValueError as error:
        return None, [((), f"{noun}: {error}")]
    except OverflowError:
        found = math.inf
    if not math.isfinite(found):
        return None, [((), f"{noun} is {quote(value)}; that is too large to be {quantity.words}")]
    if limits.get("ge", found) <= found <= limits.get("le", found):
        return found, []
    shown = {name: quantity.format(limit) for name, limit in limits.items()}
    return None, [((), f"{noun} is {quote(value)}; expected {_quantity_text(quantity, shown)}")]


def _quantity_text(quantity: Quantity, shown: dict[str, str]) -> str:
    return _bounded(quantity.words.partition(" such as ")[0], shown) if shown else quantity.words


def limits_of(metadata: tuple[Any, ...]) -> dict[str, Any]:
    """Bounds, pattern and description, by their names in pydantic."""
    found: dict[str, Any] = {}
    for item in metadata:
        if isinstance(item, FieldInfo):
            found |= limits_of(tuple(item.metadata))
            found |= {"description": item.description} if item.description else {}
        for name in (*_BOUNDS, "pattern"):
            if getattr(item, name, None) is not None:
                found[name] = getattr(item, name)
    return found


def _constrained(base: Any, limits: dict[str, Any]) -> str:
    if "description" in limits:
        return str(limits["description"])
    words = describe(base)
    if "pattern" in limits:
        words += f" that matches {limits['pattern']}"
    return _bounded(words, limits)


def _bounded(words: str, limits: dict[str, Any]) -> str:
    if "ge" in limits and "le" in limits:
        return f"{words} from {limits['ge']} to {limits['le']}"
    found = [f"{phrase} {limits[name]}" for name, phrase in _BOUNDS.items() if name in limits]
    return f"{words} {' and '.join(found)}" if found else words


def _walk(loc: tuple[int | str, ...], value: Any, hint: Any) -> tuple[Path, Any, Any]:
    """Follow an error's location as far as the data has it; the rest are pydantic's names for the arms of a union."""
    path: Path = ()
    for part in loc:
        known = range(len(value)) if isinstance(value, list) else value if isinstance(value, dict) else ()
        if part not in known:
            break
        value = value[part]
        inner = _without_limits(hint)
        arms = [arm for arm in get_args(inner) if arm is not NoneType]
        if get_origin(inner) in (Union, UnionType) and len(arms) == 1:
            inner = _without_limits(arms[0])
        args = get_args(inner)
        hint = args[-1] if get_origin(inner) is dict else args[0] if args else Any
        path = (*path, part)
    return path, value, hint


def _without_limits(hint: Any) -> Any:
    return get_args(hint)[0] if get_origin(hint) is Annotated else hint


def _wrong(noun: str, path: Path, found: Any, hint: Any) -> str:
    bare = _without_limits(hint)
    arms = get_args(bare) if get_origin(bare) in (Union, UnionType) else (bare,)
    literals = [str(word) for arm in arms if get_origin(arm) is Literal for word in get_args(arm)]
    if isinstance(found, str) and literals:
        if noun.isidentifier():
            return unknown(noun, found, literals)
        match = close_match(found, literals)
        meant = f"did you mean '{match}'?" if match is not None else f"expected {one_of(literals)}"
        return f"{noun} is {quote(found)}; {meant}"
    expected = "text that says why" if noun in _REASONS else describe(hint)
    what = f"{noun}, item {path[-1] + 1}," if path and isinstance(path[-1], int) else noun
    instead = ""
    if expected.startswith("text") and isinstance(found, int | float) and noun not in _REASONS:
        instead = "; put it in quotes"
    elif expected == "a list, each item text" and isinstance(found, str) and _WORD.fullmatch(found):
        instead = f"; write [{found}]"
    return f"{what} is {quote(found)}; expected {expected}{instead}"

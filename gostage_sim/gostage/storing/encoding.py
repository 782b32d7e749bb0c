"""Values as plain data and back: what a store's values look like on the wire and in a file.

What JSON has (str, int, finite float, bool, None, lists, dicts with str keys) stays exactly as it is, so that a program
in another language reads it. Anything else becomes an object with exactly the two members `$type` and `value`:

| `$type` | `value` |
| --- | --- |
| `datetime`, `date`, `time` | ISO 8601 text; a named zone becomes its offset |
| `timedelta` | `[days, seconds, microseconds]` |
| `decimal`, `uuid`, `path` | text |
| `float` | `nan`, `inf` or `-inf` |
| `bytes`, `bytearray` | base64 text |
| `tuple`, `set`, `frozenset` | list of the items, those of a set in a fixed order |
| `dict` | list of `[key, value]`: keys that are no str, or a dict that looks like one of these objects itself |
| `module:qualified name` | an object of a class: the dict of its fields |

Classes are dataclasses, pydantic models and msgspec structs; also named tuples, whose value is the list of their items,
and enums, where it is the value of the member.

Reading back evaluates nothing and imports nothing the data names: the built-in types of the table are restored, an
object of a class stays an `Exported` until a reader names the class (see `conversion`). An object that has the two
members but does not follow the table stays the dict that it is.

A subclass of str, int, float, list or dict that is not in the table is written as its base class.
"""

from __future__ import annotations

import sys

from gostage_sim.gostage.errors import ExportError, StoreError, safe_str

TYPE_CHECKING = False  # see gostage/__init__.py
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

TAG, VALUE = "$type", "value"
MAX_DEPTH = 200
"""Levels of one value. Each may be two of JSON, and a parent has to read them wherever its own stack stands."""
MAX_SAME_HASH = 100
_PLAIN_INT = 1 << 63


class Exported:
    """Plain data of an object of an application's class, from elsewhere; `store.get(key, TheClass)` builds it."""

    __slots__ = ("type_name", "value")

    def __init__(self, type_name: str, value: Any) -> None:
        self.type_name = type_name
        """`module:qualified name` in the process that exported it. A claim, not a fact."""
        self.value = value
        """The dict of its fields, the list of a named tuple's items, or an enum member's value."""

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Exported):
            return NotImplemented
        return self.type_name == other.type_name and bool(self.value == other.value)

    def __hash__(self) -> int:
        """A set of dataclasses or enum members travels as a set of these, and a child may send a large one."""
        return hash((self.type_name, repr(self.value)))

    def __repr__(self) -> str:
        return f"Exported({self.type_name!r}, {self.value!r})"


def export_values(values: Mapping[str, object]) -> dict[str, Any]:
    """Plain data of each value, by key; ExportError names all keys whose value has none."""
    exported: dict[str, Any] = {}
    reasons: dict[str, str] = {}
    for key, value in values.items():
        try:
            key.encode()
            exported[key] = encode(value)
        except UnicodeEncodeError:
            reasons[key] = "its text holds a lone surrogate, which is no UTF-8"
        except (TypeError, ValueError) as error:
            reasons[key] = safe_str(error)
        except Exception as error:  # a field may be a property, and `__str__` is the application's too
            reasons[key] = f"{type(error).__name__}: {safe_str(error)}"
    if reasons:
        raise ExportError(reasons, exported)
    return exported


def import_values(data: Mapping[str, Any]) -> dict[str, Any]:
    """The values of exported data; StoreError when it is no mapping by str, or nested too deep."""
    values: dict[str, Any] = {}
    for key, value in data.items():
        if not isinstance(key, str):
            raise StoreError(f"a store key is a str; found {key!r}")
        try:
            values[key] = decode(value)
        except RecursionError:
            raise StoreError(f"store key {key!r} cannot be imported: it is nested too deep") from None
    return values


def encode(value: Any, depth: int = 0) -> Any:
    """Plain data of one value. TypeError or ValueError when it has none."""
    kind = type(value)
    if kind is str:
        return value if value.isascii() else _utf8(value)
    if kind is bool or value is None:
        return value
    if kind is int:
        return value if -_PLAIN_INT <= value < _PLAIN_INT else _long(value)
    if kind is float:
        return value if value - value == 0 else {TAG: "float", VALUE: repr(value)}
    if depth > MAX_DEPTH:
        raise ValueError(f"it is nested more than {MAX_DEPTH} deep, or contains itself")
    depth += 1
    if kind is list:
        return [encode(item, depth) for item in value]
    if kind is dict:
        return _encode_dict(value, depth)
    if kind in (tuple, set, frozenset):
        items = [encode(item, depth) for item in value]
        if kind is not tuple:
            items.sort(key=repr)  # the same set is the same text in every run
        return {TAG: kind.__name__, VALUE: items}
    if kind in (bytes, bytearray):
        from binascii import b2a_base64

        return {TAG: kind.__name__, VALUE: b2a_base64(value, newline=False).decode()}
    # What follows is asked of the modules that are loaded: a value of their classes exists only if they are.
    for tag, module, name, write in _SCALARS:
        class_ = getattr(sys.modules.get(module), name, None)
        if class_ is not None and (kind is class_ or (tag == "path" and isinstance(value, class_))):
            return {TAG: tag, VALUE: encode(write(value), depth)}
    if kind is Exported:
        return {TAG: value.type_name, VALUE: encode(value.value, depth)}
    state = _state(kind, value)
    if state is not _NONE:
        return {TAG: f"{kind.__module__}:{kind.__qualname__}", VALUE: encode(state, depth)}
    for base, plain in _AS_BASE.items():
        if isinstance(value, base):
            return encode(plain(value), depth)
    raise TypeError(
        f"a value of type {kind.__name__} has no form as plain data; "
        "store JSON values, dataclasses, pydantic models, dates, decimals, UUIDs, bytes, paths, sets, tuples or enums"
    )


_NONE = object()
_AS_BASE: dict[type, Callable[[Any], Any]] = {
    str: str.__str__,  # not str(), which asks the subclass
    int: int.__int__,
    float: float.__float__,
    list: list,
    dict: dict,
}


def _state(kind: type, value: Any) -> Any:
    """What an object of a class consists of, or _NONE when it is none of the kinds we know."""
    enum = sys.modules.get("enum")
    if enum is not None and isinstance(value, enum.Enum):
        return value.value
    if hasattr(kind, "__dataclass_fields__"):
        fields = kind.__dataclass_fields__
        names = [name for name, field in fields.items() if field._field_type.name == "_FIELD"]  # no ClassVar, InitVar
    elif hasattr(kind, "__pydantic_fields__"):
        names = [*kind.__pydantic_fields__, *(value.__pydantic_extra__ or ())]
    elif hasattr(kind, "__struct_fields__"):
        names = kind.__struct_fields__
    elif isinstance(value, tuple) and hasattr(kind, "_fields"):
        return list(value)
    else:
        return _NONE
    return {name: getattr(value, name) for name in names}


def _encode_dict(value: dict[Any, Any], depth: int) -> dict[str, Any]:
    if all(type(key) is str for key in value) and not _is_tagged(value):
        return {_utf8(key): encode(item, depth) for key, item in value.items()}
    return {TAG: "dict", VALUE: [[encode(key, depth), encode(item, depth)] for key, item in value.items()]}


def _is_tagged(value: dict[Any, Any]) -> bool:
    return len(value) == 2 and TAG in value and VALUE in value


def _utf8(text: str) -> str:
    if not text.isascii():
        text.encode()
    return text


def _long(number: int) -> int:
    str(number)  # over 4,300 digits it raises, here as well as in the JSON encoder
    return number


def decode(data: Any) -> Any:
    """The value that plain data stands for, with an `Exported` for each object of a class."""
    if isinstance(data, list):
        return [decode(item) for item in data]
    if not isinstance(data, dict):
        return data
    if _is_tagged(data) and isinstance(tag := data[TAG], str):
        value = data[VALUE]
        try:
            if ":" in tag:
                return Exported(tag, decode(value))
            reader = READERS.get(tag)
            if reader is not None:
                return reader(value)
        except (TypeError, ValueError, ArithmeticError):
            pass  # somebody's own dict, or a lie; either way plain data
    return {key: decode(item) for key, item in data.items()}


def _text(read: Callable[[str], Any]) -> Callable[[Any], Any]:
    def checked(value: Any) -> Any:
        if not isinstance(value, str):
            raise TypeError("expected text")
        return read(value)

    return checked


def _items(type_: Callable[[list[Any]], Any]) -> Callable[[Any], Any]:
    def checked(value: Any) -> Any:
        if not isinstance(value, list):
            raise TypeError("expected a list")
        return type_([decode(item) for item in value])

    return checked


def _hashed(type_: Callable[[list[Any]], Any]) -> Callable[[list[Any]], Any]:
    return lambda items: type_(_spread(items))


def _spread(items: list[Any]) -> list[Any]:
    """The items, unless many share one hash: multiples of 2**61 - 1 make a set take quadratic time, hours for a child's
    last message. Nobody exports such a set; Python protects only text against this."""
    counts: dict[int, int] = {}
    for item in items:
        found = hash(item)
        counts[found] = counts.get(found, 0) + 1
        if counts[found] > MAX_SAME_HASH:
            raise ValueError("too many of the items have the same hash")
    return items


def _read_pairs(value: Any) -> dict[Any, Any]:
    if not isinstance(value, list) or not all(isinstance(pair, list) and len(pair) == 2 for pair in value):
        raise TypeError("expected a list of pairs")
    keys = _spread([decode(key) for key, _ in value])
    return {key: decode(item) for key, (_, item) in zip(keys, value, strict=True)}


def _read_bytes(text: str) -> bytes:
    from binascii import a2b_base64

    return a2b_base64(text, strict_mode=True)


def _read_float(text: str) -> float:
    if text not in ("nan", "inf", "-inf"):
        raise ValueError("a finite float is plain")
    return float(text)


def _read_datetime(text: str) -> Any:
    from datetime import datetime

    return datetime.fromisoformat(text)


def _read_date(text: str) -> Any:
    from datetime import date

    return date.fromisoformat(text)


def _read_time(text: str) -> Any:
    from datetime import time

    return time.fromisoformat(text)


def _read_timedelta(value: Any) -> Any:
    from datetime import timedelta

    if not isinstance(value, list) or len(value) != 3 or not all(type(part) is int for part in value):
        raise TypeError("expected [days, seconds, microseconds]")
    return timedelta(*value)


def _read_decimal(text: str) -> Any:
    from decimal import Decimal

    return Decimal(text)


def _read_uuid(text: str) -> Any:
    from uuid import UUID

    return UUID(text)


def _read_path(text: str) -> Any:
    from pathlib import Path

    return Path(text)


_SCALARS: tuple[tuple[str, str, str, Callable[[Any], Any]], ...] = (
    ("datetime", "datetime", "datetime", lambda value: value.isoformat()),
    ("date", "datetime", "date", lambda value: value.isoformat()),
    ("time", "datetime", "time", lambda value: value.isoformat()),
    ("timedelta", "datetime", "timedelta", lambda value: [value.days, value.seconds, value.microseconds]),
    ("decimal", "decimal", "Decimal", str),
    ("uuid", "uuid", "UUID", str),
    ("path", "pathlib", "Path", str),
)

READERS: dict[str, Callable[[Any], Any]] = {
    "datetime": _text(_read_datetime),
    "date": _text(_read_date),
    "time": _text(_read_time),
    "timedelta": _read_timedelta,
    "decimal": _text(_read_decimal),
    "uuid": _text(_read_uuid),
    "path": _text(_read_path),
    "float": _text(_read_float),
    "bytes": _text(_read_bytes),
    "bytearray": _text(lambda text: bytearray(_read_bytes(text))),
    "tuple": _items(tuple),
    "set": _items(_hashed(set)),
    "frozenset": _items(_hashed(frozenset)),
    "dict": _read_pairs,
}

"""Plain data into the class that a reader names: the way back for objects of an application's classes.

What another process sent decides nothing here. The reader names a type, its annotations say what the fields are, and
data that does not fit is refused; the name that came with the data can only make a read fail.
"""

from __future__ import annotations

import builtins
import sys
import typing
from collections.abc import Callable, Mapping
from datetime import date, datetime, time
from decimal import Decimal
from enum import Enum
from functools import lru_cache
from pathlib import Path
from types import NoneType, UnionType
from typing import Any
from uuid import UUID

from gostage_sim.gostage.errors import StoreError, WrongTypeError, safe_str
from gostage_sim.gostage.storing.encoding import READERS, Exported

TEXTS: dict[Any, Callable[[Any], Any]] = {
    datetime: READERS["datetime"],
    date: READERS["date"],
    time: READERS["time"],
    Decimal: READERS["decimal"],
    UUID: READERS["uuid"],
    Path: READERS["path"],
    bytes: READERS["bytes"],
}
"""What a program in another language writes as text, where the reader asks for more."""


class MismatchError(Exception):
    """Data does not fit; the text says where inside it and why."""


def read(key: str, value: object, type_: Any, *, foreign: bool) -> Any:
    """The value under `key` as a `type_`, for `Store.get` when `isinstance` could not tell.

    Data from another process (`foreign`) is converted. A value that was put here is checked and handed out as it is.
    """
    try:
        converted = convert(value, type_)
    except MismatchError as error:
        why = f": {error}" if error.args else ""
        raise WrongTypeError(f"the store holds {_kind(value)} under {key!r}, not {name_of(type_)}{why}") from error
    except RecursionError:
        raise WrongTypeError(f"the value under {key!r} is nested too deep to be read as {name_of(type_)}") from None
    if not foreign and converted is not value:
        raise WrongTypeError(f"the store holds {_kind(value)} under {key!r}, not {name_of(type_)}")
    return converted


def convert(data: Any, wanted: Any, where: str = "") -> Any:
    """`data` as `wanted`, itself when it is one already. MismatchError when it does not fit."""
    if wanted is Any or wanted is object or isinstance(wanted, typing.TypeVar):
        return data
    if wanted is None:
        wanted = NoneType
    if hasattr(wanted, "__supertype__"):  # a NewType
        return convert(data, wanted.__supertype__, where)
    origin = typing.get_origin(wanted)
    if origin is not None:
        return _convert_generic(data, wanted, origin, typing.get_args(wanted), where)
    if isinstance(wanted, UnionType):
        return _convert_union(data, typing.get_args(wanted), wanted, where)
    if not isinstance(wanted, type):
        if hasattr(wanted, "__value__"):  # an alias made by Python 3.12's `type` statement
            return convert(data, wanted.__value__, where)
        raise StoreError(f"{wanted!r} is no type; ask for a class, an abstract class, a protocol or a union")
    if _is_instance(data, wanted):
        return data
    return _build(data, wanted, where)


def _convert_generic(data: Any, wanted: Any, origin: Any, args: tuple[Any, ...], where: str) -> Any:
    if origin is typing.Annotated or origin in (typing.Final, typing.ClassVar):
        return convert(data, args[0], where)
    if origin is typing.Union or origin is UnionType:
        return _convert_union(data, args, wanted, where)
    if origin is typing.Literal:
        if any(type(data) is type(arg) and data == arg for arg in args):
            return data
        raise _mismatch(data, wanted, where)
    if origin in (tuple, set, frozenset) and isinstance(data, list):  # JSON of another language has only lists
        data = origin(data)
    if not _is_instance(data, origin):
        return _build(data, origin, where)
    if isinstance(data, Mapping) and len(args) == 2:
        items = {
            convert(key, args[0], f"{where}[{key!r}]"): convert(item, args[1], f"{where}[{key!r}]")
            for key, item in data.items()
        }
        same = all(a is b for a, b in zip(items, data, strict=True)) and all(items[k] is data[k] for k in items)
        return data if same else items
    if isinstance(data, tuple) and origin is tuple and args[-1:] != (...,):
        if len(data) != len(args):
            raise MismatchError(f"{_at(where)}expected {len(args)} items, found {len(data)}")
        kinds = args
    elif isinstance(data, list | tuple | set | frozenset) and args:
        kinds = (args[0],) * len(data)
    else:
        return data
    built = [convert(item, kind, f"{where}[{i}]") for i, (item, kind) in enumerate(zip(data, kinds, strict=True))]
    return data if all(a is b for a, b in zip(built, data, strict=True)) else type(data)(built)


def _convert_union(data: Any, members: tuple[Any, ...], wanted: Any, where: str) -> Any:
    """As a member that it is already, or the first that it can become."""
    found: list[Any] = []
    for member in members:
        try:
            converted = convert(data, member, where)
        except MismatchError:
            continue
        if converted is data:
            return data
        found.append(converted)
    if not found:
        raise _mismatch(data, wanted, where)
    return found[0]


def _build(data: Any, wanted: type, where: str) -> Any:
    """An object of the class `wanted`, from what stands for one."""
    if isinstance(data, Exported):
        name = data.type_name.partition(":")[2]
        if name != wanted.__qualname__:  # modules differ for the same class: the program of one side is `__main__`
            raise _mismatch(data, wanted, where)
        return _construct(wanted, data.value, where)
    if isinstance(data, dict) and _is_structured(wanted):
        return _construct(wanted, data, where)
    try:
        if issubclass(wanted, Enum) and isinstance(data, str | int | float):
            return wanted(data)
        if wanted is float and type(data) is int:
            return float(data)
        if wanted in TEXTS and isinstance(data, str):
            return TEXTS[wanted](data)
    except (TypeError, ValueError, ArithmeticError) as error:
        raise MismatchError(f"{_at(where)}{repr(data)[:80]} is no {wanted.__qualname__}: {safe_str(error)}") from error
    raise _mismatch(data, wanted, where)


def _is_structured(wanted: type) -> bool:
    return any(hasattr(wanted, mark) for mark in ("__dataclass_fields__", "__pydantic_fields__", "__struct_fields__"))


def _construct(wanted: type, state: Any, where: str) -> Any:
    """Call the class with its converted fields; whatever it raises means that they do not fit."""
    try:
        if issubclass(wanted, Enum):
            return wanted(state)
        if issubclass(wanted, tuple) and hasattr(wanted, "_make") and isinstance(state, list):
            hints = annotations_of(wanted)
            names = [*wanted._fields, *map(str, range(len(wanted._fields), len(state)))]  # type: ignore[attr-defined]
            return wanted._make(
                convert(item, hints.get(name, Any), f"{where}.{name}") for name, item in zip(names, state, strict=False)
            )
        if not _is_structured(wanted) or not isinstance(state, dict):
            raise MismatchError(f"{_at(where)}{_kind(state)} cannot become a {wanted.__qualname__}")
        hints = annotations_of(wanted)
        if hasattr(wanted, "__pydantic_fields__") and not hasattr(wanted, "__dataclass_fields__"):
            fields = {name: _for_model(item, hints.get(name, Any)) for name, item in state.items()}
            return wanted.model_validate(model_input(wanted, fields))  # type: ignore[attr-defined]
        fields = {name: convert(item, hints.get(name, Any), f"{where}.{name}") for name, item in state.items()}
        if hasattr(wanted, "__dataclass_fields__"):
            return _construct_dataclass(wanted, fields)
        return wanted(**fields)
    except (MismatchError, RecursionError, StoreError):
        raise
    except Exception as error:
        raise MismatchError(f"{_at(where)}{wanted.__qualname__} refuses it: {safe_str(error)}") from error


def _for_model(data: Any, wanted: Any) -> Any:
    """Data for a field of a pydantic model, which converts and refuses by rules of its own."""
    try:
        return convert(data, wanted)
    except MismatchError:
        return data


def _construct_dataclass(wanted: Any, fields: dict[str, Any]) -> Any:
    known = wanted.__dataclass_fields__
    late = {name: fields.pop(name) for name in list(fields) if name in known and not known[name].init}
    built = wanted(**fields)
    for name, value in late.items():
        object.__setattr__(built, name, value)  # also into a frozen one
    return built


def model_input(model: Any, fields: Mapping[str, Any]) -> Any:
    """What `model_validate` of a pydantic model takes for these fields: by alias, and bare for a root model."""
    if getattr(model, "__pydantic_root_model__", False):
        return fields.get("root")
    known = model.__pydantic_fields__
    return {_input_name(known.get(name), name): value for name, value in fields.items()}


def _input_name(field: Any, name: str) -> str:
    alias = getattr(field, "validation_alias", None)
    for choice in getattr(alias, "choices", (alias,)):
        if isinstance(choice, str):
            return choice
    return name


def annotations_of(class_: type) -> dict[str, Any]:
    """The types of a class's fields. A name that only its function knew, as that of a local class, counts as Any."""
    return _annotations_of(class_)


@lru_cache(maxsize=1024)
def _annotations_of(class_: type) -> dict[str, Any]:
    return typing.get_type_hints(class_, localns=_Names(class_), include_extras=True)


class _Names(dict[str, Any]):
    """Local names for an annotation: none that the module or the language knows, Any for all others."""

    def __init__(self, class_: type) -> None:
        super().__init__()
        self._known = vars(sys.modules[class_.__module__]) if class_.__module__ in sys.modules else {}

    def __missing__(self, name: str) -> Any:
        if name in self._known or hasattr(builtins, name):
            raise KeyError(name)
        return Any


def _is_instance(data: Any, wanted: type) -> bool:
    try:
        return isinstance(data, wanted) and not (isinstance(data, bool) and wanted in (int, float))
    except TypeError:
        if typing.is_typeddict(wanted):
            raise StoreError(
                f"{wanted.__qualname__} is a TypedDict, which is no class at run time; ask for dict"
            ) from None
        raise StoreError(
            f"{wanted.__qualname__} cannot be checked at run time; decorate the protocol with @runtime_checkable"
        ) from None


def _mismatch(data: Any, wanted: Any, where: str) -> MismatchError:
    return MismatchError(f"{_at(where)}expected {name_of(wanted)}, found {_kind(data)}") if where else MismatchError()


def _at(where: str) -> str:
    return f"{where.removeprefix('.')}: " if where else ""


def _kind(data: Any) -> str:
    return f"data of {data.type_name!r}" if isinstance(data, Exported) else type(data).__name__


def name_of(wanted: Any) -> str:
    """How a type is called in a message; `int | None` and `list[int]` are called as they are written."""
    return wanted.__name__ if isinstance(wanted, type) and typing.get_origin(wanted) is None else str(wanted)

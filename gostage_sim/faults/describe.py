"""The parameters of a fault as text, as `gostage-sim explain` prints them and scenario files have them."""

from __future__ import annotations

from dataclasses import MISSING, Field, dataclass, fields
from typing import TYPE_CHECKING, Any, Literal, get_args, get_origin, get_type_hints

from gostage_sim.units import Bytes, Seconds, format_duration, format_size, parse_duration, parse_size

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gostage_sim.faults.contract import Fault


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter, in the words of a scenario file."""

    name: str
    type_text: str
    """`SIGSEGV | SIGABRT`, `duration such as 20ms`, `integer, 0 to 255`."""
    default: str | None
    """As a scenario file would write it; None when it must be given."""
    doc: str


def parameters_of(kind: type[Fault]) -> list[Parameter]:
    """In the order of the fields; the documentation is the `description` in the metadata of each field."""
    return [_parameter(kind, each) for each in fields(kind)]  # type: ignore[arg-type]


def value_text(kind: type[Fault], name: str, value: Any) -> str:
    """The value of a parameter as a scenario file would write it: `20ms`, `64MiB`, `true`."""
    hint = _hint(kind, name)
    if hint == Seconds:
        return format_duration(value)
    if hint == Bytes:
        return format_size(value)
    return str(value).lower() if isinstance(value, bool) else str(value)


def values_of(kind: type[Fault], given: Mapping[str, Any]) -> dict[str, Any]:
    """The other way round: parameters with their units read. ValueError for what is no duration or no size."""
    parsers: dict[Any, Any] = {Seconds: parse_duration, Bytes: parse_size}
    return {name: parsers.get(_hint(kind, name), lambda it: it)(value) for name, value in given.items()}


def bounds_text(kind: type[Fault], name: str) -> str:
    """`0 to 255`, `at least 1`, `at most 8MiB`; empty when there are none."""
    metadata = next(each.metadata for each in fields(kind) if each.name == name)  # type: ignore[arg-type]
    least, most = (value_text(kind, name, metadata[key]) if key in metadata else None for key in ("ge", "le"))
    if least is not None and most is not None:
        return f"{least} to {most}"
    if least is not None:
        return f"at least {least}"
    return "" if most is None else f"at most {most}"


def _parameter(kind: type[Fault], described: Field[Any]) -> Parameter:
    name, default, bounds = described.name, described.default, bounds_text(kind, described.name)
    return Parameter(
        name=name,
        type_text=_type_text(_hint(kind, name)) + (f", {bounds}" if bounds else ""),
        default=None if default is MISSING else value_text(kind, name, default),
        doc=described.metadata.get("description", ""),
    )


def _type_text(hint: Any) -> str:
    if get_origin(hint) is Literal:
        return " | ".join(str(choice) for choice in get_args(hint))
    named: dict[Any, str] = {
        Seconds: "duration such as 20ms",
        Bytes: "size such as 64KiB",
        bool: "true | false",
        int: "integer",
    }
    return named[hint] if hint in named else str(getattr(hint, "__name__", hint))


def _hint(kind: type[Fault], name: str) -> Any:
    return get_type_hints(kind, include_extras=True)[name]

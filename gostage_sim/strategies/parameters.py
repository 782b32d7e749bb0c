"""Faults with parameters, drawn from the fields, types and bounds that each kind declares; from mild to severe."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import MISSING, Field, fields
from typing import Any, Literal, get_args, get_origin, get_type_hints

from hypothesis import strategies as st

from gostage_sim.faults import fault_kind, fault_kinds
from gostage_sim.faults.contract import Fault
from gostage_sim.faults.describe import values_of
from gostage_sim.strategies.fates import LEFT_OUT, bearable
from gostage_sim.units import Bytes, Seconds, format_duration, format_size

Data = dict[str, Any]
"""A mapping of a scenario file."""

#: Mild first: what is minimal is found first.
_DURATIONS = (0.0, 0.001, 0.005, 0.02, 0.1, 0.3)
_SIZES = (0, 1, 7, 64, 512, 2**12, 2**13, 2**14, 2**16, 2**18, 2**20)
_MOST = 255

#: Where a fault allows more than a scenario of a second or two has room for.
_RANGES: Mapping[tuple[str, str], tuple[float, float]] = {
    ("bad_middleware", "every"): (1, 10),
    ("bandwidth", "rate"): (2**14, 2**20),
    ("clock", "step"): (0.001, 3600.0),  # see `fates.bearable`
    ("coalescer", "longest"): (0.02, 0.1),  # no shorter than what lies between two messages
    ("coalescer", "size"): (2**12, 2**16),  # no less than what is written at once
    ("drop", "message"): (1, 15),
    ("duplicate", "message"): (1, 15),
    ("flood", "count"): (1, 2000),
    ("flood", "size"): (0, 2**12),
    ("flood", "threads"): (1, 8),
    ("flood", "types"): (1, 20),
    ("fork_bomb", "processes"): (2, 30),
    ("intruder", "count"): (1, 5),
    ("latency", "delay"): (0.001, 0.1),
    ("latency", "jitter"): (0.0, 0.1),
    ("reorder", "behind"): (1, 5),
    ("reorder", "message"): (1, 15),
    ("slicer", "size"): (1, 64),
    ("slow_close", "delay"): (0.3, 0.5),  # no shorter than an exit takes
    ("slow", "delay"): (0.0001, 0.02),
}
#: Where the default is more than that, too.
_ALWAYS_GIVEN = frozenset({("flood", "count")})


def faults(kinds: Iterable[str] | None = None) -> st.SearchStrategy[Data]:
    """`{"crash": {"signal": "SIGBUS"}}`; of all kinds but `LEFT_OUT`, or of these."""
    chosen = sorted(set(fault_kinds()) - set(LEFT_OUT)) if kinds is None else list(kinds)
    drawn = st.sampled_from(chosen).flatmap(
        lambda kind: parameters_of(fault_kind(kind)).map(lambda given: {kind: given})
    )
    return drawn.filter(lambda fault: bearable(made(fault)))


def parameters_of(kind: type[Fault]) -> st.SearchStrategy[Data]:
    """What a scenario file may give this kind: each parameter, or its default. Those that contradict each other are
    left out from the last on, until they do not."""
    strategies = {each.name: _values(kind, each) for each in fields(kind)}  # type: ignore[arg-type]
    required = {
        each.name
        for each in fields(kind)  # type: ignore[arg-type]
        if (each.default is MISSING and each.default_factory is MISSING) or (kind.kind, each.name) in _ALWAYS_GIVEN
    }
    return st.fixed_dictionaries(
        {name: values for name, values in strategies.items() if name in required},
        optional={name: values for name, values in strategies.items() if name not in required},
    ).map(lambda given: _that_agree(kind, given, required))


def made(fault: Data) -> Fault:
    """The fault that `{kind: parameters}` stands for; ValueError where these contradict each other."""
    (kind, given), *_ = fault.items()
    return _made(fault_kind(kind), given)


def _made(kind: type[Fault], given: Data) -> Fault:
    return kind(**values_of(kind, given))


def _that_agree(kind: type[Fault], given: Data, required: set[str]) -> Data:
    kept = dict(given)
    for name in [*reversed(given), None]:
        try:
            _made(kind, kept)
        except ValueError:
            if name is not None and name not in required:
                del kept[name]
        else:
            break
    return kept


def _values(kind: type[Fault], parameter: Field[Any]) -> st.SearchStrategy[Any]:
    hint = get_type_hints(kind, include_extras=True)[parameter.name]
    if get_origin(hint) is Literal:
        return st.sampled_from(get_args(hint))
    if hint is bool:
        return st.just(not parameter.default)
    least, most = parameter.metadata.get("ge", 0), parameter.metadata.get("le", float("inf"))
    narrow = _RANGES.get((kind.kind, parameter.name))
    if narrow is not None:
        least, most = max(least, narrow[0]), min(most, narrow[1])
    if hint is int:
        return st.integers(int(least), int(min(most, max(least, _MOST))))
    if hint == Bytes:
        sizes = _within((*_SIZES, 2 * least), least, most)
        return st.sampled_from([format_size(size) for size in sizes])
    if hint == Seconds:
        more = (60.0, 3600.0) if narrow is not None else ()  # where this table says how much is too much
        return st.sampled_from([format_duration(one) for one in _within((*_DURATIONS, *more), least, most)])
    if hint is float:
        return st.floats(least, min(most, max(least, _MOST)), allow_nan=False)
    if hint is str:
        return st.text(max_size=20)
    raise TypeError(f"no values are known for parameter {parameter.name!r} of fault {kind.kind!r}, of type {hint}")


def _within(values: Iterable[float], least: float, most: float) -> list[Any]:
    """Those within the bounds, the least that is allowed among them."""
    return sorted({least, *(value for value in values if least <= value <= most)})

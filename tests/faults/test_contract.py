"""What every fault must be, built in or from a plug-in."""

from __future__ import annotations

import dataclasses
import inspect
import io
import json
import subprocess
import sys
from typing import Any, get_args

import pytest
from ruamel.yaml import YAML

from gostage_sim.faults import fault_kind, fault_kinds
from gostage_sim.faults.contract import (
    ANYWHERE,
    IN_PARENT,
    Fault,
    LimitsPlacement,
    Placement,
    StrikesInChild,
    StrikesInParent,
)
from gostage_sim.faults.describe import parameters_of
from gostage_sim.history.model import ChildHistory, FaultRecord
from gostage_sim.units import Bytes, Seconds, parse_duration, parse_size

each_kind = pytest.mark.parametrize("kind", fault_kinds().values(), ids=fault_kinds().keys())


def _example(kind: type[Fault]) -> tuple[dict[str, Any], Any]:
    """The parameters and the point in the example, units read."""
    items = YAML(typ="safe", pure=True).load(io.StringIO(kind.example))
    assert len(items) == 1
    assert set(items[0]) == {kind.kind, "at"}
    params, hints = items[0][kind.kind], inspect.get_annotations(kind, eval_str=True)
    parsers = {Seconds: parse_duration, Bytes: parse_size}
    return {name: parsers.get(hints[name], lambda it: it)(value) for name, value in params.items()}, items[0]["at"]


@each_kind
def test_is_a_frozen_hashable_dataclass_with_slots(kind: type[Fault]) -> None:
    """A fault is a value: equal parameters are equal faults, and nothing can change one."""
    fault = kind()
    assert (fault, hash(fault)) == (kind(), hash(kind()))
    assert not hasattr(fault, "__dict__")
    with pytest.raises((dataclasses.FrozenInstanceError, TypeError)):
        setattr(fault, "anything", 1)  # noqa: B010 - no fault declares it


@each_kind
def test_says_what_it_does(kind: type[Fault]) -> None:
    """`gostage-sim explain` has something to print: what it does, what witnesses it, and every parameter."""
    assert kind.__doc__ is not None
    assert not kind.__doc__.startswith(f"{kind.__name__}("), "the docstring that dataclass makes up says nothing"
    assert kind.witness.__doc__
    for parameter in parameters_of(kind):
        assert parameter.doc, parameter.name
        assert parameter.type_text, parameter.name


@each_kind
def test_points_are_points(kind: type[Fault]) -> None:
    """It strikes at points of the child's life, or in the parent at the spawn or in a handler, and has the powers for
    just these."""
    assert kind.points
    assert kind.points <= ANYWHERE | IN_PARENT
    assert bool(kind.points & IN_PARENT) is issubclass(kind, StrikesInParent)
    assert bool(kind.points & ANYWHERE) is issubclass(kind, StrikesInChild)


@each_kind
def test_example_is_valid(kind: type[Fault]) -> None:
    """The example makes a fault of this kind, placed where it may be."""
    params, at = _example(kind)
    fault = kind(**params)
    assert fault.kind == kind.kind
    point = at if isinstance(at, str) else "byte" if "byte" in at else next(iter(at))
    assert point in kind.points
    if isinstance(fault, LimitsPlacement):
        assert fault.placement_problem(Placement(point)) is None


@each_kind
def test_every_point_is_open_to_some_parameters(kind: type[Fault]) -> None:
    """A point in the list that no parameters allow would be a lie."""
    variants = [kind()]
    for field in dataclasses.fields(kind):  # type: ignore[arg-type]
        hint = inspect.get_annotations(kind, eval_str=True)[field.name]
        variants += [kind(**{field.name: choice}) for choice in get_args(hint) if isinstance(choice, str)]
    for point in kind.points:
        at = Placement(point)
        assert any(not isinstance(each, LimitsPlacement) or each.placement_problem(at) is None for each in variants)


@each_kind
def test_travels_as_json(kind: type[Fault]) -> None:
    """Parameters reach the child as JSON and make the same fault there."""
    for fault in (kind(), kind(**_example(kind)[0])):
        params = json.loads(json.dumps(dataclasses.asdict(fault)))  # type: ignore[call-overload]
        assert kind(**params) == fault


@each_kind
def test_no_witness_when_nothing_happened(kind: type[Fault]) -> None:
    """A fault that fired and did nothing, in a child of which nothing is known, has no witness."""
    fault = kind()
    record = FaultRecord("victim:1", kind.kind, {}, {}, "victim", armed_ns=1, fired_ns=2, over_ns=3)
    assert fault.witness(record, ChildHistory("victim", "victim", "victim", 5.0, 1.0)) is None


@pytest.mark.parametrize("name", list(fault_kinds()))
def test_child_loads_little(name: str) -> None:
    """A child imports its fault and neither pydantic, numpy, YAML, asyncio nor, before it needs it, ctypes."""
    heavy = [
        "pydantic",
        "numpy",
        "ruamel",
        "asyncio",
        "ctypes",
        "importlib.metadata",
        "subprocess",
        "gostage_sim.harness",
    ]
    code = f"import sys, gostage_sim.faults as f; f.fault_kind({name!r})(); print({set(heavy)} & {{*sys.modules}})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("set()\n", "")


@pytest.mark.parametrize("name", list(fault_kinds()))
def test_one_fault_does_not_load_the_others(name: str) -> None:
    """`fault_kind(name)` imports that fault alone."""
    code = f"import sys, gostage_sim.faults as f; f.fault_kind({name!r}); print(*sorted(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    others = {f"gostage_sim.faults.{other}" for other in fault_kinds()} - {f"gostage_sim.faults.{name}"}
    assert not others & set(done.stdout.split())


def test_kinds_are_named_as_they_call_themselves() -> None:
    """The kind in the table is the kind of the class, and all of them are there."""
    kinds = fault_kinds()
    expected = [
        "bad_middleware", "bad_request", "clock", "close", "close_stdio", "connection", "crash", "exhaust", "exit",
        "flood", "fork_bomb", "freeze", "hang", "ignore_sigchld", "interleave", "interrupt_parent", "intruder",
        "kill", "kill_parent", "lose_server", "malformed",
        "mismatch", "noop", "out_of_memory", "panic", "pause", "replay", "respawn", "run_out",
        "second_result", "second_store", "slow", "small_disk",
        "spill", "steal_status", "stray", "unstartable", "wrong_program",
        # of the stream
        "slicer", "coalescer", "latency", "bandwidth", "corrupt", "limit_bytes", "slow_close",
        "small_pipe", "nonblocking", "duplicate", "drop", "reorder", "blackhole",
    ]  # fmt: skip
    assert list(kinds) == sorted(kinds)
    assert set(expected) <= set(kinds)
    for name, kind in kinds.items():
        assert kind.kind == name
        assert fault_kind(name) is kind

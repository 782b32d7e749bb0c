"""What every fault must be, built in or from a plug-in; and that the checks of it find what is wrong."""

from __future__ import annotations

import importlib
import re
import subprocess
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any, ClassVar

import pytest

from gostage_sim.faults import fault_kind, fault_kinds
from gostage_sim.faults.contract import Fault, Point
from gostage_sim.testing import FAULT_CHECKS, check_fault


@pytest.mark.parametrize("check", FAULT_CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("kind", fault_kinds().values(), ids=fault_kinds().keys())
def test_every_fault(kind: type[Fault], check: Callable[[type[Fault]], None]) -> None:
    """Those of this package are held to the same checks as anybody's."""
    check(kind)


@dataclass(frozen=True, slots=True)
class Good:
    """Does nothing."""

    kind: ClassVar[str] = "good"
    points: ClassVar[frozenset[Point]] = frozenset({"step"})
    example: ClassVar[str] = "- good: {}\n  at: {step: 1}\n"
    count: int = field(default=1, metadata={"description": "how many"})

    def inject(self, victim: Any) -> None: ...

    def witness(self, fault: Any, child: Any) -> str | None:
        """Nothing."""
        return None


def _around(self: Good, parent: Any) -> AbstractContextManager[None]:
    raise NotImplementedError


def _seen(self: Good, fault: Any, child: Any) -> str | None:
    """Always."""
    return "it was seen"


def _unsaid(self: Good, fault: Any, child: Any) -> str | None:
    return None


def _nowhere(self: Good, at: Any) -> str | None:
    return "nowhere at all"


def test_a_good_one() -> None:
    """Nothing is wrong with it, though no kind is known by its name."""
    for check in FAULT_CHECKS[:-1]:  # the last one imports its module, which is this one
        check(Good)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"__doc__": None}, "has no docstring; expected what it does for real"),
        ({"witness": _unsaid}, "does not say what proves it; expected a docstring of witness()"),
        ({"points": frozenset()}, "has no points; expected some of byte, definition, handler"),
        ({"points": frozenset({"noon"})}, "has points that there are not: noon"),
        ({"points": frozenset({"spawn"})}, "has no around(), and of its points: spawn"),
        ({"around": _around}, "has around(), and of its points: none"),
        ({"example": "- bad: {}\n  at: {step: 1}\n"}, "expected one entry of faults:"),
        ({"example": "- good: {}\n  at: result\n"}, "has an example at result, which is not among its points"),
        ({"placement_problem": _nowhere}, "has an example that cannot be placed there: nowhere at all"),
        ({"witness": _seen}, "has a witness where nothing happened: 'it was seen'"),
    ],
    ids=lambda it: "" if isinstance(it, str) else next(iter(it)),
)
def test_what_is_wrong_is_told(changes: dict[str, Any], message: str) -> None:
    """Whose fault it is, what was found and what is expected."""
    kind = type("Good", (Good,), {"__slots__": (), "__doc__": Good.__doc__, **changes})
    with pytest.raises(AssertionError, match=f"^fault 'good' .*{re.escape(message)}"):
        check_fault(kind)


@dataclass(slots=True, unsafe_hash=True)
class Loose:
    kind: ClassVar[str] = "loose"


@dataclass(frozen=True)
class Open:
    kind: ClassVar[str] = "open"


class Plain:
    kind = "plain"


@pytest.mark.parametrize(
    ("kind", "message"), [(Loose, "can be changed"), (Open, "has a __dict__"), (Plain, "is no dataclass")]
)
def test_what_is_no_frozen_value_is_told(kind: Any, message: str) -> None:
    """What reaches the child would not be what the scenario says."""
    with pytest.raises(AssertionError, match=f"^fault '{kind.kind}' {message}; expected "):
        check_fault(kind)


def test_a_heavy_import_is_told(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each child would pay for it."""
    module = tmp_path / "heavy_fault.py"
    module.write_text("import ctypes\n\nclass Heavy:\n    kind = 'heavy'\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    with pytest.raises(AssertionError, match=r"^fault 'heavy' loads ctypes when it is imported"):
        FAULT_CHECKS[-1](importlib.import_module("heavy_fault").Heavy)


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

"""Parameters of faults: their bounds, combinations that make no sense, where they may be placed, their description."""

from __future__ import annotations

import re
from typing import Any

import pytest

from gostage_sim.faults import fault_kind
from gostage_sim.faults.contract import LimitsPlacement, Placement, Point
from gostage_sim.faults.describe import Parameter, parameters_of


@pytest.mark.parametrize(
    ("kind", "params", "message"),
    [
        ("exit", {"code": 256}, "code is 256; expected 0 to 255"),
        ("exit", {"code": -1}, "code is -1; expected 0 to 255"),
        ("flood", {"count": 0}, "count is 0; expected 1 to 100000000"),
        ("flood", {"size": 2**30}, "size is 1GiB; expected at most 8MiB"),
        ("flood", {"types": 1001}, "types is 1001; expected 1 to 1000"),
        ("slow", {"delay": 0.00001}, "delay is 10us; expected 100us to 60s"),
        ("slow", {"delay": 61.0}, "delay is 61s; expected 100us to 60s"),
        ("malformed", {"size": 2**20}, "size is 1MiB; expected 17MiB to 1GiB"),
        ("kill", {"ignored": True}, "ignored goes with signal: SIGTERM only; found signal: SIGKILL"),
        (
            "kill",
            {"signal": "SIGTERM", "ignored": True, "in_write": True},
            "a child that ignores the signal goes on writing; use ignored or in_write",
        ),
        ("stray", {"keep_channel": True}, "keep_channel goes with form: grandchild or daemon only; found form: print"),
        ("exhaust", {"left": 6}, "left is 6; expected 0 to 5"),
        ("exhaust", {"what": "processes", "left": 1}, "left goes with what: files only; found what: processes"),
        ("flood", {"threads": 257}, "threads is 257; expected 1 to 256"),
        ("flood", {"logs": True, "types": 2}, "logs are of one type; found types: 2"),
        ("freeze", {"duration": 1.6}, "duration is 1.6s; expected 0s to 1.5s"),
        ("pause", {"duration": 2.0}, "duration is 2s; expected 1ms to 1.5s"),
        ("interleave", {"size": 4096}, "size is 4KiB; expected 8KiB to 4MiB"),
        ("spill", {"size": 0}, "size is 0B; expected 1B to 1GiB"),
        ("fork_bomb", {"processes": 1}, "processes is 1; expected 2 to 500"),
        (
            "crash",
            {"signal": "SIGBUS", "overflow": True},
            "overflow goes with signal: SIGSEGV only; found signal: SIGBUS",
        ),
    ],
)
def test_what_cannot_be_is_refused(kind: str, params: dict[str, Any], message: str) -> None:
    """A parameter out of its bounds, or one that contradicts another, says what was found and what was expected."""
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        fault_kind(kind)(**params)


@pytest.mark.parametrize(
    ("kind", "params", "point", "problem"),
    [
        (
            "exit",
            {"how": "normal"},
            "byte",
            "with how: normal the rest of a message could follow half a message; use how: hard",
        ),
        ("exit", {"how": "normal"}, "result", None),
        ("exit", {"how": "hard"}, "byte", None),
        ("panic", {"form": "bad_str"}, "byte", "form: bad_str would leave half a message behind; use form: thread"),
        ("panic", {"form": "bad_str"}, "message", None),
        ("panic", {"form": "thread"}, "byte", None),
        ("kill", {"in_write": True}, "message", "in_write is about the rest of a message; use {message: n, byte: b}"),
        ("kill", {"in_write": True}, "byte", None),
        ("kill", {}, "message", None),
        (
            "kill_parent",
            {"child": "in_write"},
            "message",
            "in_write is about the rest of a message; use {message: n, byte: b}",
        ),
        ("kill_parent", {"child": "in_write"}, "byte", None),
        (
            "kill_parent",
            {"child": "deaf"},
            "handler",
            "child: deaf is about a child at a point of its own, and here is none; leave out child",
        ),
        ("kill_parent", {}, "handler", None),
        (
            "interrupt_parent",
            {"again": True},
            "handler",
            "again is about a child that does not let SIGTERM through, and nobody holds it here; leave out again",
        ),
        ("interrupt_parent", {"to": "group"}, "handler", None),
        ("slow", {"form": "start"}, "step", "form: start is for at: definition only"),
        ("slow", {"form": "start"}, "definition", None),
        ("slow", {"form": "busy"}, "result", "no message follows the result that form: busy could delay"),
        ("slow", {"form": "never_ready"}, "result", None),
        (
            "close",
            {"what": "stdin"},
            "step",
            "what: stdin is for at: definition only; later the child has closed it already",
        ),
        ("close", {"what": "stdin"}, "definition", None),
        ("close", {"what": "stderr"}, "byte", None),
        (
            "flood",
            {"threads": 2},
            "message",
            "nobody else may send while a child stands behind a message; with threads use {step: n} or result",
        ),
        ("flood", {"threads": 2}, "step", None),
        ("flood", {"threads": 1}, "message", None),
        (
            "hang",
            {"form": "thread"},
            "step",
            "form: thread is for at: result only; before it the engine's child waits for the thread",
        ),
        ("hang", {"form": "thread"}, "result", None),
        ("hang", {"form": "atexit"}, "byte", None),
    ],
)
def test_parameters_narrow_the_placement(kind: str, params: dict[str, Any], point: Point, problem: str | None) -> None:
    """Some parameters make no sense at some points, and the fault says why."""
    fault = fault_kind(kind)(**params)
    assert isinstance(fault, LimitsPlacement)
    assert fault.placement_problem(Placement(point)) == problem


def test_parameters_are_described_in_the_words_of_a_scenario_file() -> None:
    """Types, bounds and defaults carry their units."""
    assert parameters_of(fault_kind("flood")) == [
        Parameter("count", "integer, 1 to 100000000", "100000", "how many messages"),
        Parameter("size", "size such as 64KiB, at most 8MiB", "0B", "length of a text in each payload"),
        Parameter("types", "integer, 1 to 1000", "1", "how many message types"),
        Parameter("bulk", "true | false", "true", "through send_many() instead of send()"),
        Parameter("threads", "integer, 1 to 256", "1", "how many threads send at once"),
        Parameter("logs", "true | false", "false", "as log messages, all of the one type log"),
    ]
    form, delay = parameters_of(fault_kind("slow"))
    assert form.type_text == "per_message | busy | start | never_ready"
    assert (delay.type_text, delay.default) == ("duration such as 20ms, 100us to 60s", "20ms")
    assert parameters_of(fault_kind("noop")) == []

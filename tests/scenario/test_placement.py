"""Faults of a file: kind, parameters and point."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

import pytest

from gostage_sim.faults import fault_kinds
from gostage_sim.faults.contract import ANYWHERE, After, Placement, Point
from gostage_sim.scenario.loader import parse_child
from gostage_sim.scenario.problems import ScenarioError
from gostage_sim.units import Bytes, Seconds

HEAD = "name: x\nchildren:\n  a:\n    steps: [send: 5]\n    faults:\n      - "
FORMS = (
    "spawn, {spawn: n}, definition, result, {step: n}, {message: n}, {message: n, byte: b}, {handler: n} or "
    "{after: {child: a, message: n}}"
)
KINDS = ", ".join(fault_kinds())


@dataclass(frozen=True)
class Pause:
    """A fault of somebody else's package, with a check of its own."""

    kind: ClassVar[str] = "pause"
    points: ClassVar[frozenset[Point]] = ANYWHERE

    time: Seconds | None = None
    size: Bytes = 0
    parts: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        if self.time and self.size:
            raise ValueError("time and size exclude each other; give one")

    def inject(self, victim: Any) -> None: ...

    def witness(self, fault: Any, child: Any) -> str | None: ...


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        ("crash", "6:9: a fault is 'crash'; expected a mapping of its kind and 'at'"),
        ("at: result", f"6:9: a fault has no kind; expected one of {KINDS}"),
        (
            "crash:",
            "6:9: fault 'crash' has no 'at'; expected definition, {step: n}, {message: n}, {message: n, byte: b}, "
            "result",
        ),
        ("{cresh: {}, at: result}", "6:10: unknown fault 'cresh'; did you mean 'crash'?"),
        ("{crash: , exit: 3, at: result}", "6:19: one item is one fault; found crash and exit: make it two"),
        (
            "{noop: , att: 3, at: result}",
            "6:18: unknown key 'att'; did you mean 'at'? known keys: noop, at, probability",
        ),
        ("{noop: 3, at: result}", "6:16: fault 'noop' is given 3; expected nothing: it takes no parameters"),
        ("{exit: [3], at: result}", "6:16: fault 'exit' is given a list; expected a mapping of code, how"),
        (
            "{exit: 256, at: result}",
            "6:16: parameter 'code' of fault 'exit' is 256; expected a whole number from 0 to 255",
        ),
        (
            "{exit: {cod: 3}, at: result}",
            "6:17: unknown parameter 'cod' of fault 'exit'; did you mean 'code'? known parameters: code, how",
        ),
        (
            "{crash: SIGSEVG, at: result}",
            "6:17: parameter 'signal' of fault 'crash' is 'SIGSEVG'; did you mean 'SIGSEGV'?",
        ),
        (
            "{slow: {form: busy, delay: 2h}, at: definition}",
            "6:36: parameter 'delay' of fault 'slow' is '2h'; expected a duration from 100us to 60s",
        ),
        (
            "{slow: {form: busy, delay: 2}, at: definition}",
            "6:36: parameter 'delay' of fault 'slow': a duration needs a unit, for example 20s, 1ms; found 2",
        ),
        ("{noop: , at: reslt}", "6:22: unknown point 'reslt'; did you mean 'result'?"),
        ("{noop: , at: never}", f"6:22: at is 'never'; expected {FORMS}"),
        ("{noop: , at: 3}", f"6:22: at is 3; expected {FORMS}"),
        ("{noop: , at: {}}", f"6:22: at is empty; expected {FORMS}"),
        (
            "{noop: , at: {mesage: 1}}",
            "6:23: unknown key 'mesage'; did you mean 'message'? known keys: spawn, step, message, byte, every, times, "
            "until, handler, after",
        ),
        ("{noop: , at: {message: 0}}", "6:32: message is 0; expected a whole number of at least 1"),
        ("{noop: , at: {message: 1, byte: 0}}", "6:41: byte is 0; expected a whole number of at least 1"),
        ("{noop: , at: {message: 1.5}}", "6:32: message is 1.5; expected a whole number of at least 1"),
        ("{noop: , at: {step: 2}}", "6:29: step 2 does not exist; child 'a' has 1 step"),
        ("{noop: , at: {step: 1, byte: 1}}", f"6:22: 'step' stands alone; expected {FORMS}"),
        (
            "{noop: , at: {message: 1, every: 2}}",
            "6:22: 'every' and 'times' repeat a message; expected {message: n, every: k, times: m}",
        ),
        (
            "{noop: , at: {every: 2, times: 3}}",
            "6:22: 'every' and 'times' repeat a message; expected {message: n, every: k, times: m}",
        ),
        ("{noop: , at: {message: 1, every: 1, times: 1001}}", "6:52: times is 1001; expected at most 1000"),
        (
            "{noop: , at: {message: 2, every: 3, times: 3}}",
            "6:52: message 8 does not exist; child 'a' sends 7, the final store and the result at its end included",
        ),
        (
            "{slow: , at: {message: 2, until: 8}}",
            "6:42: message 8 does not exist; child 'a' sends 7, the final store and the result at its end included",
        ),
        ("{slow: , at: {message: 3, until: 2}}", "6:42: until is 2, which is before message: 3"),
        (
            "{slow: , at: {step: 1, until: 2}}",
            f"6:22: 'step' stands alone; expected {FORMS}",
        ),
        (
            "{slow: , at: {message: 1, byte: 1, until: 2}}",
            "6:22: 'until' ends what begins with a message; expected {message: n, until: m}",
        ),
        (
            "{crash: , at: {message: 3, until: 4}}",
            "6:43: fault 'crash' has no end to be given by until: it does not last",
        ),
        (
            "{slow: never_ready, at: {message: 3, until: 4}}",
            "6:53: fault 'slow' has no end to be given by until: form: never_ready is about no message",
        ),
        (
            "{noop: , at: result, probability: 0}",
            "6:43: probability is 0; expected a number above 0, and at most 1",
        ),
        (
            "{noop: , at: result, probability: 30%}",
            "6:43: probability is '30%'; expected a number above 0, and at most 1",
        ),
        ("{pause: , at: {spawn: 2}}", "6:31: spawn 2 does not exist; child 'a' has 1 copy, each spawned once"),
        (
            "{pause: , at: {handler: 8}}",
            "6:33: message 8 does not exist; child 'a' sends 7, the final store and the result at its end included",
        ),
        ("{pause: , at: {handler: 1, message: 1}}", f"6:23: 'handler' stands alone; expected {FORMS}"),
        ("{noop: , at: {after: b}}", "6:30: after is 'b'; expected {child: name, message: n}"),
        ("{noop: , at: {after: {child: b}}}", "6:30: after has no 'message'; it is required"),
        (
            "{noop: , at: {after: {child: 3, message: 1}}}",
            "6:38: child is 3; expected text; put it in quotes",
        ),
        (
            "{noop: , at: {after: {child: b, message: 0}}}",
            "6:50: message is 0; expected a whole number of at least 1",
        ),
        (
            "{noop: , at: {after: {child: b, message: 1, byte: 2}}}",
            "6:53: unknown key 'byte'; known keys: child, message",
        ),
        (
            "{pause: , at: {handler: 1, after: {child: b, message: 1}}}",
            "6:43: 'after' has the child wait at a point of its own, and handler is one of the parent; "
            "expected {step: n, after: …} or {message: n, after: …}",
        ),
        ("{noop: , at: {byte: 1}}", "6:22: 'byte' counts within a message; expected {message: n, byte: b}"),
        (
            "{panic: , at: result}",
            "6:23: fault 'panic' cannot be placed at result; expected {step: n}, {message: n}, {message: n, byte: b}",
        ),
        (
            "{exit: {how: normal}, at: {message: 1, byte: 1}}",
            "6:35: fault 'exit' cannot be placed here: with how: normal the rest of a message could "
            "follow half a message; use how: hard",
        ),
    ],
)
def test_a_wrong_fault_has_its_position_and_its_words(
    problems: Callable[[str], list[str]], fault: str, expected: str
) -> None:
    """Kind, parameters and point are each checked, by name and value."""
    assert problems(f"{HEAD}{fault}\n") == [f"x.yaml:{expected}"]


@pytest.mark.parametrize(
    ("at", "placement"),
    [
        ("definition", Placement("definition")),
        ("result", Placement("result")),
        ({"step": 1}, Placement("step", step=1)),
        ({"message": 2}, Placement("message", message=2)),
        ({"message": 2, "byte": 3}, Placement("byte", message=2, byte=3)),
    ],
)
def test_each_point_has_its_form(at: object, placement: Placement) -> None:
    """The five points of a child's life can be written."""
    child = parse_child({"steps": [{"send": 5}], "faults": [{"noop": None, "at": at}]})
    assert child.faults[0].at == placement


@pytest.mark.parametrize(
    ("at", "placement"),
    [
        ({}, Placement("step", step=1, after=After("b[2]", 3))),
        ({"step": 1}, Placement("step", step=1, after=After("b[2]", 3))),
        ({"message": 2, "byte": 3}, Placement("byte", message=2, byte=3, after=After("b[2]", 3))),
    ],
)
def test_a_point_may_wait_for_another_child(at: dict[str, Any], placement: Placement) -> None:
    """At a point of its own, and before the first step where none is said."""
    faults = [{"noop": None, "at": {**at, "after": {"child": "b[2]", "message": 3}}}]
    assert parse_child({"steps": [{"send": 5}], "faults": faults}).faults[0].at == placement


def test_points_of_the_parent_have_their_forms() -> None:
    """Around each spawn, around that of one copy, and in a handler."""
    faults = [{"pause": None, "at": at} for at in ("spawn", {"spawn": 2}, {"handler": 7})]
    child = parse_child({"copies": 2, "steps": [{"send": 5}], "faults": faults})
    points = Placement("spawn"), Placement("spawn", spawn=2), Placement("handler", handler=7)
    assert tuple(fault.at for fault in child.faults) == points


def test_a_fault_that_repeats() -> None:
    """Its points are as many messages apart; what it sends itself is counted as often as it did before."""
    at = {"message": 2, "byte": 3, "every": 2, "times": 3}
    fault = parse_child({"steps": [{"send": 5}], "faults": [{"noop": None, "at": at}]}).faults[0]
    assert [*fault.strikes()] == [Placement("byte", message=number, byte=3) for number in (2, 4, 6)]
    last = {"message": 3, "every": 17, "times": 2}
    parse_child({"steps": [{"send": 5}], "faults": [{"flood": {"count": 13}, "at": last}]})
    with pytest.raises(ScenarioError, match=r"at\.times: message 20 does not exist; child 'child' sends 19, "):
        parse_child({"steps": [{"send": 5}], "faults": [{"flood": {"count": 12}, "at": last}]})


@pytest.mark.parametrize(
    ("fault", "total"),
    [
        ("{noop: , at: {message: %d}}", 7),
        ("{crash: , at: {message: %d, byte: 3}}", 7),
        ("{flood: {count: 30}, at: {message: %d}}", 7),
        ("{noop: , at: {message: %d}}\n      - {flood: {count: 30}, at: {message: 2}}", 37),
        ("{noop: , at: {message: %d}}\n      - {malformed: {form: crlf}, at: {message: 2}}", 8),
    ],
)
def test_a_message_that_nobody_sends_is_no_point(problems: Callable[[str], list[str]], fault: str, total: int) -> None:
    """The last message that the steps, the other faults and the engine send is a point; the one after it is none."""
    assert problems(HEAD + fault % total + "\n") == []
    column = 9 + fault.index("%d")
    assert problems(HEAD + fault % 9999 + "\n") == [
        f"x.yaml:6:{column}: message 9999 does not exist; child 'a' sends {total}, "
        "the final store and the result at its end included"
    ]


def test_how_many_messages_there_are_is_not_always_known(problems: Callable[[str], list[str]]) -> None:
    """A user's action may send any number."""
    text = HEAD.replace("[send: 5]", "[send: 5, call: 'os.path:isdir']")
    assert problems(text + "{noop: , at: {message: 9999}}\n") == []


def test_a_message_that_nobody_sends_is_told_beside_other_mistakes(problems: Callable[[str], list[str]]) -> None:
    """A mistake elsewhere in the child does not hide it."""
    assert problems(HEAD + "{noop: , at: {message: 8}}\n    timeout: 3\n") == [
        "x.yaml:6:32: message 8 does not exist; child 'a' sends 7, the final store and the result at its end included",
        "x.yaml:7:14: timeout: a duration needs a unit, for example 20s, 1ms; found 3",
    ]


def test_plug_ins_are_read_by_their_annotations() -> None:
    """Any frozen dataclass is a fault: units, lists and its own checks work as in ours."""

    kinds: dict[str, Any] = {"pause": Pause}

    def pause(parameters: object) -> Any:
        data = {"steps": [], "faults": [{"pause": parameters, "at": "result"}]}
        return parse_child(data, fault_kinds=kinds).faults[0].fault

    assert pause("20ms") == Pause(time=0.02)
    assert pause({"size": "1KiB", "parts": [1, 2]}) == Pause(size=1024, parts=(1, 2))
    with pytest.raises(ScenarioError, match=r"^faults\[0\]\.pause: fault 'pause': time and size exclude each other"):
        pause({"time": "1s", "size": "1B"})
    with pytest.raises(ScenarioError, match="parameter 'parts' of fault 'pause', item 2, is 'x'; expected a whole"):
        pause({"parts": [1, "x"]})

"""Guarantee `as-expected`."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from gostage_sim.guarantees.as_expected import AsExpected
from gostage_sim.guarantees.contract import Judgement, Verdict
from gostage_sim.history.model import HandlerExit, SpawnReport

from .histories import history, sibling, victim

REPORT = SpawnReport(
    "failed",
    1,
    None,
    100,
    error_message="no such file\x1b[1m",
    malformed_count=2,
    stderr_tail="Traceback: disk full",
    handler_errors=3,
    final_store={"a": [1, {"x": "long" * 61}], "b": True, "n": None},
)


def judged(**expect: Any) -> Judgement:
    unset = dict.fromkeys(("outcome", "exit_code", "signal", "handled", "malformed", "error", "stderr"))
    return AsExpected().judge(history(victim(report=REPORT, expect=unset | expect), sibling(1)))


def test_holds() -> None:
    """A child that ended as written is as expected; what is not written is not checked."""
    found = judged(
        outcome="failed",
        exit_code=1,
        handled={"at_least": 20, "at_most": None},
        malformed={"at_least": 0, "at_most": 2},
        error="no such file",
        stderr="disk full",
        handler_errors={"at_least": 3, "at_most": None},
        final_store={"b": True, "n": None},
    )
    assert found.verdict is Verdict.PASS
    assert found.reason == "8 expectations of victim met"
    assert judged(error={"matches": "^no .* file"}, stderr={"matches": "full$"}).verdict is Verdict.PASS


@pytest.mark.parametrize(
    ("key", "expected", "reason"),
    [
        ("outcome", "signaled", "outcome of victim is failed, signaled expected"),
        ("exit_code", 0, "exit code of victim is 1, 0 expected"),
        ("signal", "SIGSEGV", "signal of victim is none, SIGSEGV expected"),
        ("handled", 19, "20 messages of victim handled, 19 expected"),
        ("handled", {"at_least": 21, "at_most": None}, "20 messages of victim handled, at least 21 expected"),
        ("handled", {"at_least": 0, "at_most": 9}, "20 messages of victim handled, at most 9 expected"),
        ("handled", {"at_least": 1, "at_most": 9}, "20 messages of victim handled, between 1 and 9 expected"),
        ("malformed", 0, "2 lines of victim in quarantine, 0 expected"),
        ("error", "boom", r"error of victim is 'no such file\x1b[1m', a text with 'boom' expected"),
        ("handler_errors", 1, "3 errors of handlers of victim recorded, 1 expected"),
        (
            "error",
            {"matches": "^file"},
            r"error of victim is 'no such file\x1b[1m', a text that matches '^file' expected",
        ),
        ("final_store", {"b": 1}, "'b' in the final store of victim is true, 1 expected"),
        ("final_store", {"c": None}, "the final store of victim has no 'c', null expected"),
        ("stderr", "boom", "stderr of victim is 'Traceback: disk full', a text with 'boom' expected"),
    ],
)
def test_violated(key: str, expected: Any, reason: str) -> None:
    """Each expectation that is not met is named with what was seen."""
    found = judged(**{key: expected})
    assert (found.verdict, found.reason) == (Verdict.FAIL, reason)


def test_stores() -> None:
    """Values are compared whole, however they are shown; of a store that was not recorded nothing is known."""
    assert judged(final_store={"a": [1, {"x": "long" * 61}]}).verdict is Verdict.PASS
    assert judged(final_store={"a": [1, {"x": "long" * 30 + "lung" + "long" * 30}]}).verdict is Verdict.FAIL
    large = victim(report=replace(REPORT, final_store=None), expect={"final_store": {"a": 1}})
    found = AsExpected().judge(history(large))
    assert (found.verdict, found.reason) == (Verdict.UNKNOWN, "the final store of victim was too large to be recorded")


def test_spawn_never_returned() -> None:
    """Of a child whose spawn never returned nobody can say how it ended."""
    found = AsExpected().judge(history(victim(report=None, expect={"outcome": "failed"})))
    assert found.verdict is Verdict.UNKNOWN
    assert found.reason == "spawn() of victim never returned, so how it ended is not known"


def test_never_spawned() -> None:
    """A child that a handler never came to spawn has missed no expectation, and met none."""
    absent = victim(spawned_ns=None, report=None, expect={"outcome": "completed", "handled": 3})
    found = AsExpected().judge(history(absent))
    assert (found.verdict, found.reason) == (Verdict.UNKNOWN, "victim was never spawned, so nothing of it is known")


def test_applies() -> None:
    """It has nothing to judge where nothing is expected."""
    assert not AsExpected().applies(history(victim(expect={"outcome": None}), sibling(1)))


@pytest.mark.parametrize(
    ("changes", "verdict", "reason"),
    [
        ({"handler_exit": HandlerExit("SystemExit: 1", True)}, Verdict.PASS, "1 expectation of victim met"),
        ({"report": REPORT}, Verdict.FAIL, "spawn() of victim returned a result, SystemExit expected"),
        ({}, Verdict.UNKNOWN, "spawn() of victim never returned, so what came out of it is not known"),
        (
            {"handler_exit": HandlerExit("KeyboardInterrupt: ", True)},
            Verdict.FAIL,
            "KeyboardInterrupt:  came out of spawn() of victim, SystemExit expected",
        ),
    ],
)
def test_what_passes_through_spawn(changes: dict[str, Any], verdict: Verdict, reason: str) -> None:
    """What a handler raised is expected by its name, and no result can stand for it."""
    child = victim(**({"report": None, "expect": {"raises": "SystemExit"}} | changes))
    found = AsExpected().judge(history(child))
    assert (found.verdict, found.reason) == (verdict, reason)

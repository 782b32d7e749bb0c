"""`gostage_child` as users call it, in a suite of theirs that runs once for all these tests."""

from __future__ import annotations

import pytest

from tests.plugin.conftest import Finished, Suite

USER_TESTS = """
import os

import pytest

CRASH = {"crash": "SIGSEGV", "at": {"message": 20}}
NEVER = {"crash": "SIGSEGV", "at": {"message": 3, "byte": 999}}

def test_x(gostage_child):
    r = gostage_child(steps=[{"send": 50}], faults=[{"crash": "SIGSEGV", "at": {"message": 20}}])
    assert r.outcome == "signaled"

def test_fields(gostage_child):
    r = gostage_child([{"send": 50}], [CRASH])
    assert (r.outcome, r.signal, r.exit_code) == ("signaled", "SIGSEGV", None)
    assert (r.sent, r.handled, r.malformed) == (20, 20, 0)
    assert (r.error, r.stderr_tail) == (None, "")
    assert r.pid not in (None, os.getpid())
    assert r.result.seed == 7
    assert r.result.scenario == "test_fields"
    assert r.verdict == "pass"
    assert "order" not in r.guarantees  # of one type there is no order to be tried

def test_company(gostage_child):
    r = gostage_child([{"send": 50}], [CRASH], siblings=1, seed=3, handlers={"message": {"delay": "1ms"}})
    assert r.verdict == "pass"
    assert r.result.seed == 3
    assert r.guarantees["siblings-unharmed"].verdict == "pass"

def test_own_action(gostage_child):
    r = gostage_child([{"call": "actions:say", "with": {"word": "hello"}}])
    assert (r.outcome, r.stderr_tail) == ("completed", "hello\\n")

def test_timeout(gostage_child):
    r = gostage_child([{"send": 50}], [{"freeze": {}, "at": {"message": 20}}], timeout=5, grace="100ms")
    assert r.outcome == "timed_out"

def test_never_fires(gostage_child):
    gostage_child([{"send": 5}], [NEVER])

def test_unchecked(gostage_child):
    r = gostage_child([{"send": 5}], [NEVER], check=False)
    assert r.guarantees["fault-fired"].verdict == "unknown"

def test_parent_killed(gostage_child):
    gostage_child([{"call": "actions:kill_parent"}])

def test_mistakes(gostage_child):
    gostage_child(
        steps=[{"send": {"count": 0}}, {"sned": 3}],
        faults=[{"carsh": 1, "at": "result"}],
        timeout="3",
        siblings=-1,
        handlers={"message": {"delya": "1ms"}},
        seed="x",
    )
"""
ACTIONS = """
import os, signal, sys

def say(context):
    print(context.params["word"], file=sys.stderr)

def kill_parent(context):
    os.kill(os.getppid(), signal.SIGKILL)
    signal.pause()
"""


@pytest.fixture(scope="module")
def finished(module_suite: Suite) -> Finished:
    module_suite.write(
        {"tests/test_user.py": USER_TESTS, "src/actions.py": ACTIONS, "pytest.ini": "[pytest]\npythonpath = src\n"}
    )
    options = ("-v", "-p", "no:cacheprovider", "--import-mode=importlib", "-W", "error", "--gostage-seed", "7")
    return module_suite.run(*options)


@pytest.mark.parametrize("name", ["x", "fields", "company", "own_action", "timeout", "unchecked"])
def test_what_a_user_can_do(finished: Finished, name: str) -> None:
    """The example of the design, all fields, slow handlers, siblings, own actions, timeouts, and looking without a
    check: each holds in a suite with warnings as errors, without a cache, imported by importlib."""
    assert [line for line in finished.lines if line.startswith(f"tests/test_user.py::test_{name} PASSED")], finished.out


def test_a_fault_that_does_not_fire_fails_the_call(finished: Finished) -> None:
    """Unknown is never green: the call raises with every reason and the command, and shows none of our frames."""
    file = next(line for line in finished.lines if "unknown: test_never_fires" in line).partition("(")[2]
    assert finished.section("test_never_fires")[-9:] == [
        "def test_never_fires(gostage_child):",
        '>       gostage_child([{"send": 5}], [NEVER])',
        f"AssertionError: unknown: test_never_fires ({file}",
        "fault-fired unknown: crash (child#1) of child was armed but never fired: "
        "its point (message 3, byte 999) was not reached",
        "prompt-return unknown: no child with a fault was seen stopped, blocked in its fault, dead or refused",
        "recovers unknown: no fault fired, so there was nothing to recover from",
        "repeat: pytest tests/test_user.py::test_never_fires --gostage-seed 7",
        "",
        "tests/test_user.py:39: AssertionError",
    ]


def test_a_broken_guarantee_fails_the_call(finished: Finished) -> None:
    """A parent that its child kills fails `parent-alive`, and with it the call."""
    shown = finished.section("test_parent_killed")
    assert any(line.startswith("AssertionError: fail: test_parent_killed (") for line in shown), finished.out
    (alive,) = [line for line in shown if line.startswith("parent-alive")]
    assert alive.startswith("parent-alive fail: the parent (pid ")
    assert alive.endswith(") ended before its work was done: killed by SIGKILL")


def test_mistakes_are_told_all_at_once(finished: Finished) -> None:
    """Each has its path in the arguments and what was expected; the traceback ends in the user's own line."""
    shown = finished.section("test_mistakes")
    start = shown.index(">       gostage_child(")
    told = [line for line in shown[start:] if not line.endswith((",", "(", ")")) or "expected" in line]
    assert told == [
        "pytest.UsageError: siblings: found -1; expected a whole number from 0 to 500",
        "seed: found 'x'; expected a whole number from 0 to 9223372036854775807",
        "timeout: timeout: a duration needs a unit; found '3'; expected one of us, ms, s, m, h",
        "steps[0].send.count: count is 0; expected a whole number from 1 to 100000000",
        "steps[1].sned: unknown key 'sned'; did you mean 'send'? known keys: send, call, log, put, delete, "
        "sleep, spin, allocate, open_files, threads, spawn",
        "faults[0].carsh: unknown fault 'carsh'; did you mean 'crash'?",
        "handlers.message.delya: unknown key 'delya'; did you mean 'delay'? known keys: delay, "
        "raise_every, block, spawn, exit, at",
        "",
        "tests/test_user.py:49: UsageError",
    ]

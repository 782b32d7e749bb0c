"""Guarantee `handler-contained`."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from gostage_sim.guarantees.contract import Judgement, Verdict
from gostage_sim.guarantees.handler_contained import HandlerContained
from gostage_sim.history.model import ChildHistory, KernelExit

from .histories import SECOND, content, handled_as, history, parent, recovery, sibling, victim

RAISES: dict[str, Any] = {"log": {"raise_every": 5}}
BLOCKS: dict[str, Any] = {"log": {"block_s": 2.0}}


def raising(child: ChildHistory, *events: int) -> ChildHistory:
    """The same child; the handlers of these of its messages, counted from 0, raised, and the engine says so."""
    assert child.report is not None
    return replace(child, raised=events, report=replace(child.report, handler_errors=len(events)))


def judged(*children: ChildHistory, handlers: dict[str, Any] = RAISES) -> Judgement:
    return HandlerContained().judge(history(*children, recovery(), handlers=handlers))


def test_holds() -> None:
    """The message at which it raised is over with it, and the next ones of the type are handled."""
    judgement = judged(raising(victim(), 2, 12), sibling(1))
    assert (judgement.verdict, judgement.reason) == (
        Verdict.PASS,
        "handlers raised 2 times, went on with the next message and harmed nobody else",
    )


def test_the_next_message_is_lost() -> None:
    """Nothing that was sent behind the message may go with it; what is lost elsewhere is the affair of `no-loss`."""
    seen = content(20)
    del seen[3:]
    judgement = judged(raising(handled_as(victim(), seen), 2), sibling(1))
    assert (judgement.verdict, judgement.reason) == (
        Verdict.FAIL,
        "the handler of victim raised, and message 4 (store_put), which came next, was never handled",
    )
    elsewhere = content(20)
    del elsewhere[9]
    assert judged(raising(handled_as(victim(), elsewhere), 2), sibling(1)).verdict is Verdict.PASS


def test_called_again() -> None:
    """An engine does not try again behind the user's back."""
    seen = content(20)
    seen.insert(3, seen[2])
    judgement = judged(raising(handled_as(victim(), seen), 2), sibling(1))
    assert judgement.reason == "the handler of message 3 (log) of victim raised and was called with it again"


def test_error_not_recorded() -> None:
    """What a handler raised must not vanish; of more than a hundred the engine keeps a hundred."""
    forgotten = raising(victim(), 2, 12)
    assert forgotten.report is not None
    judgement = judged(replace(forgotten, report=replace(forgotten.report, handler_errors=1)), sibling(1))
    assert judgement.reason == "handlers of victim raised 2 times and 1 error recorded; at least 2 expected"
    many = raising(victim(), *range(0, 300, 2))
    assert many.report is not None
    kept = replace(many, report=replace(many.report, handler_errors=100), handled=victim(310).sent)
    assert judged(kept, sibling(1)).verdict is Verdict.PASS


def test_came_out_of_spawn() -> None:
    """What a handler raises is no error of the spawn."""
    harmed = replace(raising(victim(), 2), report=None, spawn_error="ScriptedError: \x1b[31m")
    judgement = judged(harmed, sibling(1))
    assert judgement.reason == (
        r"'ScriptedError: \x1b[31m' came out of spawn() of victim, of which handlers had raised 1 time"
    )


def test_a_sibling_waits_for_a_handler_that_blocks() -> None:
    """A hold is the affair of its own child: a sibling's message that waits for its end was held up too."""
    held = replace(victim(), held=((SECOND + 51 * 1_000_000, 3 * SECOND),))
    assert judged(held, sibling(1), handlers=BLOCKS).verdict is Verdict.PASS
    waiting = sibling(1)
    times = waiting.handled.rows["t_ns"]
    times[:] = 3 * SECOND + 1_000_000 + times - times[0]
    judgement = judged(held, waiting, handlers=BLOCKS)
    assert (judgement.verdict, judgement.reason) == (
        Verdict.FAIL,
        "message 1 (log) of sibling[1] waited 1.750 s until a handler of victim had blocked for 1.949 s; at most "
        "1.000 s is expected",
    )
    own = replace(waiting, held=((SECOND, 3 * SECOND),))
    assert judged(held, own, handlers=BLOCKS).verdict is Verdict.PASS


@pytest.mark.parametrize(
    ("events", "handlers", "reason"),
    [
        ((), RAISES, "the handler of log was to raise and never did"),
        ((), BLOCKS, "the handler of log was to block and never did"),
        ((), {"lög\n": {"spawn": "fresh"}}, r"the handler of 'lög\n' was to spawn and never did"),
        ((18,), RAISES, "the handler of log was not seen to handle another message after it had raised"),
    ],
    ids=["raise", "block", "spawn", "last"],
)
def test_unknown(events: tuple[int, ...], handlers: dict[str, Any], reason: str) -> None:
    """A handler that did not misbehave, or that nobody needed afterwards, proves nothing."""
    judgement = HandlerContained().judge(history(raising(victim(), *events), handlers=handlers))
    assert (judgement.verdict, judgement.reason) == (Verdict.UNKNOWN, reason)


def test_applies() -> None:
    """Where the scenario wants a handler to misbehave, and the parent was not killed meanwhile."""
    assert not HandlerContained().applies(history())
    assert not HandlerContained().applies(history(handlers={"log": {"delay_s": 1.0}}))
    assert HandlerContained().applies(history(handlers=RAISES))
    note = {"t_ns": 1, "by": "observer", "killed_parent": "SIGKILL"}
    killed = replace(victim(), faults=(replace(victim().faults[0], notes=(note,)),))
    dead = parent(alive=False, finished=False, exit=KernelExit(5 * SECOND, None, "SIGKILL", "waitpid"))
    assert not HandlerContained().applies(history(killed, handlers=RAISES, parent=dead))

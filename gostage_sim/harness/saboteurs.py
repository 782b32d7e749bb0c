"""The saboteurs: the engine broken on purpose, one way for each guarantee, to see that it is caught.

A saboteur patches the engine inside the subject, before the first runner is made. Nothing here is ever loaded
otherwise.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from gostage_sim.gostage.definition import SubWorkflowDef
from gostage_sim.gostage.runner import Runner
from gostage_sim.gostage.spawn.handle import ChildHandle
from gostage_sim.gostage.spawn.process import Process
from gostage_sim.gostage.spawn.result import Outcome
from gostage_sim.gostage.spawn.session import ExitStatus, Session
from gostage_sim.gostage.wire.messages import Message
from gostage_sim.harness.orphan_saboteurs import asks_children_to_leave, ties_children_alone, ties_nobody

#: The message of each child that is tampered with, counted from 1.
_CHOSEN = 10

#: How long an engine hangs that hangs; over every bound of `prompt-return`.
_HANG_S = 4.0


@dataclass(frozen=True, slots=True)
class Saboteur:
    """One way to break the engine, and the guarantee that must not pass then."""

    name: str
    guarantee: str
    does: str
    sabotage: Callable[[], None]


def saboteur(name: str) -> Saboteur:
    """The saboteur of that name; KeyError when there is none."""
    return {one.name: one for one in SABOTEURS}[name]


def _tamper(change: Callable[[Message, list[Message]], list[Message]]) -> None:
    """Let `change(message, held)` say what becomes of the chosen message and the one after it, in every session."""
    number = Session._number
    of_session: dict[Session, list[Message]] = {}

    def tampered(self: Session, messages: list[Message]) -> Iterator[Message]:
        held = of_session.setdefault(self, [])
        for message in number(self, messages):
            if message._sequence in (_CHOSEN, _CHOSEN + 1):
                yield from change(message, held)
            else:
                yield message

    Session._number = tampered  # type: ignore[method-assign]


def _reorders() -> None:
    def change(message: Message, held: list[Message]) -> list[Message]:
        if message._sequence == _CHOSEN:
            held.append(message)
            return []
        return [message, *held]

    _tamper(change)


def _drops() -> None:
    _tamper(lambda message, held: [] if message._sequence == _CHOSEN else [message])


def _doubles() -> None:
    _tamper(lambda message, held: [message, message] if message._sequence == _CHOSEN else [message])


def _invents() -> None:
    def change(message: Message, held: list[Message]) -> list[Message]:
        invented = Message(message.type, {"i": "never sent"})
        invented._origin, invented._sequence = message._origin, message._sequence
        return [message, invented] if message._sequence == _CHOSEN else [message]

    _tamper(change)


def _after_a_signal(act: Callable[[Process], None]) -> None:
    """Call `act` whenever a child was reaped that a signal had ended."""
    reap = Process.reap

    def reap_and_act(self: Process) -> ExitStatus:
        status = reap(self)
        if status.signal is not None:
            act(self)
        return status

    Process.reap = reap_and_act  # type: ignore[method-assign]


def _dies() -> None:
    _after_a_signal(lambda process: os.kill(os.getpid(), signal.SIGKILL))


def _hangs() -> None:
    _after_a_signal(lambda process: time.sleep(_HANG_S))


def _leaks() -> None:
    _after_a_signal(lambda process: _leaked.append(os.dup(process.pidfd)))


_leaked: list[int] = []


def _misreports() -> None:
    reap = Process.reap

    def lie(self: Process) -> ExitStatus:
        status = reap(self)
        return status if status.signal is None else ExitStatus(1, None)

    Process.reap = lie  # type: ignore[method-assign]


def _embellishes() -> None:
    verdict = Session.verdict

    def completed(self: Session, stderr_tail: str = "") -> Any:
        return Outcome.COMPLETED, verdict(self, stderr_tail)[1]

    Session.verdict = completed  # type: ignore[method-assign]


def _harms_siblings() -> None:
    running: list[Process] = []
    start = Process.__init__

    def start_and_remember(self: Process, *arguments: Any, **options: Any) -> None:
        start(self, *arguments, **options)
        running.append(self)

    Process.__init__ = start_and_remember  # type: ignore[method-assign]

    def kill_the_others(process: Process) -> None:
        Process.reap = reap  # type: ignore[method-assign]  # once is enough
        for other in running:
            if other is not process:
                other.signal_group(signal.SIGKILL)

    reap = Process.reap
    _after_a_signal(kill_the_others)


def _swallows_bad_lines() -> None:
    def forget(self: Session, offset: int, length: int, reason: str, excerpt: bytes, before: int = 0) -> None:
        return

    Session._put_away = forget  # type: ignore[method-assign]


def _gives_up() -> None:
    broken: list[Process] = []
    _after_a_signal(broken.append)
    start = Runner.start

    def refuse(self: Runner, *arguments: Any, **options: Any) -> ChildHandle:
        if broken:
            raise RuntimeError("this runner has seen a child die and is of no use any more")
        return start(self, *arguments, **options)

    Runner.start = refuse  # type: ignore[method-assign]


def _shortens_the_work() -> None:
    to_json = SubWorkflowDef.to_json

    def shortened(self: SubWorkflowDef) -> bytes:
        for stage in self.stages:
            del stage.actions[1:]
        return to_json(self)

    SubWorkflowDef.to_json = shortened  # type: ignore[method-assign]


SABOTEURS = (
    Saboteur("dies", "parent-alive", "kills itself when a child is killed by a signal", _dies),
    Saboteur("shortens", "fault-fired", "gives children only the first of their steps", _shortens_the_work),
    Saboteur("reorders", "order", f"delivers message {_CHOSEN + 1} before message {_CHOSEN}", _reorders),
    Saboteur("drops", "no-loss", f"delivers message {_CHOSEN} of each child to nobody", _drops),
    Saboteur("doubles", "no-duplicate", f"delivers message {_CHOSEN} of each child twice", _doubles),
    Saboteur("invents", "no-phantom", f"delivers a message nobody sent after message {_CHOSEN}", _invents),
    Saboteur("harms", "siblings-unharmed", "kills all children when one is killed by a signal", _harms_siblings),
    Saboteur("misreports", "true-verdict", "reports exit code 1 for a child killed by a signal", _misreports),
    Saboteur("hangs", "prompt-return", f"returns {_HANG_S:g} s late when a signal killed the child", _hangs),
    Saboteur("swallows", "quarantine", "forgets bad lines instead of reporting them", _swallows_bad_lines),
    Saboteur("leaks", "nothing-left", "keeps a descriptor of every child killed by a signal", _leaks),
    Saboteur("abandons", "no-orphans", "ties no child to the life of the parent", ties_nobody),
    Saboteur("orphans", "no-orphans", "ties children to its life, but not theirs", ties_children_alone),
    Saboteur("asks", "no-orphans", "asks children to leave with it, which they need not", asks_children_to_leave),
    Saboteur("gives-up", "recovers", "starts no child any more once a signal killed one", _gives_up),
    Saboteur("embellishes", "as-expected", "reports every child as completed", _embellishes),
)

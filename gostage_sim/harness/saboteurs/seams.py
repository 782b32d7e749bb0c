"""The seams of the engine at which several saboteurs reach in."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from gostage_sim.gostage.spawn.process import Process
from gostage_sim.gostage.spawn.session import ExitStatus, Session
from gostage_sim.gostage.wire.messages import Message, Origin

#: The message of each child that is tampered with, counted from 1.
CHOSEN = 10


def tamper(change: Callable[[Message, list[Message]], list[Message]]) -> None:
    """Let `change(message, held)` say what becomes of the chosen message and the one after it, in every session."""
    number = Session._number
    of_session: dict[Session, list[Message]] = {}

    def tampered(self: Session, messages: list[Message]) -> Iterator[Message]:
        held = of_session.setdefault(self, [])
        for message in number(self, messages):
            if message._sequence in (CHOSEN, CHOSEN + 1):
                yield from change(message, held)
            else:
                yield message

    Session._number = tampered  # type: ignore[method-assign]


def mistake(chosen: Callable[[Origin, list[Origin], Message], Origin]) -> None:
    """Let `chosen(own, known, message)` say whose each message is, of those known so far and the child's own."""
    number = Session._number
    known: list[Origin] = []

    def mistaken(self: Session, messages: list[Message]) -> Iterator[Message]:
        if not any(self._origin is origin for origin in known):
            known.append(self._origin)
        for message in number(self, messages):
            message._origin = chosen(self._origin, known, message)
            yield message

    Session._number = mistaken  # type: ignore[method-assign]


def after_a_signal(act: Callable[[Process], None]) -> None:
    """Call `act` whenever a child was reaped that a signal had ended."""
    reap = Process.reap

    def reap_and_act(self: Process) -> ExitStatus:
        status = reap(self)
        if status.signal is not None:
            act(self)
        return status

    Process.reap = reap_and_act  # type: ignore[method-assign]

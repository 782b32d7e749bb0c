"""The seams of the engine at which several saboteurs reach in."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from gostage_sim.gostage.spawn.process import Process
from gostage_sim.gostage.spawn.session import ExitStatus, Session
from gostage_sim.gostage.wire.messages import Message, Origin

#: The message of each child that is tampered with, counted from 1.
CHOSEN = 10


def tamper(
    change: Callable[[Message, list[Message]], Iterable[Message]],
    at_the_end: Callable[[list[Message]], Iterable[Message]] = lambda held: (),
) -> None:
    """Let `change(message, held)` say what the handlers get instead of each message, and `at_the_end(held)` what they
    get when nothing more comes; `held` is for what is kept back, one list a session."""
    number, ended = Session._number, Session.stream_ended
    of_session: dict[Session, list[Message]] = {}

    def tampered(self: Session, messages: list[Message]) -> Iterator[Message]:
        held = of_session.setdefault(self, [])
        for message in number(self, messages):
            yield from change(message, held)

    def ended_too(self: Session) -> Iterator[Message]:
        yield from ended(self)
        yield from at_the_end(of_session.pop(self, []))

    Session._number = tampered  # type: ignore[method-assign]
    Session.stream_ended = ended_too  # type: ignore[method-assign]


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

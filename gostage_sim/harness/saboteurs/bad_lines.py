"""Saboteurs of `quarantine`: engines to which a bad line is not what it is."""

from __future__ import annotations

from collections.abc import Iterator

from gostage_sim.gostage.spawn.session import Session
from gostage_sim.gostage.wire.messages import Message
from gostage_sim.harness.saboteurs.contract import Saboteur


def _swallows() -> None:
    def forget(self: Session, offset: int, length: int, reason: str, excerpt: bytes, before: int = 0) -> None:
        return

    Session._put_away = forget  # type: ignore[method-assign]


def _misplaces() -> None:
    put_away = Session._put_away

    def one_further(self: Session, offset: int, length: int, reason: str, excerpt: bytes, before: int = 0) -> None:
        put_away(self, offset + 1, length, reason, excerpt, before)

    Session._put_away = one_further  # type: ignore[method-assign]


def _chokes() -> None:
    put_away, number = Session._put_away, Session._number
    following: dict[Session, set[int]] = {}

    def remember(self: Session, offset: int, length: int, reason: str, excerpt: bytes, before: int = 0) -> None:
        following.setdefault(self, set()).add(self.received + before + 1)
        put_away(self, offset, length, reason, excerpt, before)

    def without_the_next(self: Session, messages: list[Message]) -> Iterator[Message]:
        lost = following.get(self, ())
        return (message for message in number(self, messages) if message._sequence not in lost)

    Session._put_away = remember  # type: ignore[method-assign]
    Session._number = without_the_next  # type: ignore[method-assign]


SABOTEURS = (
    Saboteur("swallows", "quarantine", "forgets bad lines instead of reporting them", _swallows),
    Saboteur("misplaces", "quarantine", "reports bad lines one byte behind where they are", _misplaces),
    Saboteur("chokes", "quarantine", "delivers the message after a bad line to nobody", _chokes),
)

"""Saboteurs of `bounded-memory`: engines that hold on to what children sent."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from gostage_sim.gostage.spawn.session import Session
from gostage_sim.gostage.wire.messages import Message
from gostage_sim.harness.saboteurs.contract import Saboteur

_held: list[Any] = []


def _hoards_messages() -> None:
    number = Session._number

    def number_and_hold(self: Session, messages: list[Message]) -> Iterator[Message]:
        _held.extend(messages)
        return number(self, messages)

    Session._number = number_and_hold  # type: ignore[method-assign]


def _keeps_what_was_read() -> None:
    feed = Session.feed

    def feed_and_hold(self: Session, chunk: Any) -> Iterator[Message]:
        _held.append(chunk)
        return feed(self, chunk)

    Session.feed = feed_and_hold  # type: ignore[method-assign]


SABOTEURS = (
    Saboteur("hoards", "bounded-memory", "keeps every message to the end", _hoards_messages, "flood"),
    Saboteur("transcribes", "bounded-memory", "keeps every byte that it read", _keeps_what_was_read, "flood"),
)

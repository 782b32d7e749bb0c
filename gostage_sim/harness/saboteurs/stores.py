"""Saboteurs of `final-store`: engines that return another store than the one that the child left."""

from __future__ import annotations

from typing import Any

from gostage_sim.gostage.spawn.session import Session
from gostage_sim.gostage.wire.messages import Message
from gostage_sim.harness.saboteurs.contract import Saboteur


def _shares() -> None:
    take_note = Session._take_note
    shared: dict[str, Any] = {}

    def take_into_shared(self: Session, message: Message) -> None:
        take_note(self, message)
        if message.type == "final_store":
            shared.update(self.final_store)
            self.final_store = shared

    Session._take_note = take_into_shared  # type: ignore[method-assign]


def _empties() -> None:
    take_note = Session._take_note

    def take_nothing(self: Session, message: Message) -> None:
        take_note(self, message)
        self.final_store = {}

    Session._take_note = take_nothing  # type: ignore[method-assign]


SABOTEURS = (
    Saboteur("shares", "final-store", "returns one store for all children, with the keys of each", _shares),
    Saboteur("empties", "final-store", "returns no store of any child", _empties),
)

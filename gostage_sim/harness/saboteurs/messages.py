"""Saboteurs of `order`, `no-loss`, `no-duplicate`, `no-phantom` and `no-crosstalk`: engines whose handlers see what was
not sent so."""

from __future__ import annotations

from typing import Any

from gostage_sim.gostage.broker import Broker, Registration
from gostage_sim.gostage.spawn import readers
from gostage_sim.gostage.wire.messages import DECODE_ERRORS, Message, decode_line
from gostage_sim.harness.saboteurs.contract import Saboteur
from gostage_sim.harness.saboteurs.seams import CHOSEN, mistake, tamper


def _reorders() -> None:
    def change(message: Message, held: list[Message]) -> list[Message]:
        if message._sequence == CHOSEN:
            held.append(message)
            return []
        return [message, held.pop()] if held else [message]

    tamper(change)


def _defers() -> None:
    def change(message: Message, held: list[Message]) -> list[Message]:
        if message.type == "log":
            held.append(message)
            return []
        return [message]

    tamper(change, at_the_end=lambda held: held)


def _drops() -> None:
    tamper(lambda message, held: [] if message._sequence == CHOSEN else [message])


def _withholds() -> None:
    """As a buffer does that nobody empties at the end."""

    def change(message: Message, held: list[Message]) -> list[Message]:
        held.append(message)
        return [held.pop(0)] if len(held) > 1 else []

    tamper(change)


def _doubles() -> None:
    tamper(lambda message, held: [message, message] if message._sequence == CHOSEN else [message])


def _echoes() -> None:
    register, register_default = Broker.register_handler, Broker.register_default_handler

    def twice(self: Broker, *arguments: Any, **narrowed: Any) -> Registration:
        register(self, *arguments, **narrowed)
        return register(self, *arguments, **narrowed)

    def default_twice(self: Broker, handler: Any) -> Registration:
        register_default(self, handler)
        return register_default(self, handler)

    Broker.register_handler = twice  # type: ignore[method-assign]
    Broker.register_default_handler = default_twice  # type: ignore[method-assign]


def _invents() -> None:
    def change(message: Message, held: list[Message]) -> list[Message]:
        invented = Message(message.type, {"i": "never sent"})
        invented.came_like(message)
        return [message, invented] if message._sequence == CHOSEN else [message]

    tamper(change)


def _guesses() -> None:
    def decode_or_guess(line: Any) -> Message:
        try:
            return decode_line(line)
        except DECODE_ERRORS:
            return Message("text", bytes(line).decode("latin-1"))

    readers.decode_line = decode_or_guess  # type: ignore[attr-defined]  # where it is used


def _swaps() -> None:
    mistake(lambda own, known, message: known[known[0] is own] if message._sequence == CHOSEN and known[1:] else own)


def _takes_all_for_one() -> None:
    mistake(lambda own, known, message: known[0])


SABOTEURS = (
    Saboteur("reorders", "order", f"delivers message {CHOSEN + 1} before message {CHOSEN}", _reorders),
    Saboteur("defers", "order", "delivers log messages when all others are delivered", _defers),
    Saboteur("drops", "no-loss", f"delivers message {CHOSEN} of each child to nobody", _drops),
    Saboteur("withholds", "no-loss", "delivers a message when the next one comes, and so never the last", _withholds),
    Saboteur("doubles", "no-duplicate", f"delivers message {CHOSEN} of each child twice", _doubles),
    Saboteur("echoes", "no-duplicate", "registers each handler twice", _echoes),
    Saboteur("invents", "no-phantom", f"delivers a message nobody sent after message {CHOSEN}", _invents),
    Saboteur("guesses", "no-phantom", "makes a message of every bad line", _guesses),
    Saboteur("swaps", "no-crosstalk", f"delivers message {CHOSEN} of each child as one of another child", _swaps),
    Saboteur("mixes", "no-crosstalk", "delivers all messages as those of the first child", _takes_all_for_one),
)

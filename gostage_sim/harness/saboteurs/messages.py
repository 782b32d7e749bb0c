"""Saboteurs of `order`, `no-loss`, `no-duplicate`, `no-phantom` and `no-crosstalk`: engines whose handlers see what was
not sent so."""

from __future__ import annotations

from gostage_sim.gostage.wire.messages import Message
from gostage_sim.harness.saboteurs.contract import Saboteur
from gostage_sim.harness.saboteurs.seams import CHOSEN, mistake, tamper


def _reorders() -> None:
    def change(message: Message, held: list[Message]) -> list[Message]:
        if message._sequence == CHOSEN:
            held.append(message)
            return []
        return [message, *held]

    tamper(change)


def _drops() -> None:
    tamper(lambda message, held: [] if message._sequence == CHOSEN else [message])


def _doubles() -> None:
    tamper(lambda message, held: [message, message] if message._sequence == CHOSEN else [message])


def _invents() -> None:
    def change(message: Message, held: list[Message]) -> list[Message]:
        invented = Message(message.type, {"i": "never sent"})
        invented._origin, invented._sequence = message._origin, message._sequence
        return [message, invented] if message._sequence == CHOSEN else [message]

    tamper(change)


def _swaps() -> None:
    mistake(lambda own, known, message: known[known[0] is own] if message._sequence == CHOSEN and known[1:] else own)


def _takes_all_for_one() -> None:
    mistake(lambda own, known, message: known[0])


SABOTEURS = (
    Saboteur("reorders", "order", f"delivers message {CHOSEN + 1} before message {CHOSEN}", _reorders),
    Saboteur("drops", "no-loss", f"delivers message {CHOSEN} of each child to nobody", _drops),
    Saboteur("doubles", "no-duplicate", f"delivers message {CHOSEN} of each child twice", _doubles),
    Saboteur("invents", "no-phantom", f"delivers a message nobody sent after message {CHOSEN}", _invents),
    Saboteur("swaps", "no-crosstalk", f"delivers message {CHOSEN} of each child as one of another child", _swaps),
    Saboteur("mixes", "no-crosstalk", "delivers all messages as those of the first child", _takes_all_for_one),
)

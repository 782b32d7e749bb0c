"""The encoder for a child that sends much."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any

import pytest
from hypothesis import given

from gostage_sim.gostage.wire.bulk import make_bulk_encoder
from gostage_sim.gostage.wire.encode import encode_payload

from ..conftest import Program, spawn_one
from .test_encode import VALUES


@given(VALUES)
def test_the_bulk_encoder_writes_the_same_bytes(value: Any) -> None:
    """What it hands to msgspec and what it does not: the line is the same, and so is what cannot be sent."""
    assert make_bulk_encoder()(value) == encode_payload(value)


@pytest.mark.parametrize("value", [float("nan"), 2**70, b"x", {1}, date(2025, 1, 1), {1: 2}, "\ud800", (1, 2)])
@pytest.mark.parametrize("where", [lambda value: value, lambda value: {"k": value}, lambda value: {"k": [value]}])
def test_the_bulk_encoder_refuses_the_same(value: Any, where: Callable[[Any], Any]) -> None:
    """msgspec alone would send NaN as null, dates as text and bytes as base64."""

    def outcome(encode: Callable[[Any], bytes]) -> object:
        try:
            return encode(where(value))
        except Exception as error:
            return type(error)

    assert outcome(make_bulk_encoder()) == outcome(encode_payload)


def test_only_who_sends_much_imports_it(program: Program) -> None:
    """A child gets it with its second mebibyte; what it sends before and after is the same."""
    runner = program(
        "import sys\n@gostage.action('act')\ndef act(ctx):\n"
        "    for number in range(3):\n"
        "        ctx.send_many('data', [{'n': number, 'text': 'é' * 300_000}] * 1)\n"
        "        ctx.store.put(f'after {number}', 'msgspec' in sys.modules)\n"
        "    ctx.send('data', {'n': 3, 'nested': [1.5]})\n"
    )
    seen: list[Any] = []
    runner.broker.register_handler("data", lambda message: seen.append(message.payload))
    stored = spawn_one(runner).final_store
    assert stored == {"after 0": False, "after 1": True, "after 2": True}
    assert seen == [*({"n": number, "text": "é" * 300_000} for number in range(3)), {"n": 3, "nested": [1.5]}]

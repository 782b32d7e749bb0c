"""The broker: who gets which message."""

from __future__ import annotations

from typing import Any

import pytest

from gostage_sim import gostage


def test_by_type_then_default() -> None:
    """Every handler of a type is called in the order registered; the default only for types nobody asked for."""
    broker = gostage.Broker()
    seen: list[Any] = []
    broker.register_handler("a", lambda m: seen.append(("first", m.payload)))
    broker.register_handler("a", lambda m: seen.append(("second", m.payload)))
    broker.register_default_handler(lambda m: seen.append((m.type, m.payload)))
    broker.send("a", 1)
    broker.send_many("b", [2, 3])
    assert seen == [("first", 1), ("second", 1), ("b", 2), ("b", 3)]


def test_a_handler_may_register_handlers() -> None:
    """A handler that registers another one for its own type does not disturb the message it is handling."""
    broker = gostage.Broker()
    seen: list[str] = []

    def grow(message: gostage.Message) -> None:
        seen.append("old")
        broker.register_handler("a", lambda m: seen.append("new"))

    broker.register_handler("a", grow)
    broker.send("a", None)
    assert seen == ["old"]
    broker.send("a", None)
    assert seen == ["old", "old", "new"]


@pytest.mark.parametrize("type_", [None, "", 5])
def test_a_type_is_text(type_: Any) -> None:
    """A type that no message can have is refused."""
    with pytest.raises(TypeError) as caught:
        gostage.Broker().register_handler(type_, print)
    assert str(caught.value) == f"a message type is a non-empty str; found {type_!r}"


def test_a_handler_can_be_called() -> None:
    """What cannot be called is refused at once, not at the first message."""
    broker = gostage.Broker()
    text = "a handler is called with the message; found None, which cannot be called"
    with pytest.raises(TypeError) as by_type:
        broker.register_handler("a", None)  # type: ignore[arg-type]
    with pytest.raises(TypeError) as default:
        broker.register_default_handler(None)  # type: ignore[arg-type]
    assert (str(by_type.value), str(default.value)) == (text, text)

"""Text of a child on one line, without anything that acts."""

from __future__ import annotations

import pytest

from gostage_sim.gostage.spawn.printable import printable


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("", ""),
        ("plain, \u00fc \u20ac", "plain, \u00fc \u20ac"),
        ("a\tb\x1b[2J", "a\tb\\x1b[2J"),
        ("one\ntwo\r", "one\\ntwo\\r"),
        ("\u202egpj.exe", "\\u202egpj.exe"),
        ("\ud800", "\\ud800"),
    ],
)
def test_what_acts_is_escaped(text: str, shown: str) -> None:
    """Control characters, line ends, what turns the direction of text and half a surrogate pair; tabs stay."""
    assert printable(text) == shown

"""Text of a child made harmless."""

from __future__ import annotations

import sys
import unicodedata

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from gostage_sim.report.escape import (
    encodable,
    markdown,
    markdown_block,
    terminal_safe_json,
    visible,
    visible_line,
)

GITHUB = MarkdownIt("commonmark").enable(["table", "strikethrough"])

#: Any text Python can hold, with what is dangerous often in it.
TEXTS = st.text(
    st.characters()
    | st.characters(categories=["Cf"])
    | st.sampled_from("\x1b\x9b\x00\r\n\t\x7f\ud800\udfff\u202e\u2028`|<>&*_[]()#~@\\$/.:w")
)


@given(TEXTS)
def test_nothing_that_acts_is_left(text: str) -> None:
    """What reaches a terminal has no control character but line ends and tabs, and any encoder takes it."""
    shown = visible(text)
    shown.encode()
    assert {c for c in shown if unicodedata.category(c) in {"Cc", "Cf", "Cs", "Zl", "Zp"}} <= {"\n", "\t"}
    assert visible(shown) == shown
    assert visible_line(text).replace("\n", "") == visible_line(text)
    assert visible_line(text).isprintable() or not visible_line(text).isascii()


@given(st.text(st.characters(categories=["L", "N", "P", "S", "Zs"])))
def test_ordinary_text_is_not_changed(text: str) -> None:
    """A name with accents, signs or emoji is shown as it was written."""
    assert visible(text) == visible_line(text) == encodable(text) == text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[31mred", "\\x1b[31mred"),
        ("a\r\nb\tc", "a\\r\\nb\\tc"),
        ("\x9b1m\x00", "\\x9b1m\\x00"),
        ("\ud800", "\\ud800"),
        ("\u202eexe", "\\u202eexe"),
        ("ad\u200bmin", "ad\\u200bmin"),
        ("\U000e0041", "\\U000e0041"),
    ],
)
def test_an_escape_names_the_character(text: str, shown: str) -> None:
    """A person can tell from the escape what was there."""
    assert visible_line(text) == shown


def test_every_format_character_is_escaped() -> None:
    """Whatever Unicode has of them: what this Python knows is the least."""
    known = [chr(code) for code in range(sys.maxunicode + 1) if unicodedata.category(chr(code)) == "Cf"]
    assert [character for character in known if visible(character) == character] == []


@given(TEXTS)
def test_json_keeps_the_very_text(text: str) -> None:
    """Escapes in a JSON document are JSON's own, so a reader gets back what was written."""
    text = encodable(text)
    document = terminal_safe_json(msgspec.json.encode(text).decode())
    assert document.isascii() or not any(unicodedata.category(c) in {"Cc", "Cf", "Zl", "Zp"} for c in document)
    assert msgspec.json.decode(document) == text


@given(TEXTS)
def test_markdown_shows_the_text_itself(text: str) -> None:
    """A renderer turns an escaped text into one paragraph of that text, with no element in it."""
    pieces = GITHUB.parseInline(f"x{markdown(text)}x")[0].children or []
    assert {piece.type for piece in pieces} == {"text"}
    assert "".join(piece.content for piece in pieces) == f"x{visible_line(text)}x"


@given(TEXTS)
def test_a_table_cell_stays_one_cell(text: str) -> None:
    """A text cannot end its cell, its row or its table."""
    html = GITHUB.render(f"| a | b |\n| --- | --- |\n| x{markdown(text)}x | end |\n")
    assert html.count("<td>") == 2
    assert html.count("<tr>") == 2


@given(TEXTS)
def test_a_block_cannot_be_left(text: str) -> None:
    """Whatever number of backticks a child prints, its words stay inside the block."""
    tokens = MarkdownIt().parse(markdown_block(text) + "\n\nafter\n")
    assert [token.type for token in tokens] == ["fence", "paragraph_open", "inline", "paragraph_close"]
    assert tokens[0].content == visible(text).removesuffix("\n") + "\n"


@pytest.mark.parametrize("text", ["https://evil.example", "www.evil.example", "WWW.evil.example", "a@evil.example"])
def test_no_address_becomes_a_link(text: str) -> None:
    """GitHub links bare addresses; those of a child stay text."""
    shown = markdown(f"see {text} now")
    assert "://" not in shown
    assert "www." not in shown.lower()
    assert "@" not in shown

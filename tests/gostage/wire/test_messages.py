"""Lines decoded into messages."""

from __future__ import annotations

import pytest

from gostage_sim.gostage.wire.messages import _PIECE_BYTES, DECODE_ERRORS, Message, Origin, decode_line, require_text


def test_extra_keys_are_ignored() -> None:
    """Type and payload are read, other keys are not ours; a missing payload is null."""
    message = decode_line(b'{"message_id":"7","type":"a","payload":{"x":[1,null]}}')
    assert (message.type, message.payload) == ("a", {"x": [1, None]})
    assert decode_line(b'{"type":"a"}').payload is None


@pytest.mark.parametrize(
    "line",
    [b"", b"null", b"[]", b"{}", b'{"type":5}', b'{"type":null}', b'{"type":"a","payload":NaN}', b'{"type":"a"} x',
     b'{"type":"\xff"}', b'{"type":"a","payload":"\\ud800"}', b'{"type":"a","payload":' + b"[" * 100_000,
     b'{"type":"a","payload":' + b"9" * 5000 + b"}", b"\xef\xbb\xbf{}"],
)  # fmt: skip
def test_what_is_no_message(line: bytes) -> None:
    """Whatever is no object with a type of text raises one of the errors that mean quarantine, and nothing else."""
    with pytest.raises(DECODE_ERRORS):
        decode_line(line)


@pytest.mark.parametrize(
    ("context", "place"),
    [
        (b'{"stage_id":"s","action_name":"a"}', ("s", "a")),
        (b'{"stage_id":"s","pid":1,"workflow_id":"other"}', ("s", "")),
        (b"5", ("", "")),
        (b'{"stage_id":5}', ("", "")),
    ],
)
def test_context_is_the_parents_word(context: bytes, place: tuple[str, str]) -> None:
    """Stage and action are the child's word, everything else the parent's; a strange context is none."""
    message = decode_line(b'{"type":"a","context":%b}' % context)
    message._origin, message._sequence = Origin("w", 42, "session"), 7
    known = message.context
    assert (known.stage_id, known.action_name) == place
    assert (known.workflow_id, known.pid, known.session_id, known.sequence) == ("w", 42, "session", 7)
    assert known.is_child


@pytest.mark.parametrize("size", [10, _PIECE_BYTES, _PIECE_BYTES + 1, 2 * _PIECE_BYTES, 3 * _PIECE_BYTES + 5])
def test_a_line_is_text_or_not(size: int) -> None:
    """However long it is, and wherever the byte that is none: at either end, or next to where a long line is cut."""
    text = bytearray("x" + "\u20ac" * (size // 3), "utf-8").ljust(size, b"x")
    require_text(text)
    for place in {0, 1, _PIECE_BYTES - 1, _PIECE_BYTES, len(text) - 1}:
        if place < len(text):
            bad = text.copy()
            bad[place] = 0xFF
            with pytest.raises(UnicodeDecodeError):
                require_text(bad)
    with pytest.raises(UnicodeDecodeError):
        require_text(text + b"\xe2\x82")  # a character that is not finished


def test_a_message_in_the_place_of_another() -> None:
    """It comes from where that one came."""
    first, second = decode_line(b'{"type":"a","context":{"stage_id":"s"}}'), Message("b")
    first._origin, first._sequence = Origin("w", 42, "session"), 7
    second.came_like(first)
    assert (second.type, second.context) == ("b", first.context)

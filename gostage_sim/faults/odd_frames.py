"""The bytes of each form of the `malformed` fault, and what a good parent must make of them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

_TYPE = "malformed"
_NESTING = 100_000
_DIGITS = 5_000


@dataclass(frozen=True, slots=True)
class OddFrame:
    """`data` as it goes to the wire; `message` is the type and payload a good parent reads from it."""

    data: bytes
    must_quarantine: bool
    message: tuple[str, Any] | None = None


def odd_frame(form: str, size: int) -> OddFrame:
    """The frame of one form; `size` is the length of a `huge_line` in bytes, its newline included."""
    if form == "huge_line":
        return OddFrame(_huge_line(size), must_quarantine=True)
    return _good(form) or OddFrame(_bad(form), must_quarantine=form != "empty_lines")


def message_type(form: str) -> str | None:
    """The type of the message that a good parent reads from a frame of this form, None when it reads none."""
    frame = _good(form)
    return frame.message[0] if frame is not None and frame.message is not None else None


def _good(form: str) -> OddFrame | None:
    match form:
        case "unknown_type":
            name, text, end = "nobody-handles-this-type", "plain", "\n"
        case "line_separator":
            name, text, end = _TYPE, "before\u2028after", "\n"
        case "crlf":
            name, text, end = _TYPE, "ends in CRLF", "\r\n"
        case "escaped_nul":
            return _made({"text": "before\0after"})
        case "forged_sender":
            return _made({"text": "from another"}, context={"workflow_id": "sibling[1]", "pid": 1, "is_child": False})
        case "stale_session":
            return _made({"text": "from before"}, context={"session_id": "0" * 32, "sequence": 1})
        case "duplicate_keys":
            line = f'{{"type": "{_TYPE}", "payload": {{"text": "a"}}, "payload": {{"text": "b", "text": "c"}}}}\n'
            return OddFrame(line.encode(), must_quarantine=False, message=(_TYPE, {"text": "c"}))
        case "no_final_newline":
            name, text, end = _TYPE, "the last line", ""
        case _:
            return None
    line = f'{{"type": "{name}", "payload": {{"text": "{text}"}}}}{end}'
    return OddFrame(line.encode(), must_quarantine=False, message=(name, {"text": text}))


def _made(payload: Any, **more: Any) -> OddFrame:
    line = json.dumps({"type": _TYPE, "payload": payload, **more})
    return OddFrame(line.encode() + b"\n", must_quarantine=False, message=(_TYPE, payload))


def _bad(form: str) -> bytes:
    match form:
        case "truncated_line":
            return b'{"type": "malformed", "payload": {"text": "cut off he\n'
        case "invalid_utf8":
            return b'{"type": "malformed", "payload": {"text": "\xff\xfe\xc3("}}\n'
        case "not_json":
            return b"This line is not JSON.\n"
        case "wrong_shape":
            return b'["malformed", {"text": "an array, not an object"}]\n'
        case "missing_type":
            return b'{"payload": {"text": "no type"}}\n'
        case "nan":
            return b'{"type": "malformed", "payload": {"value": NaN}}\n'
        case "deep_nesting":
            return b'{"type": "malformed", "payload": ' + b"[" * _NESTING + b"]" * _NESTING + b"}\n"
        case "huge_integer":
            return b'{"type": "malformed", "payload": {"value": ' + b"9" * _DIGITS + b"}}\n"
        case "huge_exponent":
            return b'{"type": "malformed", "payload": {"value": 1e400}}\n'
        case "nul":
            return b'{"type": "malformed", "payload": {"text": "before\0after"}}\n'
        case "byte_order_mark":
            return b'\xef\xbb\xbf{"type": "malformed", "payload": {"text": "after the mark"}}\n'
        case "lone_surrogate":
            return b'{"type": "malformed", "payload": {"text": "\\ud800"}}\n'
        case "empty_lines":
            return b"\n\n \t \n\r\n"
        case _:
            raise ValueError(f"unknown form of malformed: {form!r}")


def _huge_line(size: int) -> bytes:
    head, tail = b'{"type": "malformed", "payload": {"text": "', b'"}}\n'
    return head + b"x" * (size - len(head) - len(tail)) + tail

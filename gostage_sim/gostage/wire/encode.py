"""JSON for the child's side of the wire, made with the accelerator of the standard library alone.

`import json` runs `re`, `enum` and `functools` first and costs a child about as much as half an interpreter start;
msgspec costs three. The C accelerator behind the `json` package costs nothing and encodes a small message in a
microsecond. Its names have been the same since Python 3.1; a Python without it gets the `json` package.
"""

from __future__ import annotations

from gostage_sim.gostage.errors import DefinitionError, MessageError

TYPE_CHECKING = False  # see gostage/__init__.py
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any


def _reject(value: object) -> object:
    raise TypeError(f"a value of type {type(value).__name__} is not JSON")


def _make_encoder() -> Callable[[Any], str]:
    try:
        from _json import encode_basestring, make_encoder
    except ImportError:  # an interpreter without the accelerator, as PyPy
        from json import JSONEncoder

        return JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":"), default=_reject).encode
    # markers, default, string encoder, indent, key separator, item separator, sort_keys, skipkeys, allow_nan
    chunks = make_encoder(None, _reject, encode_basestring, None, ":", ",", False, False, False)
    join = "".join
    return lambda value: join(chunks(value, 0))


def _make_decoder() -> Callable[[str], Any]:
    try:
        from _json import make_scanner
    except ImportError:
        from json import loads

        return loads

    class Settings:  # what json.JSONDecoder would be to the scanner
        strict = True
        object_hook = object_pairs_hook = None
        parse_float = float
        parse_int = int

        @staticmethod
        def parse_constant(name: str) -> object:
            raise ValueError(f"{name} is not JSON")

    scan = make_scanner(Settings)  # type: ignore[arg-type]  # typeshed asks for the scanner itself

    def decode(text: str) -> Any:
        start = len(text) - len(text.lstrip(" \t\n\r"))
        try:
            value, end = scan(text, start)
        except StopIteration as error:
            raise ValueError(f"not JSON at character {error.value}") from None
        if text[end:].strip(" \t\n\r"):
            raise ValueError(f"more text after the JSON document, at character {end}")
        return value

    return decode


encode_value = _make_encoder()
"""Compact JSON text of a value. Raises TypeError, ValueError or RecursionError for what is not JSON."""
_decode = _make_decoder()


def encode_payload(value: Any) -> bytes:
    """Compact JSON of a value; raises as `encode_value` does, and UnicodeEncodeError for what is no UTF-8."""
    return encode_value(value).encode()


_MAX_STARTS = 256
_starts: dict[str, bytes] = {}


def encode_start(type: str) -> bytes:
    """A line up to its payload; remembered, because most messages are of a few types. Raises as `encode_frame` does."""
    try:
        start = _starts.get(type)
        if start is None:
            start = f'{{"type":{encode_value(type)},"payload":'.encode()
            if len(_starts) < _MAX_STARTS:
                _starts[type] = start
        return start
    except (TypeError, ValueError, RecursionError) as error:
        raise unsendable(type, error) from error


NOWHERE = b',"context":{}}\n'
"""The `suffix` of a line that no action sends."""


def encode_frame(type: str, payload: Any, suffix: bytes = b"}\n") -> bytes:
    """One message as one line. MessageError says what cannot be sent.

    `suffix` closes the object: an action's context goes in there, encoded once for all its messages. A text is in
    memory three times at most: as it was given, and twice on its way to the line.
    """
    try:
        return encode_start(type) + encode_payload(payload) + suffix
    except (TypeError, ValueError, RecursionError) as error:
        raise unsendable(type, error) from error


def encode_place(stage_id: str, action_name: str) -> bytes:
    """The `suffix` of all lines sent by one action."""
    return f',"context":{encode_value({"stage_id": stage_id, "action_name": action_name})}}}\n'.encode()


def place_first(suffix: bytes, start: bytes) -> bytes:
    """The `start` of a line that says in front what it would else say in its `suffix`."""
    return b"{%b,%b" % (suffix[1:-2], start[1:])


def unsendable(type: object, error: Exception) -> MessageError:
    """The error for a payload that cannot be encoded."""
    if isinstance(error, RecursionError):
        return MessageError(f"message {type!r} cannot be sent: the payload is nested too deep or contains itself")
    if isinstance(error, UnicodeEncodeError):
        return MessageError(f"message {type!r} cannot be sent: the payload holds a lone surrogate, which is no UTF-8")
    return MessageError(f"message {type!r} cannot be sent: {error}")


def decode_document(data: bytes) -> dict[str, Any]:
    """The JSON object a parent sent. DefinitionError for anything else, however hostile."""
    try:
        value = _decode(data.decode())
    except (ValueError, RecursionError) as error:
        raise DefinitionError(f"the definition on stdin is not JSON: {error}") from error
    if not isinstance(value, dict):
        raise DefinitionError(f"the definition on stdin is a JSON {type(value).__name__}, expected an object")
    return value

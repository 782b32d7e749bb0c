"""What a child writes is what every JSON reader reads, and what cannot be written is an error that says so."""

from __future__ import annotations

import json
import math

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gostage_sim.gostage.errors import DefinitionError, MessageError
from gostage_sim.gostage.wire.encode import decode_document, encode_frame, encode_value

TEXT = st.text(st.characters(exclude_categories=["Cs"]))
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=20,
)


@given(TEXT, VALUES)
def test_frame_is_one_line_of_json(type_: str, payload: object) -> None:
    """A frame is one line holding `type` and `payload` and nothing else, in the order of the original."""
    frame = encode_frame(type_, payload)
    assert frame.endswith(b"}\n")
    assert frame.count(b"\n") == 1
    assert json.loads(frame) == {"type": type_, "payload": payload}
    assert list(json.loads(frame)) == ["type", "payload"]
    assert msgspec.json.decode(frame) == {"type": type_, "payload": payload}


def test_exact_bytes() -> None:
    """The wire is fixed byte for byte: compact, UTF-8, no escapes that are not needed."""
    assert encode_frame("log", {"level": "info", "message": 'é"\n'}) == (
        '{"type":"log","payload":{"level":"info","message":"é\\"\\n"}}\n'.encode()
    )


@pytest.mark.parametrize(
    ("payload", "why"),
    [
        (math.nan, "Out of range float values are not JSON compliant"),
        (object(), "a value of type object is not JSON"),
        ("\ud800", "the payload holds a lone surrogate, which is no UTF-8"),
        ({(1, 2): 3}, "keys must be str, int, float, bool or None, not tuple"),
    ],
)
def test_unsendable(payload: object, why: str) -> None:
    """A payload that is not JSON is a MessageError naming the message and the reason."""
    with pytest.raises(MessageError) as caught:
        encode_frame("mine", payload)
    assert str(caught.value).removesuffix(": nan") == f"message 'mine' cannot be sent: {why}"  # nan: Python 3.12


def test_circular() -> None:
    """A payload that contains itself is an error, not an endless loop."""
    circle: list[object] = []
    circle.append(circle)
    with pytest.raises(MessageError) as caught:
        encode_frame("mine", circle)
    assert str(caught.value) == "message 'mine' cannot be sent: the payload is nested too deep or contains itself"


@given(st.dictionaries(TEXT, VALUES, max_size=5))
def test_document_round_trip(document: dict[str, object]) -> None:
    """Any JSON object is read as every other reader reads it, white space around it included."""
    text = json.dumps(document, indent=1)
    assert decode_document(f" \r\n{text}\n".encode()) == document
    assert decode_document(encode_value(document).encode()) == document


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "the definition on stdin is not JSON: not JSON at character 0"),
        (b"[1]", "the definition on stdin is a JSON list, expected an object"),
        (b"{} {}", "the definition on stdin is not JSON: more text after the JSON document, at character 2"),
        (b'{"a": NaN}', "the definition on stdin is not JSON: NaN is not JSON"),
    ],
)
def test_bad_document(data: bytes, why: str) -> None:
    """What is no JSON object is a DefinitionError that says what was found."""
    with pytest.raises(DefinitionError) as caught:
        decode_document(data)
    assert str(caught.value) == why


@pytest.mark.parametrize("data", [b"\xff", b"[" * 100_000, b'{"a":' + b"9" * 5000 + b"}", b'{"a"'])
def test_hostile_document(data: bytes) -> None:
    """Invalid UTF-8, 100,000-deep nesting, a 5,000-digit integer and a truncated document are all DefinitionErrors."""
    with pytest.raises(DefinitionError, match=r"^the definition on stdin is not JSON: "):
        decode_document(data)

"""Messages as protobuf and back: nothing is lost, and what is no message is said to be none."""

from __future__ import annotations

import contextlib
import json
import time
from typing import Any, cast

import pytest
from google.protobuf.message import DecodeError
from hypothesis import given
from hypothesis import strategies as st

from gostage_sim.gostage.wire.mapping import from_proto, to_proto
from gostage_sim.gostage.wire.messages import Message, Origin, decode_line
from gostage_sim.gostage.wire.proto import gostage_pb2 as pb

ORIGIN = Origin("w", 42, "s")
TEXT = st.text(st.characters(codec="utf-8"), max_size=8)
JSON: st.SearchStrategy[Any] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=8,
)
MORE = st.dictionaries(TEXT, JSON, max_size=2)
FORMS: dict[str, st.SearchStrategy[Any]] = {
    "log": st.builds(
        lambda more, fields: more | fields,
        MORE,
        st.fixed_dictionaries(
            {"level": TEXT, "message": TEXT},
            optional={
                "timestamp": JSON | st.integers(-(2**63), 2**63) | st.integers(0, 2),
                "time": JSON | st.floats(0, 2**64) | st.floats(0, 3),
                "metadata": JSON | st.dictionaries(TEXT, TEXT),
            },
        ),
    ),
    "store_put": st.fixed_dictionaries({"key": TEXT, "value": JSON}, optional={"value_type": TEXT}),
    "store_delete": st.fixed_dictionaries({"key": TEXT}, optional={"more": JSON}),
    "workflow_start": st.fixed_dictionaries({"workflow_id": TEXT, "workflow_definition": JSON}),
    "workflow_result": st.builds(
        lambda more, fields: more | fields,
        MORE,
        st.fixed_dictionaries(
            {
                "workflow_id": TEXT,
                "success": st.booleans(),
                "error_message": TEXT,
                "execution_time_ms": st.integers(-(2**63), 2**63),
            },
            optional={"error": JSON},
        ),
    ),
    "final_store": st.dictionaries(TEXT, JSON, max_size=4),
}


def message(kind: str, payload: Any, stage: str = "", action: str = "") -> Message:
    """As a child's line says it."""
    line = {"type": kind, "payload": payload, "context": {"stage_id": stage, "action_name": action}}
    made = decode_line(json.dumps(line).encode())
    made._origin, made._sequence = ORIGIN, 7
    return made


@given(st.data())
def test_every_message_is_the_same_behind_the_wire(data: st.DataObject) -> None:
    """Type, payload and place of any message, of a known type or the application's own, survive the trip."""
    kind = data.draw(st.sampled_from(sorted(FORMS)) | st.text(st.characters(codec="utf-8"), min_size=1, max_size=8))
    payload = data.draw(FORMS.get(kind, JSON) | JSON)
    sent = message(kind, payload, data.draw(TEXT), data.draw(TEXT))
    again = from_proto(to_proto(sent).SerializeToString())
    again._origin, again._sequence = ORIGIN, 7
    assert (again.type, again.payload, again.context) == (sent.type, sent.payload, sent.context)
    assert json.dumps(again.payload, sort_keys=True) == json.dumps(sent.payload, sort_keys=True)  # 1, 1.0 and True


@pytest.mark.parametrize(
    ("kind", "payload", "field"),
    [
        ("log", {"level": "info", "message": "m", "logger": "l"}, "log"),
        ("store_put", {"key": "k", "value": [1]}, "store_put"),
        ("store_put", [1], "ipc_payload"),
        ("store_put", {"key": 1, "value": 1}, "ipc_payload"),
        ("store_delete", {"key": ""}, "store_delete"),
        ("workflow_start", {"workflow_id": "w", "workflow_definition": {}}, "workflow_start"),
        ("workflow_result", {"workflow_id": "w", "success": False, "error_message": "e", "execution_time_ms": 1},
         "workflow_result"),
        ("workflow_result", {"success": True}, "ipc_payload"),
        ("final_store", {}, "final_store"),
        ("progress", {"percent": 5}, "ipc_payload"),
    ],
)  # fmt: skip
def test_what_has_a_form_of_its_own_travels_in_it(kind: str, payload: Any, field: str) -> None:
    """A parent written in Go finds each type in its own field, with the number of its type, and the whole context."""
    made = to_proto(message(kind, payload, "stage", "act"))
    assert (made.WhichOneof("payload"), pb.MessageType.Name(made.type)) == (
        field,
        "MESSAGE_TYPE_IPC" if field == "ipc_payload" else f"MESSAGE_TYPE_{field.upper()}",
    )
    context = made.context
    assert (context.workflow_id, context.stage_id, context.action_name) == ("w", "stage", "act")
    assert (context.process_id, context.is_child_process, context.session_id) == (42, True, "s")
    assert context.sequence_number == 7


@pytest.mark.parametrize("more", [{}, {"timestamp": 12}, {"timestamp": 5}, {"timestamp": 0}, {"timestamp": "noon"}])
def test_the_time_of_a_log_makes_no_timestamp(more: dict[str, Any]) -> None:
    """What fills the field for others is neither added to the payload nor in the way of a timestamp of its own."""
    payload = {"level": "info", "message": "m", "time": 12.75, **more}
    assert from_proto(to_proto(message("log", payload)).SerializeToString()).payload == payload


def fields(sent: Any) -> dict[int, Any]:
    """What was set, by number, as a reader sees it that has nothing but the descriptors."""
    found = {}
    for field, value in sent.ListFields():
        if field.message_type is None:
            found[field.number] = value
        else:
            found[field.number] = dict(value) if field.message_type.GetOptions().map_entry else fields(value)
    return found


@pytest.mark.parametrize(
    ("kind", "payload", "number", "expected"),
    [
        ("log", {"level": "info", "message": "m", "time": 12.75}, 10,
         {1: "info", 2: "m", 3: 12, 30: b'{"time":12.75}'}),
        ("log", {"level": "info", "message": "m", "time": 12.75, "timestamp": 5}, 10,
         {1: "info", 2: "m", 3: 5, 30: b'{"time":12.75}'}),
        ("log", {"level": "info", "message": "m", "time": "noon"}, 10, {1: "info", 2: "m", 30: b'{"time":"noon"}'}),
        ("store_put", {"key": "k", "value": [1]}, 11, {1: "k", 2: b"[1]", 3: "json"}),
        ("final_store", {"a": None, "b": "x"}, 15, {1: {"a": b"null", "b": b'"x"'}, 2: {"a": "json", "b": "json"}}),
        ("progress", {"percent": 5}, 16, {1: "progress", 2: b'{"percent":5}'}),
    ],
)  # fmt: skip
def test_every_field_that_is_filled(kind: str, payload: Any, number: int, expected: dict[int, Any]) -> None:
    """The whole message by number: what the original fills is filled, in its units, and nothing beside it."""
    earliest = int(time.time())
    found = fields(pb.IPCMessage.FromString(to_proto(message(kind, payload, "stage", "act")).SerializeToString()))
    assert earliest <= found.pop(21) <= time.time()
    assert found.pop(1) in pb.MessageType.values()
    assert found == {
        number: expected,
        20: "42-7",
        22: {1: "w", 2: "stage", 3: "act", 4: 42, 5: True, 8: "s", 9: 7},
    }


LOG = pb.LogPayload(level="info", message="m")


@pytest.mark.parametrize(
    ("sent", "reason"),
    [
        (pb.IPCMessage(), "an IPCMessage without a payload that is known here, of type MESSAGE_TYPE_UNSPECIFIED"),
        (pb.IPCMessage(log=LOG), "type MESSAGE_TYPE_UNSPECIFIED does not go with the payload 'log'"),
        (pb.IPCMessage(type=pb.MESSAGE_TYPE_STORE_PUT, log=LOG),
         "type MESSAGE_TYPE_STORE_PUT does not go with the payload 'log'"),
        (pb.IPCMessage(type=cast(pb.MessageType, 99), log=LOG),
         "type 99 (unknown here) does not go with the payload 'log'"),
        (pb.IPCMessage(type=pb.MESSAGE_TYPE_IPC, ipc_payload=pb.IPCPayload(payload_json=b"1")),
         "an ipc_payload without a msg_type"),
        (pb.IPCMessage(type=pb.MESSAGE_TYPE_IPC, ipc_payload=pb.IPCPayload(msg_type="t", payload_json=b"{")),
         "bad JSON in 'ipc_payload': Input data was truncated"),
        (pb.IPCMessage(type=pb.MESSAGE_TYPE_LOG, log=pb.LogPayload(more_json=b"[]")),
         "more_json holds a JSON list, expected an object"),
    ],
)  # fmt: skip
def test_what_is_no_message_says_why(sent: Any, reason: str) -> None:
    """A type unknown here, one that does not go with its payload, and bad JSON are told apart, in words."""
    with pytest.raises(ValueError) as raised:  # noqa: PT011  # the whole text is compared below
        from_proto(sent.SerializeToString())
    assert str(raised.value) == reason


def test_bytes_that_are_no_protobuf() -> None:
    """Bytes that protobuf cannot read are no message; its own words are in the reason."""
    with pytest.raises(ValueError, match=r"^not an IPCMessage: Error parsing message") as raised:
        from_proto(b"\xff\xff")
    assert isinstance(raised.value.__cause__, DecodeError)


@given(st.binary(max_size=64))
def test_any_bytes_are_a_message_or_a_value_error(data: bytes) -> None:
    """Whatever a child sends, nothing but ValueError comes out."""
    with contextlib.suppress(ValueError):
        assert from_proto(data).type

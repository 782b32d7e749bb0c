"""Messages as protobuf and back: what `gostage.proto` has a form for goes there, all the rest into `ipc_payload`.

Nothing is lost: `from_proto(to_proto(message))` has the type, the payload and the place of `message`. A payload that
has not the form of its type, as a `store_put` that is a list, travels as an `ipc_payload` of that type. The
types of its values (`value_type`, `type_info`) are said, as the original says them, and not read. What stays empty is
listed in the package's README.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import msgspec
from google.protobuf.message import DecodeError

from gostage_sim.gostage.wire.messages import Message
from gostage_sim.gostage.wire.proto import gostage_pb2 as pb

IPC = "ipc_payload"
_ENUM = {
    "log": pb.MESSAGE_TYPE_LOG,
    "store_put": pb.MESSAGE_TYPE_STORE_PUT,
    "store_delete": pb.MESSAGE_TYPE_STORE_DELETE,
    "workflow_start": pb.MESSAGE_TYPE_WORKFLOW_START,
    "workflow_result": pb.MESSAGE_TYPE_WORKFLOW_RESULT,
    "final_store": pb.MESSAGE_TYPE_FINAL_STORE,
    IPC: pb.MESSAGE_TYPE_IPC,
}
"""By field of the oneof, which is also the name of the type."""
_LIMITS_OF_INT64 = range(-(2**63), 2**63)
_VALUE_TYPE = "json"
"""What the original says of every value."""

_encode, _decode = msgspec.json.Encoder().encode, msgspec.json.Decoder().decode


def to_proto(message: Message) -> pb.IPCMessage:
    """The message with its whole context. It has an origin, and a payload as decoded from JSON."""
    context = message.context
    made = pb.IPCMessage(
        message_id=f"{context.pid}-{context.sequence}",
        timestamp=int(time.time()),
        context=pb.MessageContext(
            workflow_id=context.workflow_id,
            stage_id=context.stage_id,
            action_name=context.action_name,
            process_id=context.pid,
            is_child_process=context.is_child,
            session_id=context.session_id,
            sequence_number=context.sequence,
        ),
    )
    fill = _FILL.get(message.type)
    field = message.type
    if fill is None or not isinstance(message.payload, dict) or not fill(made, dict(message.payload)):
        field = IPC
        made.ipc_payload.msg_type = message.type
        made.ipc_payload.payload_json = _encode(message.payload)
    made.type = _ENUM[field]
    return made


def from_proto(data: bytes) -> Message:
    """The message in these bytes, without an origin. One of `messages.DECODE_ERRORS` for bytes that hold none."""
    try:
        sent = pb.IPCMessage.FromString(data)
    except DecodeError as error:
        raise ValueError(f"not an IPCMessage: {error}") from error
    field = sent.WhichOneof("payload")
    if field is None:
        raise ValueError(f"an IPCMessage without a payload that is known here, of type {_name(sent.type)}")
    if sent.type != _ENUM[field]:
        raise ValueError(f"type {_name(sent.type)} does not go with the payload {field!r}")
    kind, payload = (sent.ipc_payload.msg_type, None) if field == IPC else (field, None)
    if not kind:
        raise ValueError("an ipc_payload without a msg_type")
    try:
        payload = _READ[field](getattr(sent, field))
    except msgspec.DecodeError as error:
        raise ValueError(f"bad JSON in {field!r}: {error}") from error
    where = {"stage_id": sent.context.stage_id, "action_name": sent.context.action_name}
    return Message(kind, payload, msgspec.Raw(_encode(where)))


def _name(number: int) -> str:
    return pb.MessageType.Name(number) if number in pb.MessageType.values() else f"{number} (unknown here)"


# --- payloads with a form of their own: False when the payload has another one --------------------------------------


def _fill_log(made: pb.IPCMessage, payload: dict[str, Any]) -> bool:
    if not _has(payload, level=str, message=str):
        return False
    log = pb.LogPayload(level=payload.pop("level"), message=payload.pop("message"))
    timestamp, metadata, logged = payload.get("timestamp"), payload.get("metadata"), _seconds(payload.get("time"))
    if "timestamp" not in payload:
        log.timestamp = logged
    elif type(timestamp) is int and timestamp and timestamp in _LIMITS_OF_INT64:
        log.timestamp = timestamp
        if timestamp != logged:  # else the reader would take it for one that was made of `time`
            del payload["timestamp"]
    if isinstance(metadata, dict) and metadata and all(isinstance(value, str) for value in metadata.values()):
        log.metadata.update(payload.pop("metadata"))
    if payload:
        log.more_json = _encode(payload)
    made.log.CopyFrom(log)
    return True


def _read_log(log: pb.LogPayload) -> dict[str, Any]:
    payload: dict[str, Any] = {"level": log.level, "message": log.message}
    more = _more(log.more_json)
    if log.timestamp and log.timestamp != _seconds(more.get("time")):
        payload["timestamp"] = log.timestamp
    if log.metadata:
        payload["metadata"] = dict(log.metadata)
    return more | payload


def _seconds(logged: Any) -> int:
    """The `time` of a log message in whole seconds since 1970; 0 when it has none."""
    return int(logged) if type(logged) in (int, float) and 0 < logged < 2**63 else 0


def _fill_store_put(made: pb.IPCMessage, payload: dict[str, Any]) -> bool:
    if not _has(payload, key=str) or "value" not in payload:
        return False
    put = pb.StorePutPayload(key=payload.pop("key"), value=_encode(payload.pop("value")), value_type=_VALUE_TYPE)
    if payload:
        return False
    made.store_put.CopyFrom(put)
    return True


def _read_store_put(put: pb.StorePutPayload) -> dict[str, Any]:
    return {"key": put.key, "value": _decode(put.value)}


def _fill_store_delete(made: pb.IPCMessage, payload: dict[str, Any]) -> bool:
    if not _has(payload, key=str) or len(payload) > 1:
        return False
    made.store_delete.key = payload["key"]
    made.store_delete.SetInParent()  # an empty key would leave it unset
    return True


def _read_store_delete(deleted: pb.StoreDeletePayload) -> dict[str, Any]:
    return {"key": deleted.key}


def _fill_workflow_start(made: pb.IPCMessage, payload: dict[str, Any]) -> bool:
    if not _has(payload, workflow_id=str) or payload.keys() != {"workflow_id", "workflow_definition"}:
        return False
    made.workflow_start.workflow_id = payload["workflow_id"]
    made.workflow_start.workflow_definition = _encode(payload["workflow_definition"])
    return True


def _read_workflow_start(start: pb.WorkflowStartPayload) -> dict[str, Any]:
    return {"workflow_id": start.workflow_id, "workflow_definition": _decode(start.workflow_definition)}


def _fill_workflow_result(made: pb.IPCMessage, payload: dict[str, Any]) -> bool:
    if not _has(payload, workflow_id=str, success=bool, error_message=str, execution_time_ms=int):
        return False
    if payload["execution_time_ms"] not in _LIMITS_OF_INT64:
        return False
    names = ("workflow_id", "success", "error_message", "execution_time_ms")
    result = pb.WorkflowResultPayload(**{name: payload.pop(name) for name in names})
    if payload:
        result.more_json = _encode(payload)
    made.workflow_result.CopyFrom(result)
    return True


def _read_workflow_result(result: pb.WorkflowResultPayload) -> dict[str, Any]:
    payload: dict[str, Any] = {
        "workflow_id": result.workflow_id,
        "success": result.success,
        "error_message": result.error_message,
        "execution_time_ms": result.execution_time_ms,
    }
    return _more(result.more_json) | payload


def _fill_final_store(made: pb.IPCMessage, payload: dict[str, Any]) -> bool:
    made.final_store.SetInParent()
    for key, value in payload.items():
        made.final_store.store_data[key] = _encode(value)
        made.final_store.type_info[key] = _VALUE_TYPE
    return True


def _read_final_store(store: pb.FinalStorePayload) -> dict[str, Any]:
    return {key: _decode(value) for key, value in store.store_data.items()}


def _read_ipc(ipc: pb.IPCPayload) -> Any:
    return _decode(ipc.payload_json)


def _has(payload: dict[str, Any], **kinds: type) -> bool:
    return all(type(payload.get(name)) is kind for name, kind in kinds.items())


def _more(data: bytes) -> dict[str, Any]:
    """What a payload holds beside its fields; it cannot hold anything in their place."""
    more = _decode(data) if data else {}
    if not isinstance(more, dict):
        raise ValueError(f"more_json holds a JSON {type(more).__name__}, expected an object")
    return more


_FILL: dict[str, Callable[[pb.IPCMessage, dict[str, Any]], bool]] = {
    "log": _fill_log,
    "store_put": _fill_store_put,
    "store_delete": _fill_store_delete,
    "workflow_start": _fill_workflow_start,
    "workflow_result": _fill_workflow_result,
    "final_store": _fill_final_store,
}
_READ: dict[str, Callable[[Any], Any]] = {
    "log": _read_log,
    "store_put": _read_store_put,
    "store_delete": _read_store_delete,
    "workflow_start": _read_workflow_start,
    "workflow_result": _read_workflow_result,
    "final_store": _read_final_store,
    IPC: _read_ipc,
}

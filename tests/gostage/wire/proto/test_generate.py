"""The generated modules are those that `gostage.proto` gives today."""

from __future__ import annotations

from pathlib import Path

import pytest

from gostage_sim.gostage.wire.proto import gostage_pb2 as pb
from gostage_sim.gostage.wire.proto.generate import GENERATED, HERE, ROOT, generate


@pytest.fixture(scope="module")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("generated")
    generate(folder)
    return folder / HERE.relative_to(ROOT)


@pytest.mark.parametrize("name", GENERATED)
def test_committed_modules_are_up_to_date(fresh: Path, name: str) -> None:
    """What the documented command writes is what is committed, byte for byte."""
    assert (fresh / name).read_text() == (HERE / name).read_text()


def test_nothing_else_is_generated(fresh: Path) -> None:
    """The list of generated modules is complete."""
    assert sorted(path.name for path in fresh.iterdir()) == sorted(GENERATED)


#: What the original's service has, by number; our own fields, from 30 on, and our own messages come on top.
ORIGINAL = {
    "IPCMessage": {
        1: "type", 10: "log", 11: "store_put", 12: "store_delete", 13: "workflow_start", 14: "workflow_result",
        15: "final_store", 16: "ipc_payload", 20: "message_id", 21: "timestamp", 22: "context",
    },
    "MessageContext": {
        1: "workflow_id", 2: "stage_id", 3: "action_name", 4: "process_id", 5: "is_child_process", 6: "action_index",
        7: "is_last_action", 8: "session_id", 9: "sequence_number",
    },
    "LogPayload": {1: "level", 2: "message", 3: "timestamp", 4: "metadata"},
    "StorePutPayload": {1: "key", 2: "value", 3: "value_type"},
    "StoreDeletePayload": {1: "key"},
    "WorkflowStartPayload": {1: "workflow_id", 2: "workflow_definition"},
    "WorkflowResultPayload": {1: "workflow_id", 2: "success", 3: "error_message", 4: "execution_time_ms"},
    "FinalStorePayload": {1: "store_data", 2: "type_info"},
    "IPCPayload": {1: "msg_type", 2: "payload_json"},
    "MessageAck": {1: "success", 2: "error_message", 3: "message_id"},
}  # fmt: skip


@pytest.mark.parametrize("name", ORIGINAL)
def test_numbers_of_the_original(name: str) -> None:
    """A number is for ever: a child or a parent of the original would read another field under it."""
    fields = pb.DESCRIPTOR.message_types_by_name[name].fields
    assert {field.number: field.name for field in fields if field.number < 30} == ORIGINAL[name]


def test_types_of_the_original() -> None:
    """Fields that are not text, and the numbers of the message types."""
    types = pb.DESCRIPTOR.enum_types_by_name["MessageType"].values
    assert {value.number: value.name.removeprefix("MESSAGE_TYPE_") for value in types} == {
        0: "UNSPECIFIED", 1: "LOG", 2: "STORE_PUT", 3: "STORE_DELETE", 4: "WORKFLOW_START", 5: "WORKFLOW_RESULT",
        6: "FINAL_STORE", 8: "IPC",
    }  # fmt: skip
    whole = {"IPCMessage.timestamp", "LogPayload.timestamp", "WorkflowResultPayload.execution_time_ms"}
    raw = {"StorePutPayload.value", "WorkflowStartPayload.workflow_definition", "IPCPayload.payload_json"}
    for kind, expected in (("TYPE_INT64", whole), ("TYPE_BYTES", raw)):
        for name in expected:
            message, field = name.split(".")
            found = pb.DESCRIPTOR.message_types_by_name[message].fields_by_name[field]
            assert found.type == getattr(found, kind), name
    for message, field in (("LogPayload", "metadata"), ("FinalStorePayload", "type_info")):
        entry = pb.DESCRIPTOR.message_types_by_name[message].fields_by_name[field].message_type
        assert entry is not None
        assert entry.GetOptions().map_entry
        assert [one.type for one in entry.fields] == [entry.fields[0].TYPE_STRING] * 2


def test_the_service_of_the_original() -> None:
    """Its three calls, with which sides of them are streams; our own call has a name of its own."""
    methods = pb.DESCRIPTOR.services_by_name["WorkflowIPC"].methods
    calls = {
        one.name: (one.input_type.name, one.client_streaming, one.output_type.name, one.server_streaming)
        for one in methods
    }
    assert calls.pop("SendLines")
    assert calls == {
        "SendMessage": ("IPCMessage", False, "MessageAck", False),
        "StreamMessages": ("IPCMessage", True, "MessageAck", True),
        "BidirectionalStream": ("IPCMessage", True, "IPCMessage", True),
    }
    assert pb.DESCRIPTOR.package == "gostage"

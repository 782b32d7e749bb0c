from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class MessageType(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    MESSAGE_TYPE_UNSPECIFIED: _ClassVar[MessageType]
    MESSAGE_TYPE_LOG: _ClassVar[MessageType]
    MESSAGE_TYPE_STORE_PUT: _ClassVar[MessageType]
    MESSAGE_TYPE_STORE_DELETE: _ClassVar[MessageType]
    MESSAGE_TYPE_WORKFLOW_START: _ClassVar[MessageType]
    MESSAGE_TYPE_WORKFLOW_RESULT: _ClassVar[MessageType]
    MESSAGE_TYPE_FINAL_STORE: _ClassVar[MessageType]
    MESSAGE_TYPE_IPC: _ClassVar[MessageType]
MESSAGE_TYPE_UNSPECIFIED: MessageType
MESSAGE_TYPE_LOG: MessageType
MESSAGE_TYPE_STORE_PUT: MessageType
MESSAGE_TYPE_STORE_DELETE: MessageType
MESSAGE_TYPE_WORKFLOW_START: MessageType
MESSAGE_TYPE_WORKFLOW_RESULT: MessageType
MESSAGE_TYPE_FINAL_STORE: MessageType
MESSAGE_TYPE_IPC: MessageType

class IPCMessage(_message.Message):
    __slots__ = ("type", "log", "store_put", "store_delete", "workflow_start", "workflow_result", "final_store", "ipc_payload", "message_id", "timestamp", "context")
    TYPE_FIELD_NUMBER: _ClassVar[int]
    LOG_FIELD_NUMBER: _ClassVar[int]
    STORE_PUT_FIELD_NUMBER: _ClassVar[int]
    STORE_DELETE_FIELD_NUMBER: _ClassVar[int]
    WORKFLOW_START_FIELD_NUMBER: _ClassVar[int]
    WORKFLOW_RESULT_FIELD_NUMBER: _ClassVar[int]
    FINAL_STORE_FIELD_NUMBER: _ClassVar[int]
    IPC_PAYLOAD_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_ID_FIELD_NUMBER: _ClassVar[int]
    TIMESTAMP_FIELD_NUMBER: _ClassVar[int]
    CONTEXT_FIELD_NUMBER: _ClassVar[int]
    type: MessageType
    log: LogPayload
    store_put: StorePutPayload
    store_delete: StoreDeletePayload
    workflow_start: WorkflowStartPayload
    workflow_result: WorkflowResultPayload
    final_store: FinalStorePayload
    ipc_payload: IPCPayload
    message_id: str
    timestamp: int
    context: MessageContext
    def __init__(self, type: _Optional[_Union[MessageType, str]] = ..., log: _Optional[_Union[LogPayload, _Mapping]] = ..., store_put: _Optional[_Union[StorePutPayload, _Mapping]] = ..., store_delete: _Optional[_Union[StoreDeletePayload, _Mapping]] = ..., workflow_start: _Optional[_Union[WorkflowStartPayload, _Mapping]] = ..., workflow_result: _Optional[_Union[WorkflowResultPayload, _Mapping]] = ..., final_store: _Optional[_Union[FinalStorePayload, _Mapping]] = ..., ipc_payload: _Optional[_Union[IPCPayload, _Mapping]] = ..., message_id: _Optional[str] = ..., timestamp: _Optional[int] = ..., context: _Optional[_Union[MessageContext, _Mapping]] = ...) -> None: ...

class MessageContext(_message.Message):
    __slots__ = ("workflow_id", "stage_id", "action_name", "process_id", "is_child_process", "action_index", "is_last_action", "session_id", "sequence_number")
    WORKFLOW_ID_FIELD_NUMBER: _ClassVar[int]
    STAGE_ID_FIELD_NUMBER: _ClassVar[int]
    ACTION_NAME_FIELD_NUMBER: _ClassVar[int]
    PROCESS_ID_FIELD_NUMBER: _ClassVar[int]
    IS_CHILD_PROCESS_FIELD_NUMBER: _ClassVar[int]
    ACTION_INDEX_FIELD_NUMBER: _ClassVar[int]
    IS_LAST_ACTION_FIELD_NUMBER: _ClassVar[int]
    SESSION_ID_FIELD_NUMBER: _ClassVar[int]
    SEQUENCE_NUMBER_FIELD_NUMBER: _ClassVar[int]
    workflow_id: str
    stage_id: str
    action_name: str
    process_id: int
    is_child_process: bool
    action_index: int
    is_last_action: bool
    session_id: str
    sequence_number: int
    def __init__(self, workflow_id: _Optional[str] = ..., stage_id: _Optional[str] = ..., action_name: _Optional[str] = ..., process_id: _Optional[int] = ..., is_child_process: _Optional[bool] = ..., action_index: _Optional[int] = ..., is_last_action: _Optional[bool] = ..., session_id: _Optional[str] = ..., sequence_number: _Optional[int] = ...) -> None: ...

class LogPayload(_message.Message):
    __slots__ = ("level", "message", "timestamp", "metadata", "more_json")
    class MetadataEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    LEVEL_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    TIMESTAMP_FIELD_NUMBER: _ClassVar[int]
    METADATA_FIELD_NUMBER: _ClassVar[int]
    MORE_JSON_FIELD_NUMBER: _ClassVar[int]
    level: str
    message: str
    timestamp: int
    metadata: _containers.ScalarMap[str, str]
    more_json: bytes
    def __init__(self, level: _Optional[str] = ..., message: _Optional[str] = ..., timestamp: _Optional[int] = ..., metadata: _Optional[_Mapping[str, str]] = ..., more_json: _Optional[bytes] = ...) -> None: ...

class StorePutPayload(_message.Message):
    __slots__ = ("key", "value", "value_type")
    KEY_FIELD_NUMBER: _ClassVar[int]
    VALUE_FIELD_NUMBER: _ClassVar[int]
    VALUE_TYPE_FIELD_NUMBER: _ClassVar[int]
    key: str
    value: bytes
    value_type: str
    def __init__(self, key: _Optional[str] = ..., value: _Optional[bytes] = ..., value_type: _Optional[str] = ...) -> None: ...

class StoreDeletePayload(_message.Message):
    __slots__ = ("key",)
    KEY_FIELD_NUMBER: _ClassVar[int]
    key: str
    def __init__(self, key: _Optional[str] = ...) -> None: ...

class WorkflowStartPayload(_message.Message):
    __slots__ = ("workflow_id", "workflow_definition")
    WORKFLOW_ID_FIELD_NUMBER: _ClassVar[int]
    WORKFLOW_DEFINITION_FIELD_NUMBER: _ClassVar[int]
    workflow_id: str
    workflow_definition: bytes
    def __init__(self, workflow_id: _Optional[str] = ..., workflow_definition: _Optional[bytes] = ...) -> None: ...

class WorkflowResultPayload(_message.Message):
    __slots__ = ("workflow_id", "success", "error_message", "execution_time_ms", "more_json")
    WORKFLOW_ID_FIELD_NUMBER: _ClassVar[int]
    SUCCESS_FIELD_NUMBER: _ClassVar[int]
    ERROR_MESSAGE_FIELD_NUMBER: _ClassVar[int]
    EXECUTION_TIME_MS_FIELD_NUMBER: _ClassVar[int]
    MORE_JSON_FIELD_NUMBER: _ClassVar[int]
    workflow_id: str
    success: bool
    error_message: str
    execution_time_ms: int
    more_json: bytes
    def __init__(self, workflow_id: _Optional[str] = ..., success: _Optional[bool] = ..., error_message: _Optional[str] = ..., execution_time_ms: _Optional[int] = ..., more_json: _Optional[bytes] = ...) -> None: ...

class FinalStorePayload(_message.Message):
    __slots__ = ("store_data", "type_info")
    class StoreDataEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: bytes
        def __init__(self, key: _Optional[str] = ..., value: _Optional[bytes] = ...) -> None: ...
    class TypeInfoEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    STORE_DATA_FIELD_NUMBER: _ClassVar[int]
    TYPE_INFO_FIELD_NUMBER: _ClassVar[int]
    store_data: _containers.ScalarMap[str, bytes]
    type_info: _containers.ScalarMap[str, str]
    def __init__(self, store_data: _Optional[_Mapping[str, bytes]] = ..., type_info: _Optional[_Mapping[str, str]] = ...) -> None: ...

class IPCPayload(_message.Message):
    __slots__ = ("msg_type", "payload_json")
    MSG_TYPE_FIELD_NUMBER: _ClassVar[int]
    PAYLOAD_JSON_FIELD_NUMBER: _ClassVar[int]
    msg_type: str
    payload_json: bytes
    def __init__(self, msg_type: _Optional[str] = ..., payload_json: _Optional[bytes] = ...) -> None: ...

class MessageAck(_message.Message):
    __slots__ = ("success", "error_message", "message_id")
    SUCCESS_FIELD_NUMBER: _ClassVar[int]
    ERROR_MESSAGE_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_ID_FIELD_NUMBER: _ClassVar[int]
    success: bool
    error_message: str
    message_id: str
    def __init__(self, success: _Optional[bool] = ..., error_message: _Optional[str] = ..., message_id: _Optional[str] = ...) -> None: ...

class LineBatch(_message.Message):
    __slots__ = ("lines",)
    LINES_FIELD_NUMBER: _ClassVar[int]
    lines: bytes
    def __init__(self, lines: _Optional[bytes] = ...) -> None: ...

class BatchAck(_message.Message):
    __slots__ = ("batches",)
    BATCHES_FIELD_NUMBER: _ClassVar[int]
    batches: int
    def __init__(self, batches: _Optional[int] = ...) -> None: ...

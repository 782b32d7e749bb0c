"""A workflow as data: what a parent sends to a child, with the JSON keys of the original.

Format: the JSON of the Go library's `SubWorkflowDef`: keys in camel case, absent and null lists are empty, unknown keys
are ignored. Files may be YAML as well, see `definition_files`.
"""

from __future__ import annotations

import os
from typing import Annotated, Any, Literal, Self

import msgspec

from gostage_sim.gostage.errors import DefinitionError


class ActionDef(msgspec.Struct, kw_only=True, omit_defaults=True):
    """One action: the id it is registered under, and the parameters it gets as `ctx.params`."""

    id: str
    name: str = ""
    description: str = ""
    tags: list[str] = []
    params: dict[str, Any] = {}


class StageDef(msgspec.Struct, kw_only=True, omit_defaults=True):
    """One stage."""

    id: str
    name: str = ""
    description: str = ""
    tags: list[str] = []
    actions: list[ActionDef] = []


class TransportDef(
    msgspec.Struct,
    kw_only=True,
    omit_defaults=True,
    rename={
        "type": "Type",
        "grpc_address": "GRPCAddress",
        "grpc_port": "GRPCPort",
        "acknowledge": "Acknowledge",
        "window_bytes": "WindowBytes",
        "keep_alive_ms": "KeepAliveMs",
    },
):
    """How child and parent talk, as the original writes it: `{"Type": "grpc", "GRPCAddress": …, "GRPCPort": …}`.

    Its keys are read in any case, as Go does; an empty `Type` is Go's way to leave it out and read as `json`.
    """

    type: Literal["json", "grpc"]
    grpc_address: str = ""
    """Host name or address, without the port."""
    grpc_port: Annotated[int, msgspec.Meta(ge=0, le=65535)] = 0
    """0 lets the parent choose one."""
    acknowledge: Literal["window", "each"] = "window"
    """What the parent tells a child of ours beside; see `transports.Grpc`. The original does not read it."""
    window_bytes: Annotated[int, msgspec.Meta(ge=0)] = 0
    """The same; 0 for what the child thinks right."""
    keep_alive_ms: Annotated[int, msgspec.Meta(ge=0)] = 0
    """The same; 0 for none."""


class SubWorkflowDef(msgspec.Struct, kw_only=True, omit_defaults=True, rename="camel"):
    """A whole workflow, serialisable: `runner.spawn()` sends it to a child, `Workflow.from_def` rebuilds it."""

    id: str
    name: str = ""
    description: str = ""
    tags: list[str] = []
    stages: list[StageDef] = []
    initial_store: dict[str, Any] = {}
    transport: TransportDef | None = None
    """None leaves it to the runner."""

    @classmethod
    def of(cls, *action_ids: str, id: str = "workflow") -> Self:
        """The short way: one stage with these actions."""
        for action in action_ids:
            if not isinstance(action, str):
                raise TypeError(f"an action id is a str; found {action!r}")
        return cls(id=id, stages=[StageDef(id="main", actions=[ActionDef(id=action) for action in action_ids])])

    def to_document(self) -> dict[str, Any]:
        """Plain dicts and lists, as the JSON has them and not shared with this; DefinitionError as for `to_json`."""
        document: dict[str, Any] = msgspec.json.decode(self.to_json())
        return document

    def to_json(self) -> bytes:
        """The JSON document; DefinitionError names what would not be the same when it is read."""
        try:
            data = msgspec.json.encode(self)
            again = msgspec.json.decode(data, type=type(self))
            if again != self:  # msgspec writes dates as text, sets as lists, and null for a float that JSON lacks
                _require_same(self, again)
        except (TypeError, ValueError, RecursionError) as error:
            raise DefinitionError(f"definition {self.id!r} cannot be written as JSON: {error}") from error
        return data

    @classmethod
    def from_json(cls, data: bytes | str) -> Self:
        """Read a document, also one that a program in Go wrote; DefinitionError says what is wrong and where."""
        try:
            return cls.from_document(msgspec.json.decode(data))
        except (msgspec.MsgspecError, ValueError, RecursionError) as error:
            raise DefinitionError(f"not a workflow definition: {error}") from error

    @classmethod
    def from_document(cls, document: Any) -> Self:
        """Read plain dicts and lists, as `to_document` makes them; DefinitionError says what is wrong and where."""
        try:
            return msgspec.convert(_normal(document), cls)
        except (msgspec.MsgspecError, ValueError, RecursionError) as error:
            raise DefinitionError(f"not a workflow definition: {error}") from error

    @staticmethod
    def load(path: str | os.PathLike[str]) -> SubWorkflowDef:
        """Read a `.json`, `.yaml` or `.yml` file; DefinitionError says `file:line:column: what is wrong`."""
        from gostage_sim.gostage.definition_files import read

        return read(path).definition

    def dump(self, path: str | os.PathLike[str]) -> None:
        """Write a `.json`, `.yaml` or `.yml` file that `load` reads back as the same definition.

        DefinitionError when it cannot be written, and the file is as it was.
        """
        from gostage_sim.gostage.definition_files import write

        write(self, path)


# What msgspec knows of a Struct is made at its first decoding, and two threads that make it at once crash the process
# (NULL in its list of fields). Importing holds a lock: after this line it is there.
msgspec.json.Decoder(SubWorkflowDef)


def _normal(document: Any) -> Any:
    """The document as our types read it, whatever of it a program in Go wrote in its own way."""
    document = _without_nulls(document)
    if isinstance(document, dict) and isinstance(document.get("transport"), dict):
        names = {name.lower(): name for name in TransportDef.__struct_encode_fields__}
        transport = {names.get(key.lower(), key): value for key, value in document["transport"].items()}
        document["transport"] = {**transport, "Type": transport.get("Type") or "json"}
    return document


def _without_nulls(part: Any, *, inside: str = "") -> Any:
    """Drop null members of the definition (Go writes nil slices so), but none inside the application's values."""
    if inside in ("params", "initialStore"):
        return part
    if isinstance(part, dict):
        return {key: _without_nulls(value, inside=key) for key, value in part.items() if value is not None}
    if isinstance(part, list):
        return [_without_nulls(value) for value in part]
    return part


def _require_same(written: Any, read: Any, path: str = "$") -> None:
    """ValueError for the first value that JSON did not bring back as it was. A tuple may come back as a list."""
    if isinstance(written, msgspec.Struct) and type(read) is type(written):
        for field, name in zip(written.__struct_fields__, written.__struct_encode_fields__, strict=True):
            _require_same(getattr(written, field), getattr(read, field), f"{path}.{name}")
    elif isinstance(written, dict) and isinstance(read, dict):
        for key, member in written.items():
            if not isinstance(key, str):
                raise ValueError(f"the key {key!r} is not text - at `{path}`")
            _require_same(member, read[key], f"{path}.{key}")
    elif isinstance(written, list | tuple) and isinstance(read, list):
        for index, (member, again) in enumerate(zip(written, read, strict=True)):
            _require_same(member, again, f"{path}[{index}]")
    elif written != read:
        what = str(written) if isinstance(written, float) else f"a value of type {type(written).__name__}"
        hint = "; spawn(…, initial_store=…) carries it" if path.startswith("$.initialStore") else ""
        raise ValueError(f"{what} is not JSON - at `{path}`{hint}")

"""A workflow as data: what a parent sends to a child, with the JSON keys of the original.

Format: the JSON of the Go library's `SubWorkflowDef`: keys in camel case, absent and null lists are empty.
"""

from __future__ import annotations

from typing import Any, Self

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


class SubWorkflowDef(msgspec.Struct, kw_only=True, omit_defaults=True, rename="camel"):
    """A whole workflow, serialisable: `runner.spawn()` sends it to a child, `Workflow.from_def` rebuilds it."""

    id: str
    name: str = ""
    description: str = ""
    tags: list[str] = []
    stages: list[StageDef] = []
    initial_store: dict[str, Any] = {}

    @classmethod
    def of(cls, *action_ids: str, id: str = "workflow") -> Self:
        """The short way: one stage with these actions."""
        return cls(id=id, stages=[StageDef(id="main", actions=[ActionDef(id=action) for action in action_ids])])

    def to_document(self) -> dict[str, Any]:
        """Plain dicts and lists, as the JSON has them."""
        document: dict[str, Any] = msgspec.to_builtins(self)
        return document

    def to_json(self) -> bytes:
        """The JSON document; DefinitionError names what cannot be written."""
        try:
            return msgspec.json.encode(self)
        except (TypeError, ValueError, RecursionError) as error:
            raise DefinitionError(f"definition {self.id!r} cannot be written as JSON: {error}") from error

    @classmethod
    def from_json(cls, data: bytes | str) -> Self:
        """Read a document, also one that a program in Go wrote; DefinitionError says what is wrong and where."""
        try:
            document = msgspec.json.decode(data)
            return msgspec.convert(_without_nulls(document), cls)
        except (msgspec.MsgspecError, ValueError, RecursionError) as error:
            raise DefinitionError(f"not a workflow definition: {error}") from error


def _without_nulls(part: Any, *, inside: str = "") -> Any:
    """Drop null members of the definition (Go writes nil slices so), but none inside the application's values."""
    if inside in ("params", "initialStore"):
        return part
    if isinstance(part, dict):
        return {key: _without_nulls(value, inside=key) for key, value in part.items() if value is not None}
    if isinstance(part, list):
        return [_without_nulls(value) for value in part]
    return part

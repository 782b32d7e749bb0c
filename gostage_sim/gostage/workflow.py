"""A workflow: stages in order, and one store for all of them."""

from __future__ import annotations

from gostage_sim.gostage.errors import DefinitionError
from gostage_sim.gostage.registry import new_action, registered_ids, unknown_actions
from gostage_sim.gostage.stage import Stage
from gostage_sim.gostage.store import Store

TYPE_CHECKING = False  # see gostage/__init__.py
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Any

    from gostage_sim.gostage.definition import SubWorkflowDef


class Workflow:
    """Stages that run one after another over one store."""

    def __init__(self, id: str, name: str = "", description: str = "", tags: Iterable[str] = ()) -> None:
        self.id = id
        self.name = name or id
        self.description = description
        self.tags = tuple(tags)
        self.stages: list[Stage] = []
        self.store = Store()

    def add_stage(self, stage: Stage) -> None:
        """Append a stage; DefinitionError when the id is taken."""
        if any(known.id == stage.id for known in self.stages):
            raise DefinitionError(f"workflow {self.id!r} already has a stage {stage.id!r}; stage ids are unique")
        self.stages.append(stage)

    def get_stage(self, id: str) -> Stage | None:
        """The stage of this id, or None."""
        return next((stage for stage in self.stages if stage.id == id), None)

    @classmethod
    def from_def(cls, definition: SubWorkflowDef | Mapping[str, Any]) -> Workflow:
        """Rebuild a workflow from its definition, or from the decoded JSON of one.

        UnknownActionError names every action id that is not registered in this process; DefinitionError says which part
        has the wrong shape.
        """
        if not isinstance(definition, dict) and not hasattr(definition, "to_document"):
            raise TypeError(f"from_def() takes a SubWorkflowDef or a dict; found {type(definition).__name__}")
        document = definition if isinstance(definition, dict) else definition.to_document()
        workflow = cls(**_identity(document, "the definition"))
        stages = [_part(stage, f"stages[{i}]") for i, stage in enumerate(_list(document, "stages", "the definition"))]
        known = set(registered_ids())
        missing: dict[str, None] = {}
        for s, described in enumerate(stages):
            where = f"stages[{s}]"
            stage = Stage(**_identity(described, where))
            for a, item in enumerate(_list(described, "actions", where)):
                part = _part(item, f"{where}.actions[{a}]")
                identity = _identity(part, f"{where}.actions[{a}]")
                if identity["id"] not in known:
                    missing[identity["id"]] = None
                    continue
                action = new_action(identity["id"])
                action.name = identity["name"] or action.name
                action.description = identity["description"] or action.description
                action.tags = identity["tags"] or action.tags
                action.params = _mapping(part, "params", f"{where}.actions[{a}]")
                for key, value in action.params.items():
                    # As the original does: the store is the only way an action written in Go gets at them.
                    workflow.store.put(f"param:{identity['id']}:{key}", value)
                stage.add_action(action)
            workflow.add_stage(stage)
        if missing:
            raise unknown_actions(tuple(missing))
        for key, value in _mapping(document, "initialStore", "the definition").items():
            workflow.store.put(key, value)
        return workflow

    def __repr__(self) -> str:
        return f"Workflow({self.id!r}, {len(self.stages)} stages)"


def _identity(part: Mapping[str, Any], where: str) -> dict[str, Any]:
    """id, name, description and tags of a part, checked; a program in Go writes null for an empty list."""
    found: dict[str, Any] = {}
    for key in ("id", "name", "description"):
        value = part.get(key) or ""
        if not isinstance(value, str):
            raise DefinitionError(f"{where}.{key}: expected a string, found {type(value).__name__}")
        found[key] = value
    if not found["id"]:
        raise DefinitionError(f"{where}: the id is missing")
    tags = _list(part, "tags", where)
    if not all(isinstance(tag, str) for tag in tags):
        raise DefinitionError(f"{where}.tags: expected a list of strings")
    found["tags"] = tuple(tags)
    return found


def _part(value: Any, where: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise DefinitionError(f"{where}: expected an object, found {type(value).__name__}")
    return value


def _list(part: Mapping[str, Any], key: str, where: str) -> list[Any]:
    value = part.get(key)
    if value is None:
        return []
    if not isinstance(value, list):
        raise DefinitionError(f"{where}.{key}: expected a list, found {type(value).__name__}")
    return value


def _mapping(part: Mapping[str, Any], key: str, where: str) -> dict[str, Any]:
    value = part.get(key)
    return {} if value is None else _part(value, f"{where}.{key}")

"""A workflow rebuilt from its definition: a document of plain dicts and lists, as the JSON has them."""

from __future__ import annotations

from gostage_sim.gostage.errors import DefinitionError, RegistrationError
from gostage_sim.gostage.registry import new_action, registered_ids, unknown_actions
from gostage_sim.gostage.stage import Stage

TYPE_CHECKING = False  # see gostage/__init__.py
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from gostage_sim.gostage.actions import Action
    from gostage_sim.gostage.workflow import Workflow


def rebuild(workflow_type: type[Workflow], document: Mapping[str, Any]) -> Workflow:
    """The workflow that the document describes, made of the actions registered in this process."""
    workflow = workflow_type(**_identity(document, "the definition"))
    stages = [_part(stage, f"stages[{i}]") for i, stage in enumerate(_list(document, "stages", "the definition"))]
    known = set(registered_ids())
    missing: dict[str, None] = {}
    made: set[int] = set()
    for s, described in enumerate(stages):
        where = f"stages[{s}]"
        stage = Stage(**_identity(described, where))
        for a, item in enumerate(_list(described, "actions", where)):
            part = _part(item, f"{where}.actions[{a}]")
            identity = _identity(part, f"{where}.actions[{a}]")
            if identity["id"] not in known:
                missing[identity["id"]] = None
                continue
            action = _action(part, identity, f"{where}.actions[{a}]", made)
            for key, value in action.params.items():
                # As the original does: the store is the only way an action written in Go gets at them.
                workflow.store.put(f"param:{identity['id']}:{key}", value)
            stage.add_action(action)
        workflow.add_stage(stage)
    if missing:
        raise unknown_actions(tuple(missing))
    workflow.store.import_all(_mapping(document, "initialStore", "the definition"))
    return workflow


def _action(part: Mapping[str, Any], identity: Mapping[str, Any], where: str, made: set[int]) -> Action:
    action = new_action(identity["id"])
    if id(action) in made:
        raise RegistrationError(
            f"the factory of action {identity['id']!r} made the same object twice; each place in a workflow has params "
            "of its own, so let it make a new one every time"
        )
    made.add(id(action))
    action.name = identity["name"] or action.name
    action.description = identity["description"] or action.description
    action.tags = identity["tags"] or action.tags
    action.params = _mapping(part, "params", where)
    return action


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

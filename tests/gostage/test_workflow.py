"""Workflows rebuilt from their definition."""

from __future__ import annotations

import json
from typing import Any

import pytest

from gostage_sim import gostage
from gostage_sim.gostage import errors, registry


@pytest.fixture(autouse=True)
def one_action(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "_factories", {})
    gostage.register_action("a", lambda: gostage.Action("a", "made", ["t"]))


def test_rebuilt_as_described() -> None:
    """Names, tags and parameters are the definition's, params are also in the store, and the initial store is put."""
    definition = gostage.SubWorkflowDef(
        id="w",
        stages=[
            gostage.StageDef(
                id="s",
                name="Stage",
                actions=[gostage.ActionDef(id="a", name="Mine", params={"n": 1}), gostage.ActionDef(id="a")],
            )
        ],
        initial_store={"k": 2},
    )
    workflow = gostage.Workflow.from_def(definition)
    stage = workflow.get_stage("s")
    assert stage is not None
    assert [(action.name, action.description, action.params) for action in stage.actions] == [
        ("Mine", "made", {"n": 1}),
        ("a", "made", {}),
    ]
    assert workflow.store.export_all() == {"param:a:n": 1, "k": 2}
    assert (stage.name, workflow.name, workflow.get_stage("t")) == ("Stage", "w", None)
    assert repr(workflow) == "Workflow('w', 1 stages)"
    assert repr(stage) == "Stage('s', 2 actions)"


def test_every_missing_action_is_named() -> None:
    """All unknown ids of a definition are in one error."""
    with pytest.raises(errors.UnknownActionError) as caught:
        gostage.Workflow.from_def(gostage.SubWorkflowDef.of("x", "a", "y", "x"))
    assert caught.value.missing == ("x", "y")
    assert str(caught.value) == (
        "unknown action 'x', 'y'; registered in this process: a. Parent and child must import the same modules."
    )


@pytest.mark.parametrize(
    ("document", "why"),
    [
        ({}, "the definition: the id is missing"),
        ({"id": 5}, "the definition.id: expected a string, found int"),
        ({"id": "w", "tags": [1]}, "the definition.tags: expected a list of strings"),
        ({"id": "w", "stages": {}}, "the definition.stages: expected a list, found dict"),
        ({"id": "w", "stages": [None]}, "stages[0]: expected an object, found NoneType"),
        ({"id": "w", "stages": [{"id": "s", "actions": [{}]}]}, "stages[0].actions[0]: the id is missing"),
        (
            {"id": "w", "stages": [{"id": "s", "actions": [{"id": "a", "params": 1}]}]},
            "stages[0].actions[0].params: expected an object, found int",
        ),
        (
            {"id": "w", "stages": [{"id": "s"}, {"id": "s"}]},
            "workflow 'w' already has a stage 's'; stage ids are unique",
        ),
    ],
)
def test_bad_shapes(document: dict[str, Any], why: str) -> None:
    """A part of the wrong shape is named by its place, with what was expected and what was found."""
    with pytest.raises(errors.DefinitionError) as caught:
        gostage.Workflow.from_def(document)
    assert str(caught.value) == why


def test_something_else_altogether() -> None:
    """What is neither a definition nor a document is a TypeError that says so."""
    with pytest.raises(TypeError) as caught:
        gostage.Workflow.from_def(None)  # type: ignore[arg-type]
    assert str(caught.value) == "from_def() takes a SubWorkflowDef or a dict; found NoneType"


EVERY_KEY = {
    "id": "import",
    "name": "Import users",
    "description": "Reads a file and writes to the database",
    "tags": ["nightly", "users"],
    "stages": [
        {
            "id": "read",
            "name": "Read the file",
            "description": "From the disk",
            "tags": ["io", "disk"],
            "actions": [
                {
                    "id": "a",
                    "name": "Read lines",
                    "description": "One user a line",
                    "tags": ["csv"],
                    "params": {"path": "users.csv", "limits": {"lines": [1, None, 2.5]}},
                },
                {"id": "a"},
            ],
        },
        {"id": "write"},
    ],
    "initialStore": {"limit": 10, "nothing": None},
    "transport": {"Type": "grpc", "GRPCAddress": "localhost", "GRPCPort": 5051},
}


def unknown_keys_everywhere(document: dict[str, Any]) -> dict[str, Any]:
    """The document with keys that nobody reads, in every part that has keys of ours."""
    more = {"version": 3, "extra": {"id": 5, "tags": None}}
    stages = [
        {**stage, **more, "actions": [{**action, **more} for action in stage.get("actions", ())]}
        for stage in document["stages"]
    ]
    return {**document, **more, "stages": stages, "transport": {**document["transport"], **more}}


@pytest.mark.parametrize("written", [EVERY_KEY, unknown_keys_everywhere(EVERY_KEY)], ids=["known", "unknown"])
def test_every_key_of_a_document_arrives(written: dict[str, Any]) -> None:
    """A rebuilt workflow carries all that its JSON says, as a child and as a parent read it; other keys are ignored."""
    definition = gostage.SubWorkflowDef.from_json(json.dumps(written))
    assert definition.to_document() == EVERY_KEY
    assert gostage.SubWorkflowDef.from_json(definition.to_json()) == definition
    assert definition.transport == gostage.TransportDef(type="grpc", grpc_address="localhost", grpc_port=5051)
    for source in (definition, json.loads(json.dumps(written))):
        workflow = gostage.Workflow.from_def(source)
        described = (workflow.id, workflow.name, workflow.description, workflow.tags)
        assert described == (
            "import",
            "Import users",
            "Reads a file and writes to the database",
            ("nightly", "users"),
        )
        read, write = workflow.stages
        assert (read.id, read.name, read.description, read.tags) == (
            "read",
            "Read the file",
            "From the disk",
            ("io", "disk"),
        )
        assert (write.id, write.name, write.description, write.tags, write.actions) == ("write", "write", "", (), ())
        params = {"path": "users.csv", "limits": {"lines": [1, None, 2.5]}}
        assert [(a.registered_id, a.name, a.description, a.tags, a.params) for a in read.actions] == [
            ("a", "Read lines", "One user a line", ("csv",), params),
            ("a", "a", "made", ("t",), {}),
        ]
        assert workflow.store.export_all() == {
            "param:a:path": "users.csv",
            "param:a:limits": params["limits"],
            "limit": 10,
            "nothing": None,
        }
        assert workflow.store.metadata("stage:read").tags == {"io", "disk", "system"}

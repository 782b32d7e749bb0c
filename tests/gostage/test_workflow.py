"""Workflows rebuilt from their definition."""

from __future__ import annotations

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

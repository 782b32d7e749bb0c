"""Finding stages and actions."""

from __future__ import annotations

from typing import Any

import pytest

from gostage_sim.gostage import Action, ActionContext, FunctionAction, Stage, Workflow
from gostage_sim.gostage.queries import Queries

from .flows import run


class Copy(Action):
    name = "Copy files"
    description = "Copies from here to there"
    tags: tuple[str, ...] = ("io", "fast")

    def execute(self, ctx: ActionContext) -> None:
        pass


class CopyAll(Copy):
    name = "Copy all"
    tags = ("io",)


class Special(Stage):
    pass


@pytest.fixture(params=["workflow", "context"])
def asked(request: pytest.FixtureRequest) -> Queries:
    """The same questions go to a workflow and to the context of an action in it."""
    seen: list[ActionContext] = []
    last = FunctionAction("last", seen.append, tags=("end",))
    workflow = Workflow(
        "w",
        stages=[
            Stage("s1", "Load data", "Loads", ["io", "day"], [Copy(), CopyAll()]),
            Special("s2", "Report", "Writes the LOAD report", ["day"], [Copy(), last]),
        ],
    )
    run(workflow)
    return workflow if request.param == "workflow" else seen[0]


@pytest.mark.parametrize(
    ("criteria", "found"),
    [
        ({}, ["s1", "s2"]),
        ({"id": "s2"}, ["s2"]),
        ({"id": "s"}, []),
        ({"name": "Report"}, ["s2"]),
        ({"name": "report"}, []),
        ({"name_part": "DATA"}, ["s1"]),
        ({"description_part": "load"}, ["s1", "s2"]),
        ({"tag": "day"}, ["s1", "s2"]),
        ({"all_tags": ["io", "day"]}, ["s1"]),
        ({"any_tag": ["io", "night"]}, ["s1"]),
        ({"any_tag": []}, []),
        ({"type": Special}, ["s2"]),
        ({"type": Stage}, ["s1", "s2"]),
        ({"tag": "day", "name_part": "re"}, ["s2"]),
    ],
)
def test_find_stages(asked: Queries, criteria: dict[str, Any], found: list[str]) -> None:
    """Stages by id, exact name, part of the name in any case, part of the description, tags, type, and all together."""
    assert [stage.id for stage in asked.find_stages(**criteria)] == found


@pytest.mark.parametrize(
    ("criteria", "found"),
    [
        ({}, ["Copy files", "Copy all", "Copy files", "last"]),
        ({"stage": "s2"}, ["Copy files", "last"]),
        ({"stage": "nowhere"}, []),
        ({"name": "Copy all"}, ["Copy all"]),
        ({"name": "copy all"}, []),
        ({"name_part": "COPY A"}, ["Copy all"]),
        ({"description_part": "HERE to"}, ["Copy files", "Copy all", "Copy files"]),
        ({"tag": "fast"}, ["Copy files", "Copy files"]),
        ({"all_tags": ("io", "fast"), "stage": "s1"}, ["Copy files"]),
        ({"any_tag": {"fast", "end"}}, ["Copy files", "Copy files", "last"]),
        ({"type": Copy}, ["Copy files", "Copy all", "Copy files"]),
        ({"type": FunctionAction}, ["last"]),
    ],
)
def test_find_actions(asked: Queries, criteria: dict[str, Any], found: list[str]) -> None:
    """Actions by the same, and within one stage."""
    assert [action.name for action in asked.find_actions(**criteria)] == found


def test_one_and_by_predicate(asked: Queries) -> None:
    """One stage by id, the first action of a name, the stage of an action, and anything by a predicate."""
    stage = asked.find_stage("s2")
    action = asked.find_action("Copy files", stage="s2")
    assert stage is not None
    assert action is not None
    assert (stage.name, asked.stage_of(action)) == ("Report", stage)
    assert (asked.find_stage("x"), asked.find_action("x"), asked.stage_of(Copy())) == (None, None, None)
    loads = asked.filter_stages(lambda stage: stage.action_count == 2 and stage.has_tag("io"))
    assert [stage.id for stage in loads] == ["s1"]
    assert asked.filter_actions(lambda action: "end" in action.tags)[0].name == "last"
    assert len(asked.filter_actions(lambda action: True, stage="s1")) == 2


def test_a_lone_string_is_no_list_of_tags(asked: Queries) -> None:
    """A string instead of a list of tags is an error, and not a list of letters."""
    with pytest.raises(TypeError) as caught:
        asked.find_stages(all_tags="io")
    assert str(caught.value) == "tags are a list of strings; found the string 'io', write ['io']"

"""Tags of stages, actions and workflows."""

from __future__ import annotations

from typing import Any

import pytest

from gostage_sim.gostage import Action, Stage, Workflow

from .flows import Log, flow


@pytest.mark.parametrize("make", [lambda: Stage("s"), lambda: Action("a"), lambda: Workflow("w")])
def test_tags(make: Any) -> None:
    """Tags are added once, and asked for one by one, all together or any of them."""
    tagged = make()
    tagged.add_tag("a")
    tagged.add_tag("b")
    tagged.add_tag("a")
    assert tagged.tags == ("a", "b")
    assert (tagged.has_tag("a"), tagged.has_tag("c")) == (True, False)
    assert (tagged.has_all_tags(["a", "b"]), tagged.has_all_tags(["a", "c"]), tagged.has_all_tags([])) == (
        True,
        False,
        True,
    )
    assert (tagged.has_any_tag(["c", "b"]), tagged.has_any_tag(["c"]), tagged.has_any_tag([])) == (True, False, False)


def test_tags_are_in_the_store() -> None:
    """Tags of workflows, stages and actions are in their metadata, for workflows and stages also those added later."""
    log = Log()
    workflow = flow(Stage("s", tags=["x"], actions=[log.action("A", tags=("x", "y"))]))
    workflow.stages[0].add_tag("late")
    workflow.add_tag("late")
    assert workflow.store.find_keys_by_tag("x") == ["stage:s", "action:s:A"]
    assert workflow.store.find_keys_by_tag("late") == ["workflow:w", "stage:s"]


@pytest.mark.parametrize(
    ("tags", "text"),
    [("io", "tags are a list of strings; found the string 'io', write ['io']"), ([5], "a tag is a string; found 5")],
)
def test_bad_tags(tags: Any, text: str) -> None:
    """What is no list of strings is refused, with what to write."""
    with pytest.raises(TypeError) as caught:
        Stage("s", tags=tags)
    assert str(caught.value) == text

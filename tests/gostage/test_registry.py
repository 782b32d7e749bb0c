"""Actions by id: registered once, found by all who import the same modules."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import pytest

from gostage_sim import gostage
from gostage_sim.gostage import errors, registry


@pytest.fixture(autouse=True)
def own_registry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "_factories", {})


def test_decorator_registers_and_returns_the_function() -> None:
    """`@action` leaves the function as it is; its docstring is the description unless one is given."""

    @gostage.action("copy", tags=["io"])
    def copy(ctx: gostage.ActionContext) -> None:
        """Copies."""
        ctx.store.put("copied", True)

    made = gostage.new_action("copy")
    assert (made.name, made.description, made.tags) == ("copy", "Copies.", ("io",))
    assert callable(copy)
    assert gostage.new_action("copy") is not made
    gostage.action("move", description="Moves.")(copy)
    assert gostage.new_action("move").description == "Moves."
    assert repr(made) == "FunctionAction('copy')"


def test_an_id_is_registered_once() -> None:
    """A second registration from another line names both places; the same line may come again."""
    for _ in range(2):
        gostage.register_action("a", lambda: gostage.Action("a"))
    first = registry._factories["a"].place
    with pytest.raises(errors.RegistrationError) as caught:
        gostage.register_action("a", lambda: gostage.Action("a"))
    place = f"{__file__}:{int(first.rsplit(':', 1)[1]) + 3}"
    assert str(caught.value) == f"action id 'a' is registered twice: at {first} and at {place}; rename one"


def test_unknown_id() -> None:
    """An unknown id says what comes close and what is there."""
    with pytest.raises(errors.UnknownActionError) as nothing:
        gostage.new_action("copy")
    assert str(nothing.value) == (
        "unknown action 'copy'; registered in this process: none. Parent and child must import the same modules."
    )
    gostage.register_action("copy", lambda: gostage.Action("copy"))
    with pytest.raises(errors.UnknownActionError) as close:
        gostage.new_action("cpoy")
    assert str(close.value) == (
        "unknown action 'cpoy' (did you mean 'copy'?); registered in this process: copy. "
        "Parent and child must import the same modules."
    )
    assert close.value.missing == ("cpoy",)


@pytest.mark.parametrize(
    ("id", "factory", "text"),
    [
        (None, gostage.Action, "an action id is a non-empty str; found None"),
        ("", gostage.Action, "an action id is a non-empty str; found ''"),
        ("a", None, "the factory of action 'a' must be callable, as a class is; found None"),
    ],
)
def test_bad_registration(id: str, factory: type[gostage.Action], text: str) -> None:
    """What can never become an action is refused where it is registered."""
    with pytest.raises(TypeError) as caught:
        gostage.register_action(id, factory)
    assert str(caught.value) == text


def test_bare_decorator() -> None:
    """`@action` without an id says how it is written."""
    with pytest.raises(TypeError, match=r'^@action needs an id: @action\("my\.id"\), not @action; found <function'):
        gostage.action(lambda ctx: None)  # type: ignore[arg-type]


def test_factory_that_makes_no_action() -> None:
    """A factory that returns something else is named with the place of its registration."""
    gostage.register_action("a", lambda: None)  # type: ignore[arg-type,return-value]
    place = registry._factories["a"].place
    with pytest.raises(errors.RegistrationError) as caught:
        gostage.new_action("a")
    assert str(caught.value) == (f"the factory of action 'a', registered at {place}, made NoneType, expected an Action")


def test_action_without_execute() -> None:
    """An action class that forgot `execute` says so."""
    with pytest.raises(TypeError) as caught:
        gostage.Action("a").execute(None)  # type: ignore[arg-type]
    assert str(caught.value) == "action 'a': Action defines no execute(ctx)"


async def asynchronous(ctx: gostage.ActionContext) -> None: ...


def generator(ctx: gostage.ActionContext) -> Iterator[None]:
    yield


async def both(ctx: gostage.ActionContext) -> AsyncIterator[None]:
    yield


class Late:
    async def __call__(self, ctx: gostage.ActionContext) -> None: ...


@pytest.mark.parametrize(
    ("function", "text"),
    [
        (asynchronous, "is `async`: actions are plain functions; call asyncio.run(…) in one"),
        (both, "is `async`: actions are plain functions; call asyncio.run(…) in one"),
        (partial(asynchronous), "is `async`: actions are plain functions; call asyncio.run(…) in one"),
        (Late(), "is `async`: actions are plain functions; call asyncio.run(…) in one"),
        (generator, "has a `yield`: calling it would run nothing of it; actions are plain functions"),
    ],
)
def test_functions_that_would_do_nothing(function: Any, text: str) -> None:
    """A coroutine function or a generator, which when called only returns something, is refused at once everywhere."""
    with pytest.raises(TypeError) as decorated:
        gostage.action("a")(function)
    assert str(decorated.value) == f"action 'a' {text}"
    with pytest.raises(TypeError) as subclass:
        type("Mine", (gostage.Action,), {"execute": function})
    assert str(subclass.value) == f"Mine.execute {text}"
    assert registry.registered_ids() == []


def test_the_decorator_is_for_functions() -> None:
    """Above a class, whose instances nobody would execute, it says what to do instead."""
    with pytest.raises(TypeError) as caught:
        gostage.action("a")(gostage.Action)  # type: ignore[arg-type]
    assert str(caught.value) == (
        "action 'a' is made of a function; found the class Action: "
        "make an instance of it, or register it with register_action('a', Action)"
    )


def test_arguments_in_the_wrong_order() -> None:
    """A function action whose arguments were exchanged says which come in which order."""
    with pytest.raises(TypeError) as caught:
        gostage.FunctionAction(len, "a")  # type: ignore[arg-type]
    assert str(caught.value) == (
        "FunctionAction(name, function) takes a str and a function; found <built-in function len> and 'a'"
    )


def test_a_long_docstring() -> None:
    """The description is the first paragraph of a docstring, in one line."""

    @gostage.action("a")
    def documented(ctx: gostage.ActionContext) -> None:
        """
        Copies from here
        to there.

        And more.
        """

    assert gostage.new_action("a").description == "Copies from here to there."


def test_a_factory_that_makes_one_object_only() -> None:
    """Two places of a definition would share their params; the error says what the factory has to do."""
    only = gostage.Action("a")
    gostage.register_action("a", lambda: only)
    assert gostage.Workflow.from_def(gostage.SubWorkflowDef.of("a")).stages[0].actions == (only,)
    with pytest.raises(errors.RegistrationError) as caught:
        gostage.Workflow.from_def(gostage.SubWorkflowDef.of("a", "a"))
    assert str(caught.value) == (
        "the factory of action 'a' made the same object twice; each place in a workflow has params of its own, "
        "so let it make a new one every time"
    )


def test_an_action_knows_its_id() -> None:
    """It is found by the id the registry made it under, whatever it is called; one made directly has none."""

    @dataclass(frozen=True)
    class Copy(gostage.Action):
        name = "Copy files"

    gostage.register_action("files.copy", Copy)
    gostage.register_action("files.copy.again", Copy)
    asked: list[list[str]] = []
    gostage.action("ask")(lambda ctx: asked.append([action.name for action in ctx.find_actions(id="ask")]))
    stages = [
        gostage.StageDef(id="s", actions=[gostage.ActionDef(id="ask", name="Ask"), gostage.ActionDef(id="ask")]),
        gostage.StageDef(id="t", actions=[gostage.ActionDef(id="ask", name="Last")]),
    ]
    workflow = gostage.Workflow.from_def(gostage.SubWorkflowDef(id="w", stages=stages))
    gostage.Runner().execute(workflow)
    assert asked == [["Ask", "ask", "Last"]] * 3
    assert [action.name for action in workflow.find_actions(id="ask", stage="t", name_part="la")] == ["Last"]
    assert workflow.find_actions(id="Ask") == []
    made = [gostage.new_action("files.copy"), gostage.new_action("files.copy.again"), Copy()]
    assert [action.registered_id for action in made] == ["files.copy", "files.copy.again", ""]
    workflow.stages[1].add_action(made[0])
    workflow.stages[1].add_action(made[2])
    (found,) = workflow.find_actions(id="files.copy")
    assert found is made[0]
    assert workflow.find_actions(id="Copy files") == []

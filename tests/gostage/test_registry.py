"""Actions by id: registered once, found by all who import the same modules."""

from __future__ import annotations

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
    assert str(close.value).startswith(
        "unknown action 'cpoy' (did you mean 'copy'?); registered in this process: copy."
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

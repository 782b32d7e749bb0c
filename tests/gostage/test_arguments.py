"""Arguments that cannot be meant, refused where they are given."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any, Protocol

import pytest

from gostage_sim.gostage import (
    Action,
    ActionContext,
    Metadata,
    Runner,
    RunOptions,
    Stage,
    Store,
    SubWorkflowDef,
    Workflow,
    action,
    errors,
)
from gostage_sim.gostage.middleware import limit_time, retry


class Unchecked(Protocol):
    x: int


class Copy(Action):
    def execute(self, ctx: ActionContext) -> None:
        """Nothing."""


def nothing(ctx: ActionContext) -> None:
    """An action that is never run."""


CLOCK = "clock is a function that gives seconds; found"
LOGGER = "logger is a logging.Logger, or has its methods debug, info, warning, error, critical, exception; found"
TRANSPORT = "transport must be 'json' or 'grpc', or one of gostage.transports; found"
TAKEN = "what a store takes over from is a Store; found"


@pytest.mark.parametrize(
    ("mistake", "kind", "text"),
    [
        (lambda x: Store().merge(x({"a": 1})), TypeError, f"{TAKEN} dict; Store(values) makes one of a mapping"),
        (lambda x: Store().copy_from(x(5)), TypeError, f"{TAKEN} int"),
        (lambda x: Store().copy_from_with_overwrite(x(None)), TypeError, f"{TAKEN} NoneType"),
        (
            lambda x: Store().find_collisions(x(["a"])),
            TypeError,
            "what a store is compared with is a Store; found list",
        ),
        (
            lambda x: Workflow("w", store=x({"a": 1})),
            TypeError,
            "the store of workflow 'w' is a Store; found dict; Store(values) makes one of a mapping",
        ),
        (lambda x: Stage("s").set_initial_data(x(5), 1), errors.StoreError, "a store key is a str; found 5"),
        (lambda x: Store().describe("k", description=x(5)), TypeError, "a description is a str; found 5"),
        (lambda x: Metadata(description=x(None)), TypeError, "a description is a str; found None"),
        (lambda x: Stage("s", description=x(5)), TypeError, "a description is a str; found 5"),
        (lambda x: Workflow("w", description=x(5)), TypeError, "a description is a str; found 5"),
        (lambda x: Copy(description=x(5)), TypeError, "a description is a str; found 5"),
        (lambda x: Copy(description=x(None)), TypeError, "a description is a str; found None"),
        (lambda x: action("a", description=x(5))(nothing), TypeError, "a description is a str; found 5"),
        (lambda x: Store().add_tag("k", x(5)), TypeError, "a tag is a string; found 5"),
        (lambda x: Runner(clock=x(5)), TypeError, f"{CLOCK} 5"),
        (lambda x: Store(clock=x(None)), TypeError, f"{CLOCK} None"),
        (lambda x: Runner(broker=x(5)), TypeError, "broker is a Broker; found 5"),
        (lambda x: Runner(broker=x(0)), TypeError, "broker is a Broker; found 0"),
        (lambda x: Runner(logger=x(5)), TypeError, f"{LOGGER} 5"),
        (lambda x: Runner(transport="jsn"), ValueError, f"{TRANSPORT} 'jsn'"),
        (lambda x: Runner(transport=x(5)), ValueError, f"{TRANSPORT} 5"),
        (lambda x: RunOptions(initial_store=x(5)), TypeError, "initial_store is a mapping of keys to values; found 5"),
        (lambda x: RunOptions(context=x("a")), TypeError, "context is a mapping of keys to values; found 'a'"),
        (lambda x: Store.from_export(x(5)), TypeError, "an exported store is a mapping of keys to values; found 5"),
        (
            lambda x: Store({"d": {}}).update_fields("d", x([1])),
            TypeError,
            "what update_fields sets is a mapping of keys to values; found [1]",
        ),
        (lambda x: SubWorkflowDef.of(x(5)), TypeError, "an action id is a str; found 5"),
        (lambda x: Runner(logger=x(logging.Logger)), TypeError, f"{LOGGER} {logging.Logger!r}"),
        (lambda x: retry(attempts=x("3")), ValueError, "attempts are a whole number, 1 or more; found '3'"),
        (lambda x: retry(attempts=x(2.5)), ValueError, "attempts are a whole number, 1 or more; found 2.5"),
        (lambda x: retry(attempts=0), ValueError, "attempts are a whole number, 1 or more; found 0"),
        (lambda x: retry(timeout_s=-1), ValueError, "timeout_s is a number of seconds, 0 or more, or None; found -1"),
        (lambda x: retry(wait_initial_s=-1), ValueError, "wait_initial_s is a number of seconds, 0 or more; found -1"),
        (lambda x: retry(wait_max_s=x("5")), ValueError, "wait_max_s is a number of seconds, 0 or more; found '5'"),
        (
            lambda x: retry(wait_jitter_s=float("nan")),
            ValueError,
            "wait_jitter_s is a number of seconds, 0 or more; found nan",
        ),
        (lambda x: retry(wait_base=-2), ValueError, "wait_base is a number, 0 or more; found -2"),
        (lambda x: limit_time(x("5")), ValueError, "a time limit is a number of seconds, 0 or more; found '5'"),
        (
            lambda x: RunOptions(timeout_s=True),
            ValueError,
            "timeout_s is a number of seconds, 0 or more, or None; found True",
        ),
    ],
)
def test_what_cannot_be_meant(
    mistake: Callable[[Callable[[Any], Any]], object], kind: type[Exception], text: str
) -> None:
    """It is an error that says what was expected and what was found, before anything is done."""
    with pytest.raises(kind) as caught:
        mistake(lambda wrong: wrong)
    assert type(caught.value) is kind
    assert str(caught.value) == text


BY_TYPE: list[tuple[str, Callable[[Any], object]]] = [
    ("keys", lambda type: Store().keys_by_type(type)),
    ("actions", lambda type: Workflow("w").enable_actions_by_type(type)),
    ("actions", lambda type: Workflow("w").disable_actions_by_type(type)),
    ("actions", lambda type: Workflow("w").remove_actions_by_type(type)),
    ("actions", lambda type: Workflow("w").find_actions(type=type)),
    ("stages", lambda type: Workflow("w").find_stages(type=type)),
]


@pytest.mark.parametrize(("what", "ask"), BY_TYPE)
@pytest.mark.parametrize(
    ("type", "found"),
    [
        ("int", "'int'"),
        (5, "5"),
        (list[int], "list[int]; ask for list"),
        (int | list[int], "int | list[int]"),
        (Unchecked, repr(Unchecked)),
    ],
    ids=["name", "number", "generic", "union", "protocol"],
)
def test_what_is_no_class(what: str, ask: Callable[[Any], object], type: Any, found: str) -> None:
    """Keys, actions and stages are found by a class; its name, or what no object can be asked about, is refused."""
    with pytest.raises(TypeError) as caught:
        ask(type)
    assert str(caught.value) == f"{what} are found by a class or a union of classes; found {found}"

"""What mypy makes of the public names. Checked and run by `test_typing.py`, and in part by `test_store.py`."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sized
from dataclasses import dataclass
from typing import Protocol, assert_type, runtime_checkable

from gostage_sim import gostage
from gostage_sim.gostage import ActionContext, Copied, Message, RunResult, Stage, StageContext, Store, SubWorkflowDef
from gostage_sim.gostage.middleware import Middleware, Proceed, limit_time, log_each, notify_stages, recover, retry


@dataclass
class Order:
    number: int


@runtime_checkable
class Numbered(Protocol):
    @property
    def number(self) -> int: ...


class Shape(ABC):
    @abstractmethod
    def area(self) -> float: ...


class Square(Shape):
    def area(self) -> float:
        return 1.0


def reads_have_the_type_that_was_asked_for(store: Store) -> None:
    assert_type(store.get("count", int), int)
    assert_type(store.get("order", Order), Order)
    assert_type(store.get("order", Numbered), Numbered)
    assert_type(store.get("shape", Shape), Shape)
    assert_type(store.get("names", Sized), Sized)
    assert_type(store.get("names", list[str]), list[str])


def defaults_widen_it(store: Store) -> None:
    assert_type(store.get_or_default("count", 0), int)
    assert_type(store.get_or_default("order", None, Order), Order | None)
    assert_type(store.get_or_default("shape", None, Shape), Shape | None)


def the_rest(store: Store) -> None:
    assert_type(store.keys_by_type(int), list[str])
    assert_type(store.types(), dict[str, type])
    assert_type(store.copy_from_with_overwrite(Store()), Copied)
    assert_type(store.clone(), Store)


def filled() -> Store:
    return Store({"count": 1, "order": Order(5), "shape": Square(), "names": ["a"]})


def decorated(ctx: ActionContext) -> None:
    assert_type(ctx.store.get("count", int), int)
    assert_type(ctx.find_stage("s"), Stage | None)
    assert_type(ctx.find_actions(tag="t"), list[gostage.Action])
    assert_type(ctx.disable_stage("later"), int)
    ctx.send_many("row", ({"n": n} for n in range(2)))


class Typed(gostage.Action):
    name = "typed"
    tags = ("a", "b")

    def execute(self, ctx: ActionContext) -> None:
        ctx.logger.info("%s of %d", self.name, ctx.action_index)


def around_a_stage(ctx: StageContext, proceed: Proceed) -> None:
    assert_type(ctx.stage, Stage)
    proceed()


def workflows_take_what_is_written_for_their_tier() -> RunResult:
    stage = Stage("s", tags=["t"], actions=[gostage.FunctionAction("decorated", decorated), Typed()])
    stage.use(around_a_stage, log_each(), limit_time(5))
    stage.use_for_actions(retry(OSError, attempts=2), recover((KeyError, OSError)))
    workflow = gostage.Workflow("w", stages=[stage], store=filled())
    stages: list[Middleware[StageContext]] = [around_a_stage, notify_stages()]
    workflow.use(*stages)
    runner = gostage.Runner(middleware=[log_each(), retry()], options=gostage.RunOptions(timeout_s=60))

    def handle(message: Message) -> None:
        assert_type(message.type, str)
        assert_type(message.context.sequence, int)

    assert_type(runner.broker.register_handler("row", handle), gostage.Registration)
    result = runner.run(workflow)
    assert_type(result.success, bool)
    assert_type(result.error, Exception | None)
    return result


def a_tier_refuses_what_needs_more() -> None:
    """mypy reports an ignore that is not needed, so these lines show what it rejects."""
    gostage.Runner().use(around_a_stage)  # type: ignore[arg-type]  # a runner has no stage to offer
    gostage.Stage("s", actions=["a"])  # type: ignore[list-item]
    Store().get("k", 5)  # type: ignore[call-overload]


def definitions() -> SubWorkflowDef:
    gostage.action("typed.decorated", description="d", tags=["t"])(decorated)
    gostage.register_action("typed.class", Typed)
    assert_type(gostage.new_action("typed.class"), gostage.Action)
    definition = SubWorkflowDef.of("typed.decorated", "typed.class")
    assert_type(SubWorkflowDef.from_json(definition.to_json()), SubWorkflowDef)
    assert_type(gostage.Workflow.from_def(definition), gostage.Workflow)
    return definition

"""The tiers of middleware: their order, and what they may do."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from gostage_sim.gostage import ActionContext, RunContext, Runner, RunOptions, Stage, Workflow, errors
from gostage_sim.gostage.middleware import Middleware, Proceed

from ..flows import Log, flow, property_of

Attach = Callable[[Runner, Workflow, Middleware[Any]], object]

TIERS: dict[str, Attach] = {
    "runner": lambda runner, workflow, one: runner.use(one),
    "workflow": lambda runner, workflow, one: workflow.use(one),
    "stage": lambda runner, workflow, one: workflow.stages[0].use(one),
    "actions of the workflow": lambda runner, workflow, one: workflow.use_for_actions(one),
    "actions of the stage": lambda runner, workflow, one: workflow.stages[0].use_for_actions(one),
    "action": lambda runner, workflow, one: workflow.stages[0].actions[0].use(one),
}
every_tier = pytest.mark.parametrize("attach", TIERS.values(), ids=TIERS)


def around(log: Log, name: str) -> Middleware[RunContext]:
    def middleware(ctx: RunContext, proceed: Proceed) -> None:
        log.append(f"{name}(")
        proceed()
        log.append(f"){name}")

    return middleware


def test_order() -> None:
    """Runner, workflow, stage, action, from outside in; within a tier the first added is outermost."""
    log = Log()
    workflow = flow(log.stage("s", "A", "B"))
    runner = Runner(middleware=[around(log, "r1")])
    runner.use(around(log, "r2"))
    workflow.use(around(log, "w1"), around(log, "w2"))
    workflow.stages[0].use(around(log, "s1"))
    workflow.stages[0].use(around(log, "s2"))
    workflow.use_for_actions(around(log, "wa"))
    workflow.stages[0].use_for_actions(around(log, "sa"))
    workflow.stages[0].actions[0].use(around(log, "a1"), around(log, "a2"))
    runner.execute(workflow, RunOptions(middleware=[around(log, "o")]))
    action = "wa( sa( a1( a2( A )a2 )a1 )sa )wa wa( sa( B )sa )wa"
    assert " ".join(log) == f"r1( r2( o( w1( w2( s1( s2( {action} )s2 )s1 )w2 )w1 )o )r2 )r1"


def test_what_each_goes_around() -> None:
    """The workflow's middleware runs before a stage's initial data is put, the stage's own after that."""
    seen: list[Any] = []

    def look(ctx: RunContext, proceed: Proceed) -> None:
        seen.append((ctx.where, ctx.store.keys()))
        proceed()

    stage = Log().stage("s", "A")
    stage.set_initial_data("k", 1)
    workflow = flow(stage)
    for tier in ("workflow", "stage", "action"):
        TIERS[tier](Runner(), workflow, look)
    Runner(middleware=[look]).execute(workflow)
    assert seen == [
        ("workflow 'w'", []),
        ("stage 's' of workflow 'w'", []),
        ("stage 's' of workflow 'w'", ["k"]),
        ("action 'A' of stage 's' in workflow 'w'", ["k"]),
    ]


@every_tier
def test_short_circuit(attach: Attach) -> None:
    """Who does not proceed skips what is inside, and that is marked as skipped."""
    log, runner = Log(), Runner()
    workflow = flow(log.stage("s", "A"))
    attach(runner, workflow, lambda ctx, proceed: None)
    runner.execute(workflow)
    assert log == []
    skipped = {
        "runner": ["skipped", "pending", "pending"],
        "workflow": ["completed", "skipped", "skipped"],
        "stage": ["completed", "skipped", "skipped"],
    }
    tier = next(name for name, one in TIERS.items() if one is attach)
    keys = ("workflow:w", "stage:s", "action:s:A")
    assert [property_of(workflow, key) for key in keys] == skipped.get(tier, ["completed", "completed", "skipped"])


@every_tier
def test_an_exception_of_a_middleware(attach: Attach) -> None:
    """What a middleware raises ends the workflow; the error says around what, and keeps the cause."""
    runner = Runner()
    workflow = flow(Log().stage("s", "A"))

    def broken(ctx: RunContext, proceed: Proceed) -> None:
        proceed()
        raise ValueError("mine")

    attach(runner, workflow, broken)
    with pytest.raises(errors.WorkflowError) as caught:
        runner.execute(workflow)
    tier = next(name for name, one in TIERS.items() if one is attach)
    place, kind = {
        "runner": ("workflow 'w'", errors.WorkflowError),
        "workflow": ("stage 's' in workflow 'w'", errors.StageError),
        "stage": ("stage 's' in workflow 'w'", errors.StageError),
    }.get(tier, ("action 'A' of stage 's' in workflow 'w'", errors.ActionError))
    assert str(caught.value) == f"{place} failed: ValueError: mine"
    assert type(caught.value) is kind
    assert isinstance(caught.value.__cause__, ValueError)
    assert workflow.status == "failed"


@every_tier
def test_an_exception_from_inside(attach: Attach) -> None:
    """An action's error passes through the middleware and is wrapped once, however many tiers it passes."""
    seen: list[Exception] = []
    runner = Runner()

    def work(ctx: ActionContext) -> None:
        raise ValueError("no")

    def watch(ctx: RunContext, proceed: Proceed) -> None:
        try:
            proceed()
        except Exception as error:
            seen.append(error)
            raise

    workflow = flow(Log().stage("s", "A", A=work))
    attach(runner, workflow, watch)
    with pytest.raises(errors.ActionError) as caught:
        runner.execute(workflow)
    assert isinstance(caught.value.__cause__, ValueError)
    assert seen in ([caught.value], [caught.value.__cause__])


@every_tier
def test_recovery(attach: Attach) -> None:
    """A middleware that catches what came from inside makes that part completed, and what is behind it runs."""
    log, runner = Log(), Runner()

    def work(ctx: ActionContext) -> None:
        raise ValueError("no")

    def swallow(ctx: RunContext, proceed: Proceed) -> None:
        try:
            proceed()
        except Exception:
            log.append("caught")

    workflow = flow(log.stage("s", "A", A=work), log.stage("t", "T"))
    attach(runner, workflow, swallow)
    runner.execute(workflow)
    assert log[:2] == ["A", "caught"]
    assert workflow.status == "completed"
    tier = next(name for name, one in TIERS.items() if one is attach)
    assert log[2:] == ([] if tier == "runner" else ["T", "caught"][:1])
    assert property_of(workflow, "stage:s") == ("failed" if tier == "runner" else "completed")


@every_tier
def test_again(attach: Attach) -> None:
    """Who proceeds a second time runs what is inside again, without what the first attempt had added."""
    log, runner = Log(), Runner()

    def work(ctx: ActionContext) -> None:
        ctx.add_dynamic_action(log.action("D"))
        ctx.add_dynamic_stage(log.stage("t", "T"))
        if log.count("A") == 1:
            raise ValueError("the first time")

    def twice(ctx: RunContext, proceed: Proceed) -> None:
        try:
            proceed()
        except Exception:
            proceed()

    workflow = flow(log.stage("s", "B", "A", A=work) if attach is not TIERS["action"] else log.stage("s", "A", A=work))
    attach(runner, workflow, twice)
    runner.execute(workflow)
    assert [name for name in log if name != "B"] == ["A", "A", "D", "T"]
    assert workflow.status == "completed"
    assert [state.status for state in workflow.stage_states()] == ["completed", "completed"]


def test_a_stage_that_removed_itself_and_is_tried_again() -> None:
    """Removing the current stage under a retry of that stage ends it all the same."""
    log = Log()

    def work(ctx: ActionContext) -> None:
        ctx.remove_stage("s")
        if log.count("A") == 1:
            raise ValueError("the first time")

    def twice(ctx: RunContext, proceed: Proceed) -> None:
        try:
            proceed()
        except ValueError:
            proceed()
        except errors.ActionError:
            proceed()

    workflow = flow(Stage("t", actions=[log.action("T")]), log.stage("s", "A", "B", A=work))
    workflow.use(twice)
    Runner().execute(workflow)
    assert log[:2] == ["T", "A"]
    assert "B" not in log
    assert [stage.id for stage in workflow.stages] == ["t"]


@every_tier
def test_what_is_no_middleware(attach: Attach) -> None:
    """What cannot be called is refused where it is added, not in the middle of a run."""
    with pytest.raises(TypeError) as caught:
        attach(Runner(), flow(Log().stage("s", "A")), 5)  # type: ignore[arg-type]
    assert str(caught.value) == "middleware is a function of the context and of what it goes around; found 5"


def test_middleware_outside_of_a_list() -> None:
    """One middleware where a list is expected says how it is written."""

    def announce(ctx: RunContext, proceed: Proceed) -> None:
        proceed()

    wrong: Any = announce
    for call in (lambda: Runner(middleware=wrong), lambda: RunOptions(middleware=wrong)):
        with pytest.raises(TypeError) as caught:
            call()
        assert str(caught.value) == f"middleware comes in a list; found {announce!r}, write [announce]"

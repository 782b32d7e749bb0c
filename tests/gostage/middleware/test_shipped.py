"""Each middleware that is shipped, but for retries."""

from __future__ import annotations

from typing import Any

import pytest

from gostage_sim import gostage
from gostage_sim.gostage import ActionContext, RunContext, Runner, errors, middleware

from ..flows import Log, flow, property_of


class Lines:
    """A logger that keeps its lines."""

    def __init__(self) -> None:
        self.lines: list[tuple[str, str]] = []

    def __getattr__(self, level: str) -> Any:
        return lambda text, *args: self.lines.append((level, text % args))


def no_route(ctx: ActionContext) -> None:
    raise OSError("no route")


def test_the_facade() -> None:
    """Every shipped middleware is reachable from the package."""
    assert gostage.middleware is middleware
    assert dir(middleware) == middleware.__all__
    assert all(callable(getattr(middleware, name)) for name in middleware.__all__)
    with pytest.raises(AttributeError, match=r"^module 'gostage_sim.gostage.middleware' has no attribute 'rerty'$"):
        _ = middleware.rerty


def test_log_each() -> None:
    """What begins, ends and fails is logged, to the runner's logger or to another one."""
    to, other = Lines(), Lines()
    workflow = flow(Log().stage("s", "A", A=no_route))
    workflow.stages[0].actions[0].use(middleware.log_each(other))
    runner = Runner(middleware=[middleware.log_each()], logger=to)
    with pytest.raises(errors.ActionError):
        runner.execute(workflow)
    failure = "action 'A' of stage 's' in workflow 'w' failed: OSError: no route"
    assert to.lines == [("info", "workflow 'w' begins"), ("error", f"workflow 'w' failed: ActionError: {failure}")]
    assert other.lines == [("info", "action 'A' of stage 's' in workflow 'w' begins"), ("error", failure)]
    to.lines.clear()
    runner.execute(flow(Log().stage("s", "A")))
    assert to.lines == [("info", "workflow 'w' begins"), ("info", "workflow 'w' ended")]


def test_time_each() -> None:
    """The seconds of what is inside are reported, also of what failed; without a function they are logged."""
    clock = iter([1.0, 3.5, 10.0, 10.25]).__next__
    seen: list[Any] = []
    runner = Runner(
        middleware=[middleware.time_each(lambda ctx, seconds: seen.append((ctx.where, seconds)), clock=clock)]
    )
    runner.execute(flow(Log().stage("s", "A")))
    assert not runner.run(flow(Log().stage("s", "A", A=no_route))).success
    assert seen == [("workflow 'w'", 2.5), ("workflow 'w'", 0.25)]
    logger = Lines()
    timed = middleware.time_each(clock=iter([0.0, 0.12]).__next__)
    Runner(middleware=[timed], logger=logger).execute(flow(Log().stage("s", "A")))
    assert logger.lines == [("info", "workflow 'w' took 0.120 s")]


@pytest.mark.parametrize(("overwrite", "value"), [(True, 2), (False, 1)])
def test_put_values(overwrite: bool, value: int) -> None:
    """Values are in the store before the first action; what is there is kept when asked for."""
    workflow = flow(Log().stage("s", "A", A=lambda ctx: ctx.store.put("seen", ctx.store.get("k", int))))
    workflow.store.put("k", 1)
    Runner(middleware=[middleware.put_values({"k": 2, "l": 3}, overwrite=overwrite)]).execute(workflow)
    assert workflow.store.export_all() == {"k": value, "l": 3, "seen": value}


def test_put_stage_data() -> None:
    """Each stage finds its own values; its initial data wins."""
    seen: list[Any] = []
    log = Log()

    def look(ctx: ActionContext) -> None:
        seen.append(dict(ctx.store.export_all()))

    workflow = flow(log.stage("s", "A", A=look), log.stage("t", "B", B=look))
    workflow.stages[1].set_initial_data("k", "initial")
    workflow.use(middleware.put_stage_data({"t": {"k": 1, "l": 2}, "x": {"m": 3}}))
    Runner().execute(workflow)
    assert seen == [{}, {"k": "initial", "l": 2}]


def test_filter_stages() -> None:
    """Only the stages that are wanted run; the others are skipped with their actions."""
    log = Log()
    workflow = flow(log.stage("s", "A"), log.stage("t", "B"))
    workflow.stages[1].add_tag("nightly")
    workflow.use(middleware.filter_stages(lambda stage: stage.has_tag("nightly")))
    Runner().execute(workflow)
    assert log == ["B"]
    assert [state.status for state in workflow.stage_states()] == ["skipped", "completed"]
    assert property_of(workflow, "action:s:A") == "skipped"


def test_notify_stages() -> None:
    """Handlers hear of the beginning and the end of each stage, with its place."""
    runner = Runner()
    seen: list[Any] = []
    runner.broker.register_handler("stage", lambda m: seen.append((m.context.stage_id, m.payload)))
    log = Log()
    workflow = flow(log.stage("s", "A"), log.stage("t", "B", B=no_route))
    workflow.use(middleware.notify_stages())
    assert not runner.run(workflow).success
    error = "action 'B' of stage 't' in workflow 'w' failed: OSError: no route"
    assert seen == [
        ("s", {"stage_id": "s", "name": "s", "event": "begins"}),
        ("s", {"stage_id": "s", "name": "s", "event": "ended"}),
        ("t", {"stage_id": "t", "name": "t", "event": "begins"}),
        ("t", {"stage_id": "t", "name": "t", "event": "failed", "error": error}),
    ]


def test_report_progress() -> None:
    """After each action handlers hear how many are done, of how many there are by then."""
    runner = Runner()
    seen: list[Any] = []
    runner.broker.register_handler("progress", lambda m: seen.append(m.payload))
    log = Log()
    workflow = flow(log.stage("s", "A", "B", A=lambda ctx: ctx.add_dynamic_action(log.action("D"))))
    workflow.use_for_actions(middleware.report_progress())
    runner.execute(workflow)
    assert seen == [{"stage_id": "s", "action_name": name, "done": done, "of": 3} for done, name in enumerate("ADB", 1)]


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.mark.parametrize(
    ("checks", "where"),
    [
        (True, "in action 'A' of stage 's' in workflow 'w'"),
        (False, "before action 'B' of stage 's'"),
    ],
)
def test_limit_time_of_a_stage(checks: bool, where: str) -> None:
    """A stage that takes too long is ended at the next check; the error says whose time it was."""
    clock = Clock()

    def work(ctx: ActionContext) -> None:
        assert ctx.deadline == 2.0
        clock.now = 2.25
        if checks:
            ctx.check_cancelled()

    workflow = flow(Log().stage("s", "A", "B", A=work))
    workflow.stages[0].use(middleware.limit_time(10), middleware.limit_time(2), middleware.limit_time(5))
    with pytest.raises(errors.DeadlineExceededError) as caught:
        Runner(clock=clock).execute(workflow)
    assert str(caught.value) == (
        f"workflow 'w' ran out of time {where}: the 2 s given to stage 's' of workflow 'w' were over 0.25 s ago"
    )


def test_limit_time_ends_with_what_it_is_around() -> None:
    """An action that is over its limit fails at its end at the latest; what is behind it has no limit any more."""
    clock = Clock()
    deadlines: list[Any] = []

    def slow(ctx: ActionContext) -> None:
        clock.now += 3

    workflow = flow(Log().stage("s", "A", "B", A=slow, B=lambda ctx: deadlines.append(ctx.deadline)))
    late = middleware.recover(errors.DeadlineExceededError, lambda ctx, error: deadlines.append(str(error)))
    workflow.stages[0].actions[0].use(late, middleware.limit_time(1))
    Runner(clock=clock).execute(workflow)
    where = "action 'A' of stage 's' in workflow 'w'"
    assert deadlines == [
        f"workflow 'w' ran out of time at the end of {where}: the 1 s given to {where} were over 2 s ago",
        None,
    ]


def test_a_limit_is_seconds() -> None:
    """A limit that cannot be meant is refused."""
    with pytest.raises(ValueError, match=r"^a time limit is a number of seconds, 0 or more; found -1$"):
        middleware.limit_time(-1)


@pytest.mark.parametrize(
    ("errors_meant", "recovered"),
    [
        (OSError, True),
        ((KeyError, OSError), True),
        (lambda error: "route" in str(error), True),
        (ValueError, False),
        (lambda error: False, False),
    ],
)
@pytest.mark.parametrize("tier", ["action", "stage", "workflow", "runner"])
def test_recover(errors_meant: Any, recovered: bool, tier: str) -> None:
    """Errors are recovered by class or predicate, whatever is wrapped around them on the way out."""
    handled: list[tuple[str, str]] = []

    def handle(ctx: RunContext, error: Exception) -> None:
        handled.append((type(ctx).__name__, str(error)))

    runner = Runner()
    workflow = flow(Log().stage("s", "A", A=no_route))
    stage = workflow.stages[0]
    place: dict[str, Any] = {
        "action": stage.actions[0],
        "stage": stage,
        "workflow": workflow,
        "runner": runner,
    }
    place[tier].use(middleware.recover(errors_meant, handle))
    assert runner.run(workflow).success is recovered
    context = {"action": "ActionContext", "runner": "RunContext"}.get(tier, "StageContext")
    assert handled == ([(context, "no route")] if recovered else [])


def test_a_cancelled_run_is_not_recovered() -> None:
    """Recovering from everything does not make a cancelled run go on."""

    class Cancelled:
        def is_set(self) -> bool:
            return True

    runner = Runner(middleware=[middleware.recover(Exception)], options=gostage.RunOptions(cancel=Cancelled()))
    with pytest.raises(errors.WorkflowCancelledError):
        runner.execute(flow(Log().stage("s", "A")))


def test_what_recover_is_told() -> None:
    """What is neither classes nor a predicate is refused."""
    with pytest.raises(TypeError) as caught:
        middleware.recover("OSError")  # type: ignore[arg-type]
    assert str(caught.value) == "errors are named by exception classes or by a predicate; found 'OSError'"

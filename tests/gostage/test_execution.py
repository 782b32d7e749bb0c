"""One run: statuses, errors, cancellation and deadlines."""

from __future__ import annotations

import gc
import logging
import threading
from dataclasses import dataclass
from typing import Any

import pytest

from gostage_sim import gostage
from gostage_sim.gostage import ActionContext, FunctionAction, Runner, RunOptions, Stage, Store, errors

from .flows import Log, Work, flow, property_of, run


class Clock:
    """Seconds that pass when a test says so."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def fail(error: BaseException) -> Work:
    def work(ctx: ActionContext) -> None:
        raise error

    return work


def statuses(workflow: gostage.Workflow) -> list[str]:
    """Of the workflow, and of each stage and its actions."""
    found = [str(property_of(workflow, "workflow:w"))]
    for state in workflow.stage_states():
        found += [state.status, *(action.status for action in workflow.action_states(state.stage.id))]
    return found


def test_statuses_before_and_after() -> None:
    """Workflow, stages and actions are pending, and completed after a run; order, creator and tags are kept beside."""
    log = Log()
    workflow = flow(log.stage("s", "A", "B"), log.stage("t", "C"))
    assert statuses(workflow) == ["pending"] * 6
    run(workflow)
    assert statuses(workflow) == ["completed"] * 6
    assert workflow.status == "completed"
    metadata = workflow.store.metadata("action:s:B")
    assert metadata.properties == {"order": 1, "createdBy": "program", "status": "completed"}
    assert metadata.tags == {"system"}
    for key, order in (("stage:t", 1), ("workflow:w", 0)):
        kept = {"order": order, "createdBy": "program", "status": "completed"}
        assert workflow.store.metadata(key).properties == kept
    assert workflow.store.find_keys_by_property("status", "completed") == workflow.store.find_keys_by_tag("system")
    assert workflow.store.keys() == []


def test_what_a_run_keeps_is_its_own() -> None:
    """A program may say more about a part of a workflow, but not what the run keeps; deleting the key loses nothing."""
    log = Log()
    workflow = flow(log.stage("s", "A"))
    store, key = workflow.store, "action:s:A"
    store.describe(key, tags=["mine"], properties={"owner": "me"}, description="the first")
    for name in ("status", "order", "createdBy"):
        with pytest.raises(errors.StoreError) as raised:
            store.describe(key, properties={"more": 1, name: "x"})
        assert str(raised.value) == f"the workflow keeps {name!r} of 'action:s:A' itself; choose another name"
    store.put(key, "a value")
    run(workflow)
    assert store.delete(key) is True
    known = store.metadata(key)
    assert known.properties == {"order": 0, "createdBy": "program", "status": "completed", "owner": "me"}
    assert (known.tags, known.description) == ({"system", "mine"}, "the first")
    assert known.created_at <= known.updated_at
    assert store.find_keys_by_property("status", "completed") == ["workflow:w", "stage:s", key]


def test_another_store_and_the_same_one() -> None:
    """A store that a workflow no longer has keeps what was; of two workflows that share one, the last run counts."""
    log = Log()
    first = flow(log.stage("s", "A", A=fail(ValueError("no"))))
    with pytest.raises(errors.ActionError):
        run(first)
    before, first.store = first.store, gostage.Store()
    first.disable_action("A")
    run(first)
    assert before.get_property("action:s:A", "status") == "failed"
    assert before.find_keys_by_property("status", "failed") == ["workflow:w", "stage:s", "action:s:A"]
    assert statuses(first) == ["completed", "completed", "skipped"]

    second = gostage.Workflow("w", stages=[log.stage("s", "A")], store=first.store)
    assert statuses(second) == ["pending"] * 3
    run(second)
    assert first.store.get_property("action:s:A", "status") == "completed"
    assert first.store.metadata("action:s:A").tags == {"system"}
    run(first)
    assert second.store.get_property("action:s:A", "status") == "skipped"
    assert second.store.metadata("action:s:A").tags == {"system", "disabled"}
    copy = second.store.clone()
    first.enable_action("A")
    assert copy.metadata("action:s:A").tags == {"system", "disabled"}
    assert copy.get_property("action:s:A", "status") == "skipped"
    assert copy.delete("action:s:A") is False
    assert "action:s:A" not in copy.find_keys_by_tag("system")


def test_statuses_while_running() -> None:
    """An action finds its workflow, its stage and itself running, and what is behind it pending."""
    seen: list[list[str]] = []
    log = Log()
    workflow = flow(log.stage("s", "A", "B", A=lambda ctx: seen.append(statuses(workflow))))
    run(workflow)
    assert seen == [["running", "running", "running", "pending"]]


def test_statuses_of_a_failure() -> None:
    """The action that failed, its stage and the workflow are failed; what is behind them stays pending."""
    log = Log()
    workflow = flow(log.stage("s", "A", "B", "C", B=fail(ValueError("no"))), log.stage("t", "D"))
    with pytest.raises(errors.ActionError):
        run(workflow)
    assert statuses(workflow) == ["failed", "failed", "completed", "failed", "pending", "pending", "pending"]
    assert workflow.store.find_keys_by_property("status", "failed") == ["workflow:w", "stage:s", "action:s:B"]


def test_statuses_survive_a_cleared_and_a_new_store() -> None:
    """Clearing the store loses no status, and a store that was exchanged between two runs gets all of them."""
    log = Log()
    workflow = flow(log.stage("s", "A", "B", A=lambda ctx: ctx.store.clear()))
    run(workflow)
    workflow.store = Store()
    run(workflow)
    assert property_of(workflow, "action:s:B") == property_of(workflow, "workflow:w") == "completed"


def test_exception_groups_are_kept_whole() -> None:
    """A group that an action raised is the cause, with all that is in it."""
    group = ExceptionGroup("two", [ValueError("a"), ExceptionGroup("inner", [OSError("b")])])
    log = Log()
    with pytest.raises(errors.ActionError) as caught:
        run(flow(log.stage("s", "A", A=fail(group))))
    assert caught.value.__cause__ is group
    assert str(caught.value) == (
        "action 'A' of stage 's' in workflow 'w' failed: ExceptionGroup: two (2 sub-exceptions)"
    )


@pytest.mark.parametrize("error", [KeyboardInterrupt(), SystemExit(3), BaseExceptionGroup("g", [KeyboardInterrupt()])])
def test_what_is_no_exception_passes_through(error: BaseException) -> None:
    """KeyboardInterrupt and the like come out as they are, and the statuses are right; the workflow may run again."""
    log = Log()
    left = [error]
    workflow = flow(log.stage("s", "A", A=lambda ctx: fail(left.pop())(ctx) if left else None))
    with pytest.raises(type(error)) as caught:
        run(workflow)
    assert caught.value is error
    assert statuses(workflow) == ["failed"] * 3
    run(workflow)
    assert statuses(workflow) == ["completed"] * 3


def test_not_twice_at_once() -> None:
    """A workflow that is running cannot be run inside of itself."""
    log = Log()
    workflow = flow(log.stage("s", "A", A=lambda ctx: run(workflow)))
    with pytest.raises(errors.ActionError) as caught:
        run(workflow)
    assert str(caught.value.__cause__) == "workflow 'w' is already running; wait for its end, or run another one"


def test_an_empty_stage_is_a_warning() -> None:
    """A stage without actions is completed; the logger and the result say that it is empty."""
    runner = Runner()
    logged: list[Any] = []
    runner.broker.register_handler("log", lambda message: logged.append(message.payload["message"]))
    workflow = flow(Stage("s"))
    result = runner.run(workflow)
    assert result.success
    assert result.warnings == ["stage 's' of workflow 'w' has no actions"]
    assert logged == ["stage 's' of workflow 'w' has no actions"]
    assert statuses(workflow) == ["completed", "completed"]


def test_the_runners_logger(caplog: pytest.LogCaptureFixture) -> None:
    """A `logging.Logger` given to the runner is what actions log to."""
    log = Log()
    with caplog.at_level(logging.INFO):
        run(flow(log.stage("s", "A", A=lambda ctx: ctx.logger.info("n=%d", 3))), logger=logging.getLogger("mine"))
    assert [(record.name, record.message) for record in caplog.records] == [("mine", "n=3")]


@pytest.mark.parametrize(
    ("at", "text"),
    [
        ("A", "workflow 'w' was cancelled before action 'B' of stage 's'"),
        ("B", "workflow 'w' was cancelled before stage 't'"),
    ],
)
def test_cancelled_between_actions_and_stages(at: str, text: str) -> None:
    """A cancelled run ends before the next action or stage, and says which; nothing further runs."""
    log = Log()
    cancel = threading.Event()
    workflow = flow(log.stage("s", "A", "B", **{at: lambda ctx: cancel.set()}), log.stage("t", "C"))
    with pytest.raises(errors.WorkflowCancelledError) as caught:
        Runner().execute(workflow, RunOptions(cancel=cancel))
    assert str(caught.value) == text
    assert log[-1] == at
    assert workflow.status == "failed"
    assert [a.status for a in workflow.action_states("t")] == ["pending"]


def test_cancelled_inside_an_action() -> None:
    """`check_cancelled()` returns while the work is wanted and then raises; the error is not wrapped."""
    log = Log()
    cancel = threading.Event()
    seen: list[bool] = []

    def work(ctx: ActionContext) -> None:
        seen.append(ctx.cancelled)
        ctx.check_cancelled()
        cancel.set()
        seen.append(ctx.cancelled)
        ctx.check_cancelled()

    workflow = flow(log.stage("s", "A", "B", A=work))
    with pytest.raises(errors.WorkflowCancelledError) as caught:
        Runner().execute(workflow, RunOptions(cancel=cancel))
    assert str(caught.value) == "workflow 'w' was cancelled in action 'A' of stage 's' in workflow 'w'"
    assert statuses(workflow) == ["failed", "failed", "failed", "pending"]
    assert seen == [False, True]


@pytest.mark.parametrize(
    ("check", "text"),
    [
        (False, "before action 'B' of stage 's'"),
        (True, "in action 'A' of stage 's' in workflow 'w'"),
    ],
)
def test_deadline(check: bool, text: str) -> None:
    """A deadline is seen before the next action and by `check_cancelled()`; the error says where and by how much."""
    log = Log()
    clock = Clock()

    def work(ctx: ActionContext) -> None:
        assert ctx.deadline == 102.0
        ctx.check_cancelled()
        clock.now += 2.5
        assert not ctx.cancelled
        if check:
            ctx.check_cancelled()

    with pytest.raises(errors.DeadlineExceededError) as caught:
        Runner(clock=clock).execute(flow(log.stage("s", "A", "B", A=work)), RunOptions(timeout_s=2))
    assert str(caught.value) == (
        f"workflow 'w' ran out of time {text}: the 2 s given to workflow 'w' were over 0.5 s ago"
    )
    assert log == ["A"]


def test_another_runs_cancellation_is_a_failure() -> None:
    """A workflow that was run by an action and cancelled makes that action fail like any other error."""
    log = Log()
    cancel = threading.Event()
    cancel.set()
    inner = flow(log.stage("i", "I"), id="inner")
    with pytest.raises(errors.ActionError) as caught:
        run(flow(log.stage("s", "A", A=lambda ctx: Runner().execute(inner, RunOptions(cancel=cancel)))))
    assert isinstance(caught.value.__cause__, errors.WorkflowCancelledError)
    assert log == ["A"]


def test_a_deadline_before_a_stage() -> None:
    """A deadline that passed in the last action of a stage is seen before the next stage, which stays pending."""
    clock, log = Clock(), Log()

    def work(ctx: ActionContext) -> None:
        clock.now += 3

    workflow = flow(log.stage("s", "A", A=work), log.stage("t", "B"))
    with pytest.raises(errors.DeadlineExceededError) as caught:
        Runner(clock=clock).execute(workflow, RunOptions(timeout_s=2))
    assert str(caught.value) == (
        "workflow 'w' ran out of time before stage 't': the 2 s given to workflow 'w' were over 1 s ago"
    )
    assert statuses(workflow) == ["failed", "completed", "completed", "pending", "pending"]


def test_without_options_there_is_no_deadline() -> None:
    """A run that nobody limits has no deadline and cannot be cancelled."""
    seen: list[Any] = []
    log = Log()

    def work(ctx: ActionContext) -> None:
        ctx.check_cancelled()
        seen.append((ctx.deadline, ctx.cancelled))

    run(flow(log.stage("s", "A", A=work)))
    assert seen == [(None, False)]


def test_messages() -> None:
    """Messages of an action reach the local handlers with their place; flush returns when they are out."""
    seen: list[Any] = []
    runner = Runner()
    runner.broker.register_default_handler(
        lambda m: seen.append((m.payload, m.context.stage_id, m.context.action_name))
    )

    def work(ctx: ActionContext) -> None:
        ctx.send("one", 1)
        ctx.send_many("many", [2, 3])
        ctx.flush()

    runner.execute(flow(Log().stage("s", "A", A=work)))
    assert seen == [(1, "s", "A"), (2, "s", "A"), (3, "s", "A")]


def test_what_a_context_knows() -> None:
    """The context of an action has its workflow, its stage, itself, the store, and says where that is."""
    seen: list[ActionContext] = []
    stage = Stage("s", actions=[FunctionAction("A", seen.append), FunctionAction("B", seen.append)])
    workflow = flow(stage)
    run(workflow)
    assert [ctx.action for ctx in seen] == list(stage.actions)
    assert [(ctx.action_index, ctx.is_last_action) for ctx in seen] == [(0, False), (1, True)]
    assert all(ctx.workflow is workflow and ctx.stage is stage and ctx.store is workflow.store for ctx in seen)
    assert seen[1].where == "action 'B' of stage 's' in workflow 'w'"


def test_one_runner_in_several_threads() -> None:
    """Workflows that run at once on one runner have sessions, results and sequences of their own."""
    runner = Runner()
    seen: dict[str, list[tuple[int, int, str]]] = {f"w{i}": [] for i in range(6)}
    meeting = threading.Barrier(len(seen))
    results: list[gostage.RunResult] = []

    def handle(message: gostage.Message) -> None:
        context = message.context
        seen[context.workflow_id].append((context.sequence, message.payload, context.session_id))
        if message.payload == 7:
            raise ValueError(context.workflow_id)

    def work(ctx: ActionContext) -> None:
        meeting.wait()
        for i in range(100):
            ctx.send("n", i)

    runner.broker.register_handler("n", handle)
    workflows = [flow(Log().stage("s", "A", A=work), id=id) for id in seen]
    threads = [threading.Thread(target=lambda w=w: results.append(runner.run(w))) for w in workflows]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({session for messages in seen.values() for _, _, session in messages}) == len(seen)
    for messages in seen.values():
        assert [(sequence, payload) for sequence, payload, _ in messages] == [(i + 1, i) for i in range(100)]
    assert {r.workflow_id: [str(e.error) for e in r.handler_errors] for r in results} == {id: [id] for id in seen}


def test_classes_as_actions() -> None:
    """A class gives name, description and tags as attributes; arguments come first, and the class name last."""

    class Move(gostage.Action):
        description = "Moves"
        tags = ("io",)

        def execute(self, ctx: ActionContext) -> None:
            ctx.store.put("moved", self.name)

    assert (Move().name, Move().description, Move().tags) == ("Move", "Moves", ("io",))
    assert (Move("mine", "Other", ["t"]).name, Move("m", "Other").description, Move("m", "", ["t"]).tags) == (
        "mine",
        "Other",
        ("t",),
    )
    workflow = flow(Stage("s", actions=[Move("mine")]))
    run(workflow)
    assert workflow.store.get("moved", str) == "mine"
    assert repr(Move()) == "Move('Move')"


def test_a_dataclass_as_an_action() -> None:
    """An action class whose own `__init__` never calls that of Action has a name and params all the same."""

    @dataclass
    class Copy(gostage.Action):
        source: str

        def execute(self, ctx: ActionContext) -> None:
            ctx.params["seen"] = True
            ctx.store.put(self.name, self.source)

    class Named(Copy):
        name = "named"

    workflow = flow(Stage("s", actions=[Copy("a"), Named("b")]))
    run(workflow)
    assert workflow.store.export_all() == {"Copy": "a", "named": "b"}
    assert property_of(workflow, "action:s:Copy") == "completed"
    assert [action.params for action in workflow.find_actions()] == [{"seen": True}, {"seen": True}]
    assert Copy("c").params == gostage.Action.params == {}


def test_an_idle_action_is_little_to_the_collector() -> None:
    """An action that waits is two objects the collector visits: itself and its place; its metadata is none."""

    def tracked() -> int:
        gc.collect()
        return len(gc.get_objects())

    workflow = flow(Stage("s"))
    before = tracked()
    for i in range(1000):
        workflow.stages[0].add_action(gostage.Action(f"a{i}"))
    assert tracked() - before < 2100


def test_no_execute() -> None:
    """An action class without execute is told so when it runs."""
    with pytest.raises(errors.ActionError) as caught:
        run(flow(Stage("s", actions=[gostage.Action("a")])))
    assert str(caught.value.__cause__) == "action 'a': Action defines no execute(ctx)"


@pytest.mark.parametrize(
    ("found", "text"),
    [
        (5, "a stage is made of Actions; found 5"),
        (len, "a stage is made of Actions; found <built-in function len>; "
              "FunctionAction(name, function) makes one of a function"),
    ],
)  # fmt: skip
def test_what_is_no_action(found: Any, text: str) -> None:
    """A stage takes nothing but actions, and a workflow nothing but stages."""
    with pytest.raises(TypeError) as caught:
        Stage("s").add_action(found)
    assert str(caught.value) == text
    with pytest.raises(TypeError) as stage:
        flow().add_stage(found)
    assert str(stage.value) == f"a workflow is made of Stages; found {found!r}"


@pytest.mark.parametrize("id", ["", None, 5])
def test_ids_are_text(id: Any) -> None:
    """A stage or workflow without an id, or with one that no message could name, is refused."""
    with pytest.raises(TypeError) as stage:
        Stage(id)
    with pytest.raises(TypeError) as workflow:
        flow(id=id)
    assert str(stage.value) == f"a stage id is a non-empty str; found {id!r}"
    assert str(workflow.value) == f"a workflow id is a non-empty str; found {id!r}"


def test_context_of_the_workflow() -> None:
    """`workflow.context` is a dict that actions share and nobody stores."""
    log = Log()

    def work(ctx: ActionContext) -> None:
        ctx.workflow.context["n"] += 1

    workflow = flow(log.stage("s", "A", "B", A=work, B=work))
    workflow.context["n"] = 1
    run(workflow)
    assert workflow.context == {"n": 3}
    assert workflow.store.export_all() == {}


def test_initial_data() -> None:
    """A stage's initial data is in the store from its beginning, not before."""
    seen: list[Any] = []
    stages = [Stage(id, actions=[FunctionAction("a", lambda ctx: seen.append(ctx.store.keys()))]) for id in "st"]
    stages[1].set_initial_data("k", 1)
    run(flow(*stages))
    assert seen == [[], ["k"]]

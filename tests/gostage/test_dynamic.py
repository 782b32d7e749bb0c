"""Actions that change the workflow they run in."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Callable
from typing import Any

import pytest

from gostage_sim.gostage import Action, ActionContext, FunctionAction, Runner, RunOptions, Stage, Workflow, errors

from .flows import Log, Work, flow, property_of, run


def adds(log: Log, *names: str, **work: Work) -> Work:
    def execute(ctx: ActionContext) -> None:
        for name in names:
            ctx.add_dynamic_action(log.action(name, work.get(name)))

    return execute


def test_dynamic_actions_run_right_after_the_current_one() -> None:
    """A adds D1 and D2: A, D1, D2, B."""
    log = Log()
    workflow = flow(log.stage("s", "A", "B", A=adds(log, "D1", "D2")))
    run(workflow)
    assert log == ["A", "D1", "D2", "B"]
    assert [property_of(workflow, f"action:s:{name}", "order") for name in log] == [0, 1, 2, 3]
    assert [property_of(workflow, f"action:s:{name}", "createdBy") for name in log] == [
        "program",
        "action:s:A",
        "action:s:A",
        "program",
    ]
    assert workflow.store.find_keys_by_tag("dynamic") == ["action:s:D1", "action:s:D2"]


def test_a_dynamic_action_adds_dynamic_actions() -> None:
    """What D1 adds runs right after D1, before D2."""
    log = Log()
    run(flow(log.stage("s", "A", "B", A=adds(log, "D1", "D2", D1=adds(log, "E1", "E2")))))
    assert log == ["A", "D1", "E1", "E2", "D2", "B"]


def test_where_it_stands() -> None:
    """The index counts what ran before in the stage, and the last action is not the last once it added one."""
    seen: list[Any] = []
    log = Log()

    def last(ctx: ActionContext) -> None:
        seen.append((ctx.action_index, ctx.is_last_action))
        ctx.add_dynamic_action(log.action("D", lambda ctx: seen.append((ctx.action_index, ctx.is_last_action))))
        seen.append(ctx.is_last_action)

    run(flow(log.stage("s", "A", "B", B=last)))
    assert seen == [(1, True), False, (2, True)]


def test_dynamic_stages_run_right_after_the_current_one_in_the_order_added() -> None:
    """Two actions of one stage each add two stages: they run in the order added, before the next stage."""
    log = Log()

    def two(*ids: str) -> Work:
        def execute(ctx: ActionContext) -> None:
            for id in ids:
                ctx.add_dynamic_stage(log.stage(id, id))

        return execute

    workflow = flow(log.stage("s", "A", "B", A=two("t1", "t2"), B=two("t3", "t4")), log.stage("u", "C"))
    run(workflow)
    assert log == ["A", "B", "t1", "t2", "t3", "t4", "C"]
    assert [stage.id for stage in workflow.stages] == ["s", "t1", "t2", "t3", "t4", "u"]
    assert property_of(workflow, "stage:t3", "createdBy") == "action:s:B"
    assert property_of(workflow, "stage:u", "order") == 5


def test_a_dynamic_stage_adds_dynamic_stages() -> None:
    """What an action of a dynamic stage adds runs right after that stage, before its siblings."""
    log = Log()
    inner = log.stage("t1", "T1", T1=lambda ctx: ctx.add_dynamic_stage(log.stage("x", "X")))

    def outer(ctx: ActionContext) -> None:
        ctx.add_dynamic_stage(inner)
        ctx.add_dynamic_stage(log.stage("t2", "T2"))

    run(flow(log.stage("s", "A", A=outer), log.stage("u", "U")))
    assert log == ["A", "T1", "X", "T2", "U"]


def test_add_action_to_stage() -> None:
    """An action may be appended to the current stage and to one that is still to come."""
    log = Log()

    def work(ctx: ActionContext) -> None:
        ctx.add_action_to_stage("s", log.action("S2"))
        ctx.add_action_to_stage("t", log.action("T2"))

    run(flow(log.stage("s", "A", "B", A=work), log.stage("t", "T1")))
    assert log == ["A", "B", "S2", "T1", "T2"]


@pytest.mark.parametrize(
    ("stage_id", "text"),
    [
        ("x", "workflow 'w' has no stage 'x' to add action 'D' to; it has: 's', 't'"),
        (
            "s",
            "stage 's' of workflow 'w' is completed: action 'D' would not run there; "
            "use add_dynamic_action() or a stage that is still to come",
        ),
    ],
)
def test_no_stage_to_add_to(stage_id: str, text: str) -> None:
    """An unknown stage, and one where the action could never run, are errors that say what to do."""
    log = Log()
    workflow = flow(
        log.stage("s", "A"), log.stage("t", "T", T=lambda ctx: ctx.add_action_to_stage(stage_id, log.action("D")))
    )
    with pytest.raises(errors.ActionError) as caught:
        run(workflow)
    assert str(caught.value.__cause__) == text


def test_only_a_running_action_adds() -> None:
    """A context that outlived its action cannot add anything."""
    kept: list[ActionContext] = []
    log = Log()
    run(flow(log.stage("s", "A", "B", A=kept.append)))
    adds: list[Callable[[], None]] = [
        lambda: kept[0].add_dynamic_action(log.action("D")),
        lambda: kept[0].add_dynamic_stage(log.stage("D")),
        lambda: kept[0].add_action_to_stage("s", log.action("D")),
    ]
    for add in adds:
        with pytest.raises(errors.WorkflowError) as caught:
            add()
        assert str(caught.value) == (
            "action 'A' of stage 's' in workflow 'w' is completed; only a running action can add something"
        )


def test_a_dynamic_stage_has_an_id_of_its_own() -> None:
    """A stage id that is taken, and a stage of another workflow, are refused; nothing is changed."""
    log = Log()
    elsewhere = flow(log.stage("e"))
    workflow = flow(
        log.stage("s", "A", "B", A=lambda ctx: ctx.add_dynamic_stage(Stage("s"))),
    )
    with pytest.raises(errors.ActionError) as caught:
        run(workflow)
    assert str(caught.value.__cause__) == "workflow 'w' already has a stage 's'; stage ids are unique"
    with pytest.raises(errors.DefinitionError) as shared:
        workflow.add_stage(elsewhere.stages[0])
    assert str(shared.value) == "stage 'e' already belongs to a workflow; make a new one for each workflow"
    assert len(workflow.stages) == 1


@pytest.mark.parametrize(
    ("removed", "ran"),
    [("A", ["A", "B", "C", "D"]), ("B", ["A", "B", "C", "D"]), ("C", ["A", "B", "D"]), ("D", ["A", "B", "C"])],
    ids=["earlier", "current", "next", "later"],
)
def test_remove_an_action_while_running(removed: str, ran: list[str]) -> None:
    """Removing an earlier, the current and a later action: what is gone does not run, everything else does, once."""
    log = Log()
    found: list[bool] = []

    def work(ctx: ActionContext) -> None:
        found.extend((ctx.remove_action(removed), ctx.remove_action(removed)))
        ctx.add_dynamic_action(log.action("new"))

    workflow = flow(log.stage("s", "A", "B", "C", "D", B=work))
    run(workflow)
    assert log == [*ran[: ran.index("B") + 1], "new", *ran[ran.index("B") + 1 :]]
    assert found == [True, False]
    assert removed not in [action.name for action in workflow.stages[0].actions]
    assert f"action:s:{removed}" not in workflow.store.find_keys_by_tag("system")


@pytest.mark.parametrize(
    ("removed", "ran"),
    [("s", ["A", "B", "C", "D"]), ("t", ["A", "B", "D"]), ("u", ["A", "B", "C"])],
    ids=["earlier", "current", "later"],
)
def test_remove_a_stage_while_running(removed: str, ran: list[str]) -> None:
    """Removing an earlier, the current and a later stage; of the current one the actions behind do not run."""
    log = Log()
    workflow = flow(
        log.stage("s", "A"),
        log.stage("t", "B", "C", B=lambda ctx: ctx.remove_stage(removed)),
        log.stage("u", "D"),
    )
    run(workflow)
    assert log == ran
    assert removed not in [stage.id for stage in workflow.stages]
    assert not [key for key in workflow.store.find_keys_by_tag("system") if f":{removed}" in key]


def test_remove_by_tag_and_type() -> None:
    """Actions are removed by tag and by class, and counted; those removed one after another leave no gap."""

    class Special(FunctionAction):
        pass

    log = Log()
    removed: list[int] = []

    def work(ctx: ActionContext) -> None:
        removed.append(ctx.remove_actions_by_tag("t"))
        removed.append(ctx.remove_actions_by_type(Special))
        removed.append(ctx.remove_actions_by_tag("t"))

    stage = log.stage("s", "A", A=work)
    for action in (log.action("B", tags=("t",)), log.action("C", tags=("t",)), log.action("D")):
        stage.add_action(action)
    stage.add_action(Special("E", lambda ctx: None))
    run(flow(stage, Stage("u", actions=[Special("F", lambda ctx: None), log.action("G")])))
    assert log == ["A", "D", "G"]
    assert removed == [2, 2, 0]


@pytest.mark.parametrize(
    "remove",
    [
        lambda w, stage: w.remove_action("A", stage=stage),
        lambda w, stage: w.remove_actions_by_tag("t", stage=stage),
        lambda w, stage: w.remove_actions_by_type(FunctionAction, stage=stage),
    ],
    ids=["name", "tag", "type"],
)
def test_remove_from_one_stage(remove: Callable[[Workflow, str], int]) -> None:
    """With `stage` only the actions of that stage are taken out, and none when there is no such stage."""
    log = Log()
    workflow = flow(*(Stage(id, actions=[log.action("A", tags=("t",))]) for id in ("s", "u")))
    assert (remove(workflow, "nowhere"), remove(workflow, "u"), remove(workflow, "u")) == (0, 1, 0)
    assert [stage.action_count for stage in workflow.stages] == [1, 0]


def test_a_removed_dynamic_action_leaves_its_siblings_in_order() -> None:
    """D1 and D2 are added, D2 is removed, D3 is added: A, D1, D3, B."""
    log = Log()

    def work(ctx: ActionContext) -> None:
        adds(log, "D1", "D2")(ctx)
        ctx.remove_action("D2")
        adds(log, "D3")(ctx)

    run(flow(log.stage("s", "A", "B", A=work)))
    assert log == ["A", "D1", "D3", "B"]


def test_a_removed_stage_may_be_used_again() -> None:
    """What was taken out of a workflow belongs to none."""
    log = Log()
    stage = log.stage("s", "A")
    workflow = flow(stage)
    run(workflow)
    assert workflow.remove_stage("s")
    other = flow(stage, id="other")
    assert other.action_states("s")[0].status == "pending"
    run(other)
    assert log == ["A", "A"]


def test_a_second_run_begins_anew() -> None:
    """What actions of the first run added is gone, so that a workflow runs twice the same way."""
    log = Log()

    def work(ctx: ActionContext) -> None:
        adds(log, "D", D=adds(log, "E"))(ctx)
        ctx.add_dynamic_stage(log.stage("t", "T", T=adds(log, "F")))
        ctx.add_action_to_stage("u", log.action("U2"))

    workflow = flow(log.stage("s", "A", A=work), log.stage("u", "U"))
    run(workflow)
    first = list(log)
    log.clear()
    run(workflow)
    assert log == first == ["A", "D", "E", "T", "F", "U", "U2"]
    assert len(workflow.store.find_keys_by_tag("dynamic")) == 5
    assert not [key for key in workflow.store.find_keys_by_tag("system") if "#" in key]


def test_actions_of_one_name() -> None:
    """Each action has a status of its own, also when several of a stage have one name."""
    log = Log()
    workflow = flow(log.stage("s", "A", "A"), log.stage("t", "A"))
    run(workflow)
    keys = ["action:s:A", "action:s:A#2", "action:t:A"]
    assert [property_of(workflow, key) for key in keys] == ["completed"] * 3


def test_no_two_actions_share_a_status() -> None:
    """Whatever colons and hashes ids and names contain, each action is known under a key of its own."""
    log = Log()
    workflow = flow(log.stage("a:b", "c"), log.stage("a", "b:c", "A", "A", "A#2"), log.stage("a%3Ab", "c"))
    workflow.disable_stage("a:b")
    run(workflow)
    keys = ["action:a%3Ab:c", "action:a:b:c", "action:a:A", "action:a:A#2", "action:a:A%232", "action:a%253Ab:c"]
    assert [property_of(workflow, key) for key in keys] == ["skipped"] + ["completed"] * 5
    assert workflow.remove_action("A#2")
    assert workflow.store.find_keys_by_tag("system")[-6:] == ["stage:a%3Ab", *keys[:4], keys[5]]


def test_what_removes_itself_is_not_kept_alive_by_what_it_added() -> None:
    """An action that adds the next one and removes itself runs for ever in constant memory: its place is let go."""
    places: list[weakref.ref[object]] = []

    class Poll(Action):
        def execute(self, ctx: ActionContext) -> None:
            places.append(weakref.ref(self))
            if len(places) < 50:
                ctx.add_dynamic_action(Poll())
            ctx.remove_action("Poll")

    run(flow(Stage("s", actions=[Poll()])))
    gc.collect()
    assert len(places) == 50
    assert sum(place() is not None for place in places) == 0


def test_long_chains_of_dynamic_actions() -> None:
    """Thousands of actions, each added by the one before, neither recurse when run nor when taken out again."""
    ran = 0

    class Next(FunctionAction):
        pass

    def work(ctx: ActionContext) -> None:
        nonlocal ran
        ran += 1
        if ran % 5000:
            ctx.add_dynamic_action(Next(f"n{ran}", work))

    workflow = flow(Stage("s", actions=[Next("first", work)]))
    Runner().run_all([workflow, workflow], RunOptions())
    assert ran == 10_000
    assert workflow.stages[0].action_count == 5000

"""Enabling and disabling stages and actions, before a run and during one."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from gostage_sim.gostage import ActionContext, FunctionAction, Stage, Workflow
from gostage_sim.gostage.switches import Switches

from .flows import Log, flow, property_of, run


class Special(FunctionAction):
    pass


def make(log: Log, first: Callable[[ActionContext], object] | None = None) -> Workflow:
    """Stages s (A, B tagged t, C special) and u, tagged t (D tagged t, A)."""
    special = Special("C", lambda ctx: log.append("C"))
    return flow(
        Stage("s", actions=[log.action("A", first), log.action("B", tags=("t",)), special]),
        Stage("u", tags=["t"], actions=[log.action("D", tags=("t",)), log.action("A")]),
    )


SWITCHES: list[tuple[Callable[[Switches], int], Callable[[Switches], int], int, list[str]]] = [
    (lambda w: w.disable_action("B"), lambda w: w.enable_action("B"), 1, ["A", "C", "D", "A"]),
    (lambda w: w.disable_action("A", stage="u"), lambda w: w.enable_action("A"), 1, ["A", "B", "C", "D"]),
    (lambda w: w.disable_actions_by_tag("t"), lambda w: w.enable_actions_by_tag("t"), 2, ["A", "C", "A"]),
    (
        lambda w: w.disable_actions_by_type(Special),
        lambda w: w.enable_actions_by_type(Special),
        1,
        ["A", "B", "D", "A"],
    ),
    (lambda w: w.disable_stage("u"), lambda w: w.enable_stage("u"), 1, ["A", "B", "C"]),
    (lambda w: w.disable_stages_by_tag("t"), lambda w: w.enable_stages_by_tag("t"), 1, ["A", "B", "C"]),
    (lambda w: w.disable_action("nobody"), lambda w: w.enable_stage("nowhere"), 0, ["A", "B", "C", "D", "A"]),
]


@pytest.mark.parametrize(("disable", "enable", "changed", "ran"), SWITCHES)
def test_before_a_run(
    disable: Callable[[Switches], int], enable: Callable[[Switches], int], changed: int, ran: list[str]
) -> None:
    """Actions by name, tag and type, stages by id and tag: what is disabled does not run until it is enabled again."""
    log = Log()
    workflow = make(log)
    assert (disable(workflow), disable(workflow)) == (changed, 0)
    run(workflow)
    assert log == ran
    log.clear()
    assert (enable(workflow), enable(workflow)) == (changed, 0)
    run(workflow)
    assert log == ["A", "B", "C", "D", "A"]


@pytest.mark.parametrize(("disable", "enable", "changed", "ran"), SWITCHES)
def test_during_a_run(
    disable: Callable[[Switches], int], enable: Callable[[Switches], int], changed: int, ran: list[str]
) -> None:
    """The same from the first action on; what was enabled again in time runs."""
    log = Log()
    run(make(log, disable))
    assert log == ran
    log.clear()
    run(make(log, lambda ctx: (disable(ctx), enable(ctx))))
    assert log == ["A", "B", "C", "D", "A"]


@pytest.mark.parametrize(
    ("disable", "enable"),
    [
        (lambda w, stage: w.disable_action("X", stage=stage), lambda w, stage: w.enable_action("X", stage=stage)),
        (
            lambda w, stage: w.disable_actions_by_tag("t", stage=stage),
            lambda w, stage: w.enable_actions_by_tag("t", stage=stage),
        ),
        (
            lambda w, stage: w.disable_actions_by_type(Special, stage=stage),
            lambda w, stage: w.enable_actions_by_type(Special, stage=stage),
        ),
    ],
    ids=["name", "tag", "type"],
)
def test_in_one_stage(
    disable: Callable[[Workflow, str | None], int], enable: Callable[[Workflow, str | None], int]
) -> None:
    """With `stage` only the actions of that stage are switched, and none when there is no such stage."""
    stages = [Stage(id, actions=[Special("X", lambda ctx: None, tags=["t"])]) for id in ("s", "u")]
    workflow = flow(*stages)

    def enabled() -> list[bool]:
        return [workflow.is_action_enabled("X", stage=id) for id in ("s", "u")]

    assert (disable(workflow, "nowhere"), disable(workflow, "u"), enabled()) == (0, 1, [True, False])
    assert (disable(workflow, None), enabled()) == (1, [False, False])
    assert (enable(workflow, "nowhere"), enable(workflow, "u"), enabled()) == (0, 1, [False, True])


def test_what_is_not_there_is_not_enabled() -> None:
    """A stage or an action that a workflow does not have is neither enabled nor an error."""
    workflow = make(Log())
    assert (workflow.is_stage_enabled("s"), workflow.is_stage_enabled("nowhere")) == (True, False)
    assert (workflow.is_action_enabled("A"), workflow.is_action_enabled("nobody")) == (True, False)
    assert (workflow.is_action_enabled("A", stage="u"), workflow.is_action_enabled("A", stage="nowhere")) == (
        True,
        False,
    )
    workflow.remove_stage("s")
    assert workflow.is_stage_enabled("s") is False


def test_places_behind_what_is_skipped() -> None:
    """A disabled action keeps its place: those behind it have the index and the order they would have otherwise."""
    seen: list[tuple[str, int, bool]] = []

    def note(ctx: ActionContext) -> None:
        seen.append((ctx.action.name, ctx.action_index, ctx.is_last_action))

    workflow = flow(Stage("s", actions=[FunctionAction(name, note) for name in "ABCD"]))
    workflow.disable_action("B")
    workflow.disable_action("D")
    run(workflow)
    assert seen == [("A", 0, False), ("C", 2, False)]
    assert [property_of(workflow, f"action:s:{name}", "order") for name in "ABCD"] == [0, 1, 2, 3]
    workflow.enable_action("B")
    workflow.remove_action("A")
    seen.clear()
    run(workflow)
    assert seen == [("B", 0, False), ("C", 1, False)]
    assert [property_of(workflow, f"action:s:{name}", "order") for name in "BCD"] == [0, 1, 2]


def test_skipped_is_marked() -> None:
    """What was skipped says so in the states and in the store; a skipped stage's actions are skipped with it."""
    log = Log()
    workflow = make(log)
    workflow.disable_action("B")
    workflow.disable_stage("u")
    assert [(s.stage.id, s.enabled, s.status) for s in workflow.stage_states()] == [
        ("s", True, "pending"),
        ("u", False, "pending"),
    ]
    run(workflow)
    assert [(s.stage.id, s.enabled, s.status) for s in workflow.stage_states()] == [
        ("s", True, "completed"),
        ("u", False, "skipped"),
    ]
    assert [(a.action.name, a.enabled, a.status) for a in workflow.action_states("s")] == [
        ("A", True, "completed"),
        ("B", False, "skipped"),
        ("C", True, "completed"),
    ]
    assert [a.status for a in workflow.action_states("u")] == ["skipped", "skipped"]
    assert workflow.action_states("nowhere") == []
    assert property_of(workflow, "action:s:B") == property_of(workflow, "stage:u") == "skipped"
    assert workflow.store.find_keys_by_tag("disabled") == ["stage:u", "action:s:B"]
    assert [stage.id for stage in workflow.stages_by_status("skipped")] == ["u"]
    assert [stage.id for stage in workflow.stages_by_tag("t")] == ["u"]


def test_disabling_what_runs() -> None:
    """An action that disables itself and its stage goes on to its end; the actions behind it run as well."""
    log = Log()
    workflow = make(log, lambda ctx: (ctx.disable_action("A"), ctx.disable_stage("s")))
    run(workflow)
    assert log == ["A", "B", "C", "D"]
    assert [a.status for a in workflow.action_states("s")] == ["completed"] * 3


def test_what_is_added_later_is_enabled() -> None:
    """A name that was disabled says nothing of actions added afterwards."""
    log = Log()

    def work(ctx: ActionContext) -> None:
        ctx.disable_action("B")
        ctx.add_dynamic_action(log.action("B"))

    run(make(log, work))
    assert log == ["A", "B", "C", "D", "A"]


NAMES, TAGS, IDS = st.sampled_from("abc"), st.sampled_from("xy"), st.sampled_from(["s0", "s1", "s2"])


class SwitchMachine(RuleBasedStateMachine):
    """Any order of switches and runs, against a plain table of what is off."""

    @initialize(shape=st.lists(st.lists(st.tuples(NAMES, st.sets(TAGS)), max_size=4), min_size=1, max_size=3))
    def build(self, shape: list[list[tuple[str, set[str]]]]) -> None:
        self.log = Log()
        self.shape = [(f"s{i}", actions) for i, actions in enumerate(shape)]
        self.workflow = flow(
            *(
                Stage(id, tags=sorted(set().union(*(tags for _, tags in actions))), actions=[
                    self.log.action(name, tags=tuple(tags)) for name, tags in actions
                ])
                for id, actions in self.shape
            )
        )  # fmt: skip
        self.stages_off: set[str] = set()
        self.actions_off: set[tuple[str, int]] = set()

    def _meant(self, holds: Callable[[str, set[str]], bool], stage: str | None = None) -> set[tuple[str, int]]:
        return {
            (id, i)
            for id, actions in self.shape
            for i, (name, tags) in enumerate(actions)
            if stage in (None, id) and holds(name, tags)
        }

    @rule(name=NAMES, stage=st.none() | IDS, off=st.booleans())
    def by_name(self, name: str, stage: str | None, off: bool) -> None:
        meant = self._meant(lambda own, _: own == name, stage)
        switch = self.workflow.disable_action if off else self.workflow.enable_action
        assert switch(name, stage=stage) == len(meant - self.actions_off if off else meant & self.actions_off)
        self.actions_off = self.actions_off | meant if off else self.actions_off - meant

    @rule(tag=TAGS, off=st.booleans())
    def by_tag(self, tag: str, off: bool) -> None:
        meant = self._meant(lambda _, tags: tag in tags)
        (self.workflow.disable_actions_by_tag if off else self.workflow.enable_actions_by_tag)(tag)
        self.actions_off = self.actions_off | meant if off else self.actions_off - meant

    @rule(id=IDS, off=st.booleans())
    def by_id(self, id: str, off: bool) -> None:
        meant = {id} & {known for known, _ in self.shape}
        (self.workflow.disable_stage if off else self.workflow.enable_stage)(id)
        self.stages_off = self.stages_off | meant if off else self.stages_off - meant

    @rule(tag=TAGS, off=st.booleans())
    def stages_by_tag(self, tag: str, off: bool) -> None:
        meant = {id for id, actions in self.shape if any(tag in tags for _, tags in actions)}
        (self.workflow.disable_stages_by_tag if off else self.workflow.enable_stages_by_tag)(tag)
        self.stages_off = self.stages_off | meant if off else self.stages_off - meant

    @rule()
    def run(self) -> None:
        self.log.clear()
        run(self.workflow)
        assert self.log == [
            name
            for id, actions in self.shape
            for i, (name, _) in enumerate(actions)
            if id not in self.stages_off and (id, i) not in self.actions_off
        ]
        for id, actions in self.shape:
            assert [state.status for state in self.workflow.action_states(id)] == [
                "skipped" if id in self.stages_off or (id, i) in self.actions_off else "completed"
                for i in range(len(actions))
            ]

    @invariant()
    def states_agree(self) -> None:
        if not hasattr(self, "workflow"):
            return
        assert [state.enabled for state in self.workflow.stage_states()] == [
            id not in self.stages_off for id, _ in self.shape
        ]
        for id, actions in self.shape:
            enabled = [state.enabled for state in self.workflow.action_states(id)]
            assert enabled == [(id, i) not in self.actions_off for i in range(len(actions))]
            assert self.workflow.is_stage_enabled(id) == (id not in self.stages_off)
            for name in "abc":
                expected = any(own == name and on for (own, _), on in zip(actions, enabled, strict=True))
                assert self.workflow.is_action_enabled(name, stage=id) == expected
        tagged = self.workflow.store.find_keys_by_tag("disabled")
        assert len(tagged) == len(self.stages_off) + len(self.actions_off)


SwitchMachine.TestCase.settings = settings(max_examples=60, stateful_step_count=12, deadline=None)
test_any_order_of_switches_and_runs = SwitchMachine.TestCase

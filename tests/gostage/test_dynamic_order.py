"""The order of dynamic execution, against an interpreter of a dozen lines."""

from __future__ import annotations

from dataclasses import dataclass, field

from hypothesis import given, settings
from hypothesis import strategies as st

from gostage_sim.gostage import ActionContext, Stage

from .flows import Log, flow, run


@dataclass
class Node:
    """An action, and what it adds: actions behind itself, stages behind its own stage, in this order of calls."""

    actions: list[Node] = field(default_factory=list)
    stages: list[list[Node]] = field(default_factory=list)
    appended: list[Node] = field(default_factory=list)
    """To the end of its own stage."""
    name: str = ""


def nodes(depth: int) -> st.SearchStrategy[Node]:
    if not depth:
        return st.builds(Node)
    inner = st.lists(nodes(depth - 1), max_size=2)
    return st.builds(Node, inner, st.lists(inner, max_size=2), st.lists(nodes(0), max_size=1))


def interpret(stages: list[list[Node]]) -> list[str]:
    """The reference: lists, insertions and slices, as slow as it is plain."""
    ran: list[str] = []
    todo = [list(stage) for stage in stages]
    while todo:
        stage, *todo = todo
        added: list[list[Node]] = []
        while stage:
            node, *stage = stage
            ran.append(node.name)
            stage = [*node.actions, *stage, *node.appended]
            added += [list(new) for new in node.stages]
        todo = [*added, *todo]
    return ran


def _name(stages: list[list[Node]]) -> None:
    """Names in the order of a walk, each once."""
    count = 0
    pending = [node for stage in stages for node in stage]
    while pending:
        node = pending.pop()
        node.name, count = f"a{count}", count + 1
        pending += [*node.actions, *node.appended, *(inner for stage in node.stages for inner in stage)]


@settings(max_examples=150, deadline=None)
@given(st.lists(st.lists(nodes(2), max_size=3), min_size=1, max_size=3))
def test_dynamic_order(stages: list[list[Node]]) -> None:
    """Whatever actions add to the workflow while it runs, twice, everything runs once and in the order specified."""
    _name(stages)
    log = Log()
    numbers = iter(range(10**9))

    def stage_of(children: list[Node]) -> Stage:
        return Stage(f"s{next(numbers)}", actions=[log.action(child.name, work_of(child)) for child in children])

    def work_of(node: Node):  # type: ignore[no-untyped-def]
        def work(ctx: ActionContext) -> None:
            for child in node.actions:
                ctx.add_dynamic_action(log.action(child.name, work_of(child)))
            for children in node.stages:
                ctx.add_dynamic_stage(stage_of(children))
            for child in node.appended:
                ctx.add_action_to_stage(ctx.stage.id, log.action(child.name, work_of(child)))

        return work

    workflow = flow(*(stage_of(children) for children in stages))
    for _ in range(2):
        log.clear()
        run(workflow)
        assert log == interpret(stages)
    assert [action.name for action in workflow.find_actions()] == log

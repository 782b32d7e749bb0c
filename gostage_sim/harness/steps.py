"""The steps of a scenario as registered actions, and the definition that carries them over the engine's wire.

The subject writes the definition, the child runs it. The last action of every child is `gostage_sim.rest`: it stops at
the gates that were not reached, so that a sibling with little to send is still there during the faults and after them.
"""

from __future__ import annotations

from importlib import import_module
from itertools import islice

from gostage_sim.gostage.actions import FunctionAction
from gostage_sim.gostage.registry import register_action
from gostage_sim.harness import load
from gostage_sim.scenario.payloads import compile_payload

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import Any

    from gostage_sim.gostage.context import ActionContext
    from gostage_sim.gostage.definition import SubWorkflowDef
    from gostage_sim.gostage.wire.messages import Message

    BeforeStep = Callable[[int], None]

_PREFIX = "gostage_sim."
_GRANDCHILD = "gostage_sim.harness.grandchild"
_OF_THE_ENGINE = ("workflow_start", "workflow_result", "final_store")


def definition_of(name: str, steps: Sequence[Mapping[str, Any]], least_size: int = 0) -> SubWorkflowDef:
    """The sub-workflow of one child; its id is the child's name. Padded to at least so many bytes."""
    from gostage_sim.gostage.definition import ActionDef, StageDef, SubWorkflowDef

    actions = [
        ActionDef(id=_PREFIX + step["do"], params={**step, "step": number}) for number, step in enumerate(steps, 1)
    ]
    stage = StageDef(id="steps", actions=[*actions, ActionDef(id=_PREFIX + "rest")])
    return SubWorkflowDef(id=name, description="x" * least_size, stages=[stage])


def register_steps(
    pools: Mapping[str, Sequence[Any]],
    before_step: BeforeStep,
    at_the_end: Callable[[], None],
    record: Callable[..., None] = lambda event, **facts: None,
) -> None:
    """Register the actions in this child. `before_step(number)` is called before each step, counted from 1;
    `record(event, **facts)` is told of everything that happens to the store."""

    def send(context: ActionContext) -> None:
        params = context.params
        render = compile_payload(params["payload"], pools)
        more = {"text": "x" * params["size"]} if params["size"] else {}
        payloads = ({**render(i), **more} if more else render(i) for i in range(1, params["count"] + 1))
        if params["bulk"]:
            context.send_many(params["type"], payloads)
            return
        # Two in one write are in the pipe together whatever the scheduler does: where the parent keeps up with
        # single messages, nothing would be in flight, and `order` could not be judged.
        context.send_many(params["type"], islice(payloads, 2))
        for payload in payloads:
            context.send(params["type"], payload)

    def call(context: ActionContext) -> None:
        target, own = context.params["target"], context.params["with"]
        context.action.params = own  # what the user's action finds in its context
        record("called", target=target)  # what it does to the store nobody knows
        _import_target(target)(context)

    def log(context: ActionContext) -> None:
        getattr(context.logger, context.params["level"])(context.params["message"])

    def put(context: ActionContext) -> None:
        key, value = context.params["key"], context.params["value"]
        context.store.put(key, value)
        record("put", key=key, value=value)

    def delete(context: ActionContext) -> None:
        if not context.store.delete(context.params["key"]):
            raise KeyError(f"there is no {context.params['key']!r} in the store to delete")
        record("deleted", key=context.params["key"])

    def rest(context: ActionContext) -> None:
        at_the_end()

    def step(function: Callable[[ActionContext], None]) -> Callable[[ActionContext], None]:
        def run(context: ActionContext) -> None:
            before_step(context.params["step"])
            function(context)

        return run

    for function in (send, call, log, put, delete, *load.STEPS, spawn):
        _register(_PREFIX + function.__name__, step(function))
    _register(_PREFIX + "rest", rest)


def spawn(context: ActionContext) -> None:
    """A sub-workflow in a child of this child. What it sends goes on as this child's own, the engine's words left out:
    a second result of this child would be a lie."""
    from gostage_sim.gostage.runner import Runner
    from gostage_sim.gostage.spawn.launchers.child_module import ChildModule
    from gostage_sim.gostage.spawn.options import SpawnOptions

    def pass_on(message: Message) -> None:
        if message.type not in _OF_THE_ENGINE:
            context.send(message.type, message.payload)

    params = context.params
    runner = Runner(launcher=ChildModule([_GRANDCHILD]), transport="json")
    runner.broker.register_default_handler(pass_on)
    definition = definition_of(f"{context.workflow.id}/{params['step']}", params["steps"])
    result = runner.spawn(definition, options=SpawnOptions(timeout_s=params["timeout_s"]))
    for failed in result.handler_errors[:1]:  # a message that could not go on is this child's failure
        raise failed.error
    result.raise_for_outcome()


def _register(id: str, run: Callable[[ActionContext], None]) -> None:
    register_action(id, lambda: FunctionAction(id, run))


def _import_target(target: str) -> Callable[[ActionContext], object]:
    module, _, path = target.partition(":")
    found: Any = import_module(module)
    for name in path.split("."):
        found = getattr(found, name)
    function: Callable[[ActionContext], object] = found
    return function

"""gostage: workflows of stages and actions, and sub-workflows that run in a child process of their own.

The map:

* `workflow`, `stage`, `actions`, `context`  the model, and what an action sees while it runs
* `queries`, `switches`, `tags`              finding, enabling, disabling and removing stages and actions
* `chain`, `status`, `states`                their order while it changes, and how far each has come
* `rebuild`                                  a workflow made of its definition
* `store`, `registry`, `broker`             typed values, actions by id, messages to handlers
* `logger`, `logs`                           logs as messages, and a child's logs in the parent's `logging`
* `storing`                                  what the store loads on demand: metadata, export, merging, schemas
* `definition`, `definition_files`           a workflow as data, to be sent to a child or kept in a file
* `delivery`, `local`, `outgoing`            the way of a message: to handlers, within this process, through middleware
* `runner`, `execution`, `run_options`       runs workflows here, and spawns sub-workflows there
* `middleware`                               what goes around workflows, stages and actions; ten are shipped
* `transports`, `grpc_ends`                  how children send to their parent: JSON lines or gRPC
* `arguments`                                what is refused where it is given
* `errors`                                   every exception, as one tree
* `wire`                                     JSON lines and protobuf: encoding, framing, messages
* `child`                                    all that runs in a child; imports next to nothing
* `spawn`                                    the parent's side: session core, driver loop, processes, launchers

A program that spawns itself:

    from gostage_sim import gostage

    @gostage.action("hello")
    def hello(ctx):
        ctx.send("greeting", {"text": "hello from the child"})

    if __name__ == "__main__":
        if gostage.is_child():
            gostage.child_main()
        runner = gostage.Runner()
        runner.broker.register_handler("greeting", lambda message: print(message.payload["text"]))
        definition = gostage.SubWorkflowDef.of("hello")
        print(runner.spawn(definition).outcome)

Names are loaded on first use (PEP 562), so that a child pays only for what it uses.
"""

from __future__ import annotations

import atexit

TYPE_CHECKING = False  # what mypy takes for typing.TYPE_CHECKING; importing typing would cost a child 10 ms
if TYPE_CHECKING:
    from collections.abc import Callable

    from gostage_sim.gostage import middleware as middleware
    from gostage_sim.gostage import transports as transports
    from gostage_sim.gostage.actions import Action as Action
    from gostage_sim.gostage.actions import FunctionAction as FunctionAction
    from gostage_sim.gostage.broker import Broker as Broker
    from gostage_sim.gostage.broker import Registration as Registration
    from gostage_sim.gostage.child import child_main as child_main
    from gostage_sim.gostage.child import is_child as is_child
    from gostage_sim.gostage.context import ActionContext as ActionContext
    from gostage_sim.gostage.context import RunContext as RunContext
    from gostage_sim.gostage.context import StageContext as StageContext
    from gostage_sim.gostage.definition import ActionDef as ActionDef
    from gostage_sim.gostage.definition import StageDef as StageDef
    from gostage_sim.gostage.definition import SubWorkflowDef as SubWorkflowDef
    from gostage_sim.gostage.definition import TransportDef as TransportDef
    from gostage_sim.gostage.logs import LogToLogging as LogToLogging
    from gostage_sim.gostage.outgoing import OutgoingMessage as OutgoingMessage
    from gostage_sim.gostage.registry import action as action
    from gostage_sim.gostage.registry import new_action as new_action
    from gostage_sim.gostage.registry import register_action as register_action
    from gostage_sim.gostage.run_options import RunOptions as RunOptions
    from gostage_sim.gostage.run_options import RunResult as RunResult
    from gostage_sim.gostage.run_options import format_results as format_results
    from gostage_sim.gostage.runner import Runner as Runner
    from gostage_sim.gostage.spawn import launchers as launchers
    from gostage_sim.gostage.spawn.handle import ChildHandle as ChildHandle
    from gostage_sim.gostage.spawn.middleware import SpawnContext as SpawnContext
    from gostage_sim.gostage.spawn.options import ResourceLimits as ResourceLimits
    from gostage_sim.gostage.spawn.options import SpawnOptions as SpawnOptions
    from gostage_sim.gostage.spawn.result import Outcome as Outcome
    from gostage_sim.gostage.spawn.result import SpawnResult as SpawnResult
    from gostage_sim.gostage.stage import Stage as Stage
    from gostage_sim.gostage.states import ActionState as ActionState
    from gostage_sim.gostage.states import StageState as StageState
    from gostage_sim.gostage.store import Store as Store
    from gostage_sim.gostage.storing.combining import Copied as Copied
    from gostage_sim.gostage.storing.combining import MergeStrategy as MergeStrategy
    from gostage_sim.gostage.storing.encoding import Exported as Exported
    from gostage_sim.gostage.storing.metadata import Metadata as Metadata
    from gostage_sim.gostage.wire.messages import Message as Message
    from gostage_sim.gostage.workflow import Workflow as Workflow

_ROOMS = {
    "actions": ("Action", "FunctionAction"),
    "broker": ("Broker", "Registration"),
    "child": ("child_main", "is_child"),
    "context": ("ActionContext", "RunContext", "StageContext"),
    "definition": ("ActionDef", "StageDef", "SubWorkflowDef", "TransportDef"),
    "logs": ("LogToLogging",),
    "outgoing": ("OutgoingMessage",),
    "registry": ("action", "new_action", "register_action"),
    "run_options": ("RunOptions", "RunResult", "format_results"),
    "runner": ("Runner",),
    "spawn": ("launchers",),
    "spawn.handle": ("ChildHandle",),
    "spawn.middleware": ("SpawnContext",),
    "spawn.options": ("ResourceLimits", "SpawnOptions"),
    "spawn.result": ("Outcome", "SpawnResult"),
    "stage": ("Stage",),
    "states": ("ActionState", "StageState"),
    "store": ("Store",),
    "storing.combining": ("Copied", "MergeStrategy"),
    "storing.encoding": ("Exported",),
    "storing.metadata": ("Metadata",),
    "wire.messages": ("Message",),
    "workflow": ("Workflow",),
}
_HOME = {name: room for room, names in _ROOMS.items() for name in names}

__all__ = [
    "Action",
    "ActionContext",
    "ActionDef",
    "ActionState",
    "Broker",
    "ChildHandle",
    "Copied",
    "Exported",
    "FunctionAction",
    "LogToLogging",
    "MergeStrategy",
    "Message",
    "Metadata",
    "Outcome",
    "OutgoingMessage",
    "Registration",
    "ResourceLimits",
    "RunContext",
    "RunOptions",
    "RunResult",
    "Runner",
    "SpawnContext",
    "SpawnOptions",
    "SpawnResult",
    "Stage",
    "StageContext",
    "StageDef",
    "StageState",
    "Store",
    "SubWorkflowDef",
    "TransportDef",
    "Workflow",
    "action",
    "child_main",
    "errors",
    "format_results",
    "is_child",
    "launchers",
    "middleware",
    "new_action",
    "register_action",
    "transports",
]

_at_the_very_end: list[Callable[[], object]] = []


@atexit.register  # before anybody who imports this does, and so what is called after all of theirs
def _end() -> None:
    while _at_the_very_end:
        _at_the_very_end.pop()()


def __getattr__(name: str) -> object:
    from importlib import import_module

    if name in ("errors", "middleware", "transports"):
        return import_module(f"{__name__}.{name}")
    room = _HOME.get(name)
    if room is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    if name == "launchers":
        return import_module("gostage_sim.gostage.spawn.launchers")
    value = getattr(import_module(f"{__name__}.{room}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)

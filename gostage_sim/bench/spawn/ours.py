"""Messages of the engine's children, to a handler that does nothing."""

from __future__ import annotations

import time
from typing import Any

from gostage_sim import gostage
from gostage_sim.bench.spawn.bare import CHILD, handle


def runner() -> gostage.Runner:
    return gostage.Runner(launcher=gostage.launchers.ChildModule([CHILD]), transport="json")


def definition(action: str, **params: Any) -> gostage.SubWorkflowDef:
    """One action with its parameters, as a sub-workflow."""
    step = gostage.ActionDef(id=action, params=params)
    return gostage.SubWorkflowDef(id="bench", stages=[gostage.StageDef(id="main", actions=[step])])


def send(count: int, size: int) -> float:
    """`ctx.send`: in the kernel when it returns."""
    return _seconds("bench.send", count, size)


def send_many(count: int, size: int) -> float:
    """`ctx.send_many`: in blocks."""
    return _seconds("bench.send_many", count, size)


def _seconds(action: str, count: int, size: int) -> float:
    """From the first item to the end."""
    moments: list[float] = []

    def now(message: gostage.Message) -> None:
        moments.append(time.perf_counter())

    own = runner()

    def first(message: gostage.Message) -> None:
        now(message)
        begun.unregister()
        own.broker.register_handler("item", handle)

    begun = own.broker.register_handler("item", first)
    own.broker.register_handler("workflow_result", now)
    result = own.spawn(definition(action, count=count, size=size), check=True)
    assert result.message_counts["item"] == count
    return moments[1] - moments[0]

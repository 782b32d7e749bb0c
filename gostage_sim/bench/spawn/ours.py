"""Messages of the engine's children, to a handler that does nothing."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from gostage_sim import gostage
from gostage_sim.bench.spawn.bare import CHILD, handle


def runner() -> gostage.Runner:
    return gostage.Runner(launcher=gostage.launchers.ChildModule([CHILD]))


def definition(action: str, **params: Any) -> gostage.SubWorkflowDef:
    """One action with its parameters, as a sub-workflow."""
    step = gostage.ActionDef(id=action, params=params)
    return gostage.SubWorkflowDef(id="bench", stages=[gostage.StageDef(id="main", actions=[step])])


def spawn(
    action: str,
    count: int,
    size: int,
    item: Callable[[gostage.Message], object],
    end: Callable[[gostage.Message], object] = handle,
) -> gostage.SpawnResult:
    """A child that sends `count` items."""
    own = runner()
    own.broker.register_handler("item", item)
    own.broker.register_handler("workflow_result", end)
    return own.spawn(definition(action, count=count, size=size), check=True)


def send(count: int, size: int) -> float:
    """`ctx.send`: in the kernel when it returns."""
    return _seconds("bench.send", count, size)


def send_many(count: int, size: int) -> float:
    """`ctx.send_many`: in blocks."""
    return _seconds("bench.send_many", count, size)


def _seconds(action: str, count: int, size: int) -> float:
    """From the first item to the end."""
    first = last = 0.0

    def item(message: gostage.Message) -> None:
        nonlocal first
        first = first or time.perf_counter()

    def end(message: gostage.Message) -> None:
        nonlocal last
        last = time.perf_counter()

    result = spawn(action, count, size, item, end)
    assert result.message_counts["item"] == count
    return last - first

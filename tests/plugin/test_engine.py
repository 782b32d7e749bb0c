"""The fixture `gostage_runner`: the engine in a user's own tests."""

from __future__ import annotations

import pytest

from ..gostage.conftest import gone
from .conftest import Suite

GOOD = """
from gostage_sim import gostage

def test_closures(gostage_runner, gostage_transport):
    prices = {"tea": 3, "milk": 1}

    @gostage.action("sum")
    def add_up(ctx):
        ctx.send("seen", sorted(prices))
        ctx.store.put("total", sum(prices.values()))

    seen = []
    gostage_runner.broker.register_handler("seen", lambda message: seen.append(message.payload))
    result = gostage_runner.spawn(gostage.SubWorkflowDef.of("sum"), check=True)
    assert (result.final_store, seen) == ({"total": 4}, [["milk", "tea"]])
    print("over", gostage_transport)
"""

BAD = {
    "was started and never waited for": """
import signal
from gostage_sim import gostage

def test_bad(gostage_runner):
    @gostage.action("stays")
    def stays(ctx):
        signal.pause()

    global handle
    handle = gostage_runner.start(gostage.SubWorkflowDef.of("stays"))
    print("pid", handle.pid)
""",
}


@pytest.mark.parametrize(("choice", "tests"), [("json", 1), ("grpc", 1), ("all", 2)])
def test_children_take_closures(suite: Suite, choice: str, tests: int) -> None:
    """What the test defines runs in a child, over the transports that were chosen, and nothing is left of it."""
    suite.write({"test_it.py": GOOD})
    finished = suite.run("-q", "-W", "error", "--gostage-transport", choice)
    assert finished.code == 0, finished.out
    assert f"{tests} passed" in finished.out


@pytest.mark.parametrize("reason", BAD)
def test_who_is_left_is_an_error(suite: Suite, reason: str) -> None:
    """The test that leaves a child has an error that names it, and the child is gone."""
    suite.write({"test_it.py": BAD[reason]})
    finished = suite.run("-q", "-rP")
    assert finished.code == 1
    assert "1 passed, 1 error" in finished.out
    assert reason in finished.out
    pid = next(line.split()[1] for line in finished.lines if line.startswith("pid "))
    assert gone(int(pid))

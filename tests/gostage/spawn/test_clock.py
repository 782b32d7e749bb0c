"""What a child's deadlines are measured by, and what becomes of them when that clock is stepped."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from gostage_sim import gostage
from gostage_sim.gostage.spawn.clock import Steady, longest_wait_s, steady

from .shell import HOLDS, IGNORES_SIGTERM, named, shell

(CHILD,) = named("child")
HOUR = 3600.0


class Stepped:
    """A real clock that can be stepped."""

    def __init__(self) -> None:
        self.ahead_s = 0.0

    def __call__(self) -> float:
        return time.monotonic() + self.ahead_s


def test_a_step_back_is_no_time_and_a_step_forward_is_time() -> None:
    """From a step on time passes as before, however far it led."""
    read = iter([100.0, 101.0, 101.0 - HOUR, 102.0 - HOUR, 103.0])
    clock = Steady(lambda: next(read))
    assert [clock() for _ in range(4)] == [101.0, 101.0, 102.0, 103.0 + HOUR]


def test_only_a_clock_that_may_be_stepped_is_looked_at_again_and_again() -> None:
    """A child of a runner with the usual clock wakes nobody up."""
    assert steady(time.monotonic) is time.monotonic
    assert longest_wait_s(time.monotonic) == float("inf")
    assert longest_wait_s(steady(time.time)) < 1


@pytest.mark.parametrize("in_loop", [False, True], ids=["wait", "aspawn"])
def test_a_step_forward_ends_a_child_whose_time_is_over_then(in_loop: bool) -> None:
    """Though the parent was asleep, for an hour, when the clock was stepped."""
    clock = Stepped()
    runner = shell(HOLDS, clock=clock)
    runner.broker.register_handler("up", lambda message: setattr(clock, "ahead_s", HOUR))
    options = gostage.SpawnOptions(timeout_s=HOUR, grace_s=HOUR)
    result = asyncio.run(runner.aspawn(CHILD, options=options)) if in_loop else runner.spawn(CHILD, options=options)
    assert (result.outcome, result.signal) == ("timed_out", "SIGTERM")
    assert result.total_s < HOUR


def test_a_step_forward_ends_the_grace_period() -> None:
    """Of a child that does not leave when it is asked to; SIGKILL comes as the clock says."""
    clock = Stepped()
    runner = shell(IGNORES_SIGTERM, clock=clock)
    handle = runner.start(CHILD, options=gostage.SpawnOptions(grace_s=HOUR))
    asked = threading.Event()

    def ask(message: gostage.Message) -> None:
        handle.cancel()
        asked.set()

    runner.broker.register_handler("up", ask)
    while not asked.is_set():
        with pytest.raises(TimeoutError):
            handle.wait(timeout_s=0.01)
    clock.ahead_s = HOUR
    assert (handle.wait(timeout_s=20).outcome, handle.wait().signal) == ("cancelled", "SIGKILL")


def test_a_step_back_gives_a_child_that_hangs_no_more_time() -> None:
    """It is ended when as much time has passed as it was given."""
    clock = Stepped()
    runner = shell(HOLDS, clock=clock)
    runner.broker.register_handler("up", lambda message: setattr(clock, "ahead_s", -HOUR))
    handle = runner.start(CHILD, options=gostage.SpawnOptions(timeout_s=1))
    assert handle.wait(timeout_s=60).outcome == "timed_out"


def test_no_wait_of_the_engine_looks_at_the_wall_clock(tmp_path: Path) -> None:
    """With a wall clock that leaps an hour back and forth at each look, children end as they should, on time, by each
    transport: one that completes, one that hangs, one that does not let itself be ended."""
    program = """
import itertools, sys, time
leaps = itertools.cycle([3600.0, -3600.0, 0.0])
real = time.time

def leaping():
    # gRPC compares what it gets with its core's own clock: it would take this for a deadline in an hour.
    by_grpc = sys._getframe(1).f_globals["__name__"].startswith("grpc")
    return real() + (0.0 if by_grpc else next(leaps))

time.time = leaping
from gostage_sim import gostage
import signal

@gostage.action("completes")
def completes(ctx):
    ctx.send("seen", 1)

@gostage.action("hangs")
def hangs(ctx):
    signal.pause()

@gostage.action("stays")
def stays(ctx):
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    ctx.send("seen", 1)
    while True:
        signal.pause()

if gostage.is_child():
    gostage.child_main()
for transport in ("json", "grpc"):
    with gostage.Runner(transport=transport) as runner:
        for name, timeout_s in (("completes", 60), ("hangs", 1), ("stays", 1)):
            stage = gostage.StageDef(id="s", actions=[gostage.ActionDef(id=name)])
            definition = gostage.SubWorkflowDef(id=name, stages=[stage])
            result = runner.spawn(definition, options=gostage.SpawnOptions(timeout_s=timeout_s, grace_s=0.2))
            print(transport, name, result.outcome, result.total_s < 30)
"""
    script = tmp_path / "leaps.py"
    script.write_text(program)
    done = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, timeout=120)
    assert done.stderr == ""
    assert done.stdout.splitlines() == [
        f"{transport} {line}"
        for transport in ("json", "grpc")
        for line in ("completes completed True", "hangs timed_out True", "stays timed_out True")
    ]

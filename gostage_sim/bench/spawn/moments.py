"""Moments in a child's life: how long its start, its death and a single message take."""

from __future__ import annotations

import os
import signal
import statistics
import threading
import time

from gostage_sim import gostage
from gostage_sim.bench.spawn.bare import CHILD
from gostage_sim.bench.spawn.ours import definition, runner

FLOODS = 4


def percentile(times: list[float], percent: int) -> float:
    return sorted(times)[max(0, -(-len(times) * percent // 100) - 1)]


def start(count: int, size: int) -> float:
    """From `runner.spawn()` to the first message handled; the median of `count`."""
    own, hello = runner(), definition("bench.hello")
    return statistics.median(own.spawn(hello, check=True).first_message_s or 0.0 for _ in range(count))


def warm_start(count: int, size: int, transport: gostage.transports.Transport | str = "json") -> float:
    """As `start`, with children that a fork server has at hand."""
    with (
        gostage.launchers.ForkServer(preload=[CHILD]) as launcher,
        gostage.Runner(launcher=launcher, transport=transport) as own,
    ):
        hello = definition("bench.hello")
        own.spawn(hello, check=True)  # the server is started once, by the first child
        return statistics.median(own.spawn(hello, check=True).first_message_s or 0.0 for _ in range(count))


def killed(count: int, size: int) -> float:
    """From SIGKILL to the return of `spawn()`, at the 99th percentile of `count`."""
    own, waiting = runner(), definition("bench.hello_and_wait")
    sent = 0.0

    def kill(message: gostage.Message) -> None:
        nonlocal sent
        sent = time.perf_counter()
        os.kill(message.context.pid, signal.SIGKILL)

    own.broker.register_handler("hello", kill)
    times = []
    for _ in range(count):
        assert own.spawn(waiting).signal == "SIGKILL"
        times.append(time.perf_counter() - sent)
    return percentile(times, 99)


def sibling(count: int, size: int) -> float:
    """From sending to handling one message of a child whose four siblings flood, at the 99th percentile of `count`."""
    own = runner()
    delays: list[float] = []
    flooding = threading.Barrier(FLOODS + 1)
    begun: set[int] = set()

    def flood(message: gostage.Message) -> None:
        if message.origin.pid not in begun:
            begun.add(message.origin.pid)
            flooding.wait(60)

    own.broker.register_handler("flood", flood)
    own.broker.register_handler("quiet", lambda message: delays.append(time.monotonic() - message.payload))
    handles = [own.start(definition("bench.flood")) for _ in range(FLOODS)]
    threads = [threading.Thread(target=handle.wait) for handle in handles]
    for thread in threads:
        thread.start()
    try:
        flooding.wait(60)
        own.spawn(definition("bench.quiet", count=count), check=True)
    finally:
        for handle in handles:
            handle.kill()
        for thread in threads:
            thread.join()
    assert len(delays) == count
    return percentile(delays, 99)

"""What is measured: ways to bring the same messages from a child process to a handler, ours and others'.

`python -m gostage_sim.bench.contenders NAME COUNT` is a parent process of its own, so that no contender runs in a
process that another one has filled. It prints the seconds from the first to the last message handled.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import msgspec

from gostage_sim import gostage
from gostage_sim.bench.child import BLOCK_BYTES, pipe_child, queue_child
from gostage_sim.gostage.wire.messages import Message

CHILD = "gostage_sim.bench.child"
CONTENDERS: dict[str, Callable[[int], float]] = {}


def contender(function: Callable[[int], float]) -> Callable[[int], float]:
    CONTENDERS[function.__name__] = function
    return function


class Item(msgspec.Struct):
    type: str
    payload: Any


def handle(item: Any) -> None:
    """The empty handler."""


@contender
def bare_loop(count: int) -> float:
    """The least there is to do: encode with msgspec, write blocks, split, decode with msgspec, call."""
    decode = msgspec.json.Decoder(Item).decode
    with subprocess.Popen([sys.executable, "-m", CHILD, str(count)], stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        fd, rest, started = child.stdout.fileno(), b"", 0.0
        while chunk := os.read(fd, BLOCK_BYTES):
            started = started or time.perf_counter()
            lines = (rest + chunk).split(b"\n")
            rest = lines.pop()
            for line in lines:
                handle(decode(line))
        return time.perf_counter() - started


def _receive_all(receive: Callable[[], Any], count: int) -> float:
    handle(receive())
    started = time.perf_counter()
    for _ in range(count - 1):
        handle(receive())
    return time.perf_counter() - started


@contender
def multiprocessing_pipe(count: int) -> float:
    """`multiprocessing.Pipe`, a pickle a message."""
    import multiprocessing

    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe(duplex=False)
    child = context.Process(target=pipe_child, args=(theirs, count))
    child.start()
    theirs.close()
    seconds = _receive_all(ours.recv, count)
    child.join()
    return seconds


@contender
def multiprocessing_queue(count: int) -> float:
    """`multiprocessing.Queue`, a pickle a message and a feeder thread."""
    import multiprocessing

    context = multiprocessing.get_context("spawn")
    queue: Any = context.Queue(maxsize=10_000)
    child = context.Process(target=queue_child, args=(queue, count))
    child.start()
    seconds = _receive_all(queue.get, count)
    child.join()
    return seconds


def _spawn(
    action: str, count: int, item: Callable[[Message], object], end: Callable[[Message], object] = handle
) -> gostage.SpawnResult:
    runner = gostage.Runner(launcher=gostage.launchers.ChildModule([CHILD]))
    runner.broker.register_handler("item", item)
    runner.broker.register_handler("workflow_result", end)
    step = gostage.ActionDef(id=action, params={"count": count})
    definition = gostage.SubWorkflowDef(id="bench", stages=[gostage.StageDef(id="main", actions=[step])])
    return runner.spawn(definition, check=True)


def _timed_spawn(action: str, count: int) -> float:
    first = last = 0.0

    def item(message: Message) -> None:
        nonlocal first
        first = first or time.perf_counter()

    def end(message: Message) -> None:
        nonlocal last
        last = time.perf_counter()

    result = _spawn(action, count, item, end)
    assert result.message_counts["item"] == count
    return last - first


@contender
def send(count: int) -> float:
    """Our `ctx.send`: in the kernel when it returns."""
    return _timed_spawn("bench.send", count)


@contender
def send_many(count: int) -> float:
    """Our `ctx.send_many`: in blocks."""
    return _timed_spawn("bench.send_many", count)


@contender
def bare_start(count: int) -> float:
    """`python -c pass`, started and awaited `count` times; the seconds of one, at the median."""
    return _median_time(count, lambda: subprocess.run([sys.executable, "-c", "pass"], check=True))


@contender
def start(count: int) -> float:
    """From `runner.spawn()` to the first message handled; the seconds of one, at the median."""
    import statistics

    runner = gostage.Runner(launcher=gostage.launchers.ChildModule([CHILD]))
    definition = gostage.SubWorkflowDef.of("bench.hello")
    return statistics.median(runner.spawn(definition, check=True).first_message_s or 0.0 for _ in range(count))


def _median_time(count: int, action: Callable[[], object]) -> float:
    import statistics

    times = []
    for _ in range(count):
        started = time.perf_counter()
        action()
        times.append(time.perf_counter() - started)
    return statistics.median(times)


def rss_anon_bytes() -> int:
    """Anonymous resident memory of this process; file mappings do not count."""
    with open("/proc/self/status", encoding="ascii") as status:
        return next(int(line.split()[1]) * 1024 for line in status if line.startswith("RssAnon"))


@contender
def memory_growth(count: int) -> float:
    """Bytes that the parent grows at its peak through a flood to a handler that is slower than the sender."""
    seen, baseline = 0, rss_anon_bytes()
    peak = baseline

    def slow(message: Message) -> None:
        nonlocal seen, peak
        seen += 1
        if seen % 500 == 0:
            time.sleep(0.001)  # the slowness is what is measured, nothing waits for it
        if seen % 5000 == 1:
            peak = max(peak, rss_anon_bytes())

    _spawn("bench.send_many", count, slow)
    assert seen == count
    return float(max(peak, rss_anon_bytes()) - baseline)


if __name__ == "__main__":
    print(CONTENDERS[sys.argv[1]](int(sys.argv[2])))

"""A new process that is warm, with other libraries: from the call to the first message of it, the median of so many."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from typing import Any

from gostage_sim.bench.spawn.child import say_hello, the_word_hello


def _context() -> Any:
    """The standard library's fork server, which has imported what the children need."""
    import multiprocessing

    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["gostage_sim.bench.spawn.child"])
    return context


def _median(count: int, take: Callable[[], object]) -> float:
    take()  # the server is started once, by the first child
    times = []
    for _ in range(count):
        started = time.perf_counter()
        take()
        times.append(time.perf_counter() - started)
    return statistics.median(times)


def multiprocessing_forkserver(count: int, size: int) -> float:
    """A `Process` that sends through a `Pipe`."""
    context = _context()
    children = []

    def take() -> None:
        ours, theirs = context.Pipe(duplex=False)
        child = context.Process(target=say_hello, args=(theirs,))
        child.start()
        theirs.close()
        ours.recv()
        children.append(child)

    seconds = _median(count, take)
    for child in children:
        child.join()
    return seconds


def process_pool_forkserver(count: int, size: int) -> float:
    """`concurrent.futures`, a new worker for each call."""
    from concurrent.futures import ProcessPoolExecutor

    with ProcessPoolExecutor(1, mp_context=_context(), max_tasks_per_child=1) as pool:
        return _median(count, lambda: pool.submit(the_word_hello).result())


def pebble_forkserver(count: int, size: int) -> float:
    """As `concurrent.futures`."""
    from pebble import ProcessPool

    with ProcessPool(1, max_tasks=1, context=_context()) as pool:
        return _median(count, lambda: pool.schedule(the_word_hello).result())

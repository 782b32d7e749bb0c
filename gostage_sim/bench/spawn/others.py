"""The same messages from a child to a handler with other libraries, each in the way that suits it best."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

from gostage_sim.bench.spawn.bare import CHILD, Item, handle
from gostage_sim.bench.spawn.child import filler, payload, pipe_child, queue_child

BATCH = 1000
"""How many results a pool sends back at once."""


def _receive_all(receive: Callable[[], Any], count: int) -> float:
    handle(receive())
    started = time.perf_counter()
    for _ in range(count - 1):
        handle(receive())
    return time.perf_counter() - started


def _take_all(results: Iterable[Any], count: int) -> float:
    return _receive_all(iter(results).__next__, count)


def multiprocessing_pipe(count: int, size: int) -> float:
    """A pickle a message."""
    import multiprocessing

    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe(duplex=False)
    child = context.Process(target=pipe_child, args=(theirs, count, size))
    child.start()
    theirs.close()
    seconds = _receive_all(ours.recv, count)
    child.join()
    return seconds


def multiprocessing_queue(count: int, size: int) -> float:
    """A pickle a message and a feeder thread."""
    import multiprocessing

    context = multiprocessing.get_context("spawn")
    queue: Any = context.Queue(maxsize=10_000)
    child = context.Process(target=queue_child, args=(queue, count, size))
    child.start()
    seconds = _receive_all(queue.get, count)
    child.join()
    return seconds


def process_pool_executor(count: int, size: int) -> float:
    """`concurrent.futures`: a message is the result of a call, a pickle a batch."""
    import multiprocessing
    from concurrent.futures import ProcessPoolExecutor

    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        return _take_all(pool.map(partial(payload, filler=filler(size)), range(count), chunksize=BATCH), count)


def pebble_pool(count: int, size: int) -> float:
    """As `concurrent.futures`."""
    import multiprocessing

    from pebble import ProcessPool

    with ProcessPool(1, context=multiprocessing.get_context("spawn")) as pool:
        results = pool.map(partial(payload, filler=filler(size)), range(count), chunksize=BATCH)
        return _take_all(results.result(), count)


def loky_pool(count: int, size: int) -> float:
    """As `concurrent.futures`."""
    from loky import ProcessPoolExecutor

    with ProcessPoolExecutor(1) as pool:
        return _take_all(pool.map(partial(payload, filler=filler(size)), range(count), chunksize=BATCH), count)


def execnet_channel(count: int, size: int) -> float:
    """A send a message, in its own serialisation."""
    import execnet

    code = (
        "from gostage_sim.bench.spawn.child import payloads\n"
        f"for one in payloads({count}, {size}):\n    channel.send(('item', one))\n"
    )
    gateway = execnet.makegateway(f"popen//python={sys.executable}")
    try:
        return _receive_all(gateway.remote_exec(code).receive, count)
    finally:
        gateway.exit()
        execnet.default_group.terminate(timeout=10)


def asyncio_lines(count: int, size: int) -> float:
    """A subprocess of asyncio that writes JSON lines in blocks, read line by line."""
    import asyncio

    import msgspec

    decode = msgspec.json.Decoder(Item).decode

    async def read() -> float:
        child = await asyncio.create_subprocess_exec(
            sys.executable, "-m", CHILD, str(count), str(size), stdout=asyncio.subprocess.PIPE, limit=1 << 25
        )
        assert child.stdout is not None
        started = 0.0
        while line := await child.stdout.readline():
            started = started or time.perf_counter()
            handle(decode(line))
        seconds = time.perf_counter() - started
        await child.wait()
        return seconds

    return asyncio.run(read())

"""The least there is to do, as a yardstick."""

from __future__ import annotations

import os
import select
import statistics
import subprocess
import sys
import time
from contextlib import ExitStack
from typing import IO, Any

import msgspec

from gostage_sim.bench.processor import ProcessorTime
from gostage_sim.bench.spawn.child import BLOCK_BYTES

CHILD = "gostage_sim.bench.spawn.child"


class Item(msgspec.Struct):
    type: str
    payload: Any


def handle(item: Any) -> None:
    """The empty handler."""


class _Lines:
    """Split, decode with msgspec, call."""

    def __init__(self) -> None:
        self._decode = msgspec.json.Decoder(Item).decode
        self._held: list[bytes] = []

    def take(self, chunk: bytes) -> None:
        lines = chunk.split(b"\n")
        self._held.append(lines[0])
        if len(lines) > 1:
            lines[0] = b"".join(self._held)
            self._held = [lines.pop()]
            decode = self._decode
            for line in lines:
                handle(decode(line))


class _Nothing:
    """Let it go."""

    def take(self, chunk: bytes) -> None:
        pass


def _read_all(children: int, make: type[_Lines | _Nothing], *arguments: str) -> dict[str, float]:
    """From the moment at which all have something to say to the end of the last; and the processor time of all."""
    with ExitStack() as stack:
        started = []
        for _ in range(children):
            command = [sys.executable, "-m", CHILD, *arguments]
            started.append(stack.enter_context(subprocess.Popen(command, stdout=subprocess.PIPE)))
        pipes = [_pipe_of(child) for child in started]
        for pipe in pipes:
            select.select([pipe], [], [])
        takers = {pipe.fileno(): make() for pipe in pipes}
        epoll = stack.enter_context(select.epoll())
        for fd in takers:
            epoll.register(fd, select.EPOLLIN)
        processor, begun = ProcessorTime(child.pid for child in started), time.perf_counter()
        while takers:
            for fd, _ in epoll.poll():
                chunk = os.read(fd, BLOCK_BYTES)
                if chunk:
                    takers[fd].take(chunk)
                else:
                    epoll.unregister(fd)
                    del takers[fd]
        seconds = time.perf_counter() - begun
    return {"": seconds, "cpu": processor.spent_s()}


def _pipe_of(child: subprocess.Popen[bytes]) -> IO[bytes]:
    assert child.stdout is not None
    return child.stdout


def bare_loop(count: int, size: int) -> dict[str, float]:
    """Encode with msgspec, write blocks, split, decode with msgspec, call."""
    return _read_all(1, _Lines, str(count), str(size))


def bare_loop_of_8(count: int, size: int) -> dict[str, float]:
    """The same from eight children that share the work, read in one thread."""
    return _read_all(8, _Lines, str(count // 8), str(size))


def plain_pipe(count: int, size: int) -> float:
    """The same number of bytes, written and read and nothing else."""
    return _read_all(1, _Nothing, str(count), str(size), "bytes")[""]


def bare_start(count: int, size: int) -> float:
    """`python -c pass`, started and awaited; the median of `count`."""
    times = []
    for _ in range(count):
        started = time.perf_counter()
        subprocess.run([sys.executable, "-c", "pass"], check=True)
        times.append(time.perf_counter() - started)
    return statistics.median(times)

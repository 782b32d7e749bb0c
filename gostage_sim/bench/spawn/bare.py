"""The least there is to do, as a yardstick."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any

import msgspec

from gostage_sim.bench.spawn.child import BLOCK_BYTES

CHILD = "gostage_sim.bench.spawn.child"


class Item(msgspec.Struct):
    type: str
    payload: Any


def handle(item: Any) -> None:
    """The empty handler."""


def _chunks(*arguments: str) -> Iterator[bytes]:
    with subprocess.Popen([sys.executable, "-m", CHILD, *arguments], stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        while chunk := os.read(child.stdout.fileno(), BLOCK_BYTES):
            yield chunk


def bare_loop(count: int, size: int) -> float:
    """Encode with msgspec, write blocks, split, decode with msgspec, call."""
    decode = msgspec.json.Decoder(Item).decode
    held: list[bytes] = []
    started = 0.0
    for chunk in _chunks(str(count), str(size)):
        started = started or time.perf_counter()
        lines = chunk.split(b"\n")
        held.append(lines[0])
        if len(lines) > 1:
            lines[0] = b"".join(held)
            held = [lines.pop()]
            for line in lines:
                handle(decode(line))
    return time.perf_counter() - started


def plain_pipe(count: int, size: int) -> float:
    """The same number of bytes, written and read and nothing else."""
    started = 0.0
    for _ in _chunks(str(count), str(size), "bytes"):
        started = started or time.perf_counter()
    return time.perf_counter() - started


def bare_start(count: int, size: int) -> float:
    """`python -c pass`, started and awaited; the median of `count`."""
    times = []
    for _ in range(count):
        started = time.perf_counter()
        subprocess.run([sys.executable, "-c", "pass"], check=True)
        times.append(time.perf_counter() - started)
    return statistics.median(times)

"""The children's side of the contenders by transport.

`python -m gostage_sim.bench.transport.child frames|unary PORT COUNT BYTES` is the child of plain grpcio.
"""

from __future__ import annotations

import os
import sys
import time

from gostage_sim import gostage
from gostage_sim.bench.spawn.child import payloads

TYPE_CHECKING = False  # see gostage/__init__.py
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

FRAME_MESSAGES = 256
METHODS = {"frames": "/bench/Frames", "unary": "/bench/Unary"}


@gostage.action("bench.bulk")
def bulk(ctx: gostage.ActionContext) -> None:
    """All at once."""
    _wait_for_start(ctx)
    ctx.send_many("item", payloads(ctx.params["count"], ctx.params["size"]))


@gostage.action("bench.each")
def each(ctx: gostage.ActionContext) -> None:
    """One after another; how long each `send` took in seconds, sorted, is the last message."""
    _wait_for_start(ctx)
    times, clock = [], time.perf_counter
    for one in payloads(ctx.params["count"], ctx.params["size"]):
        before = clock()
        ctx.send("item", one)
        times.append(clock() - before)
    ctx.send("times", times)


def _wait_for_start(ctx: gostage.ActionContext) -> None:
    """Until the parent has opened the pipe with this name for writing, which it does for all its children at once."""
    ctx.send("ready")
    ctx.flush()
    os.close(os.open(ctx.params["gate"], os.O_RDONLY))


def plain(kind: str, port: int, count: int, size: int) -> None:
    """Encode each message with msgspec; a request each, or a stream of frames with many lines."""
    import grpc
    import msgspec

    Item = msgspec.defstruct("Item", [("type", str), ("payload", object)])  # noqa: N806  it is a class
    encode = msgspec.json.Encoder().encode
    lines = (encode(Item("item", one)) + b"\n" for one in payloads(count, size))
    with grpc.insecure_channel(f"127.0.0.1:{port}", options=[("grpc.max_send_message_length", -1)]) as channel:
        if kind == "unary":
            call: Any = channel.unary_unary(METHODS[kind])
            for line in lines:
                call(line)
        else:
            stream: Any = channel.stream_unary(METHODS[kind])
            stream(_frames(lines, max(1, min(FRAME_MESSAGES, (1 << 20) // size))))


def _frames(lines: Iterator[bytes], messages: int) -> Iterator[bytes]:
    from itertools import islice

    while frame := b"".join(islice(lines, messages)):
        yield frame


if __name__ == "__main__":
    plain(sys.argv[1], *map(int, sys.argv[2:]))

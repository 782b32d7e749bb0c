"""The children's side of the contenders; each sends the same messages.

`python -m gostage_sim.bench.spawn.child COUNT BYTES` is the bare child. Imports little: starts are measured as well.
"""

from __future__ import annotations

import os
import sys
import time

from gostage_sim import gostage

TYPE_CHECKING = False  # see gostage/__init__.py
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

BLOCK_BYTES = 64 * 1024


def payload(number: int, filler: str) -> dict[str, str]:
    return {"key": f"user-{number}", "value": filler}


def filler(size: int) -> str:
    """So much text that a message is about `size` bytes on the wire; 70 at the least."""
    return "Ada Lovelace" + "x" * max(0, size - 70)


def payloads(count: int, size: int) -> Iterator[dict[str, str]]:
    """The messages that all contenders carry."""
    text = filler(size)
    for number in range(count):
        yield payload(number, text)


@gostage.action("bench.hello")
def hello(ctx: gostage.ActionContext) -> None:
    ctx.send("hello")


@gostage.action("bench.hello_and_wait")
def hello_and_wait(ctx: gostage.ActionContext) -> None:
    import signal

    ctx.send("hello")
    signal.pause()


@gostage.action("bench.send")
def send(ctx: gostage.ActionContext) -> None:
    for one in payloads(ctx.params["count"], ctx.params["size"]):
        ctx.send("item", one)


@gostage.action("bench.send_many")
def send_many(ctx: gostage.ActionContext) -> None:
    ctx.send_many("item", payloads(ctx.params["count"], ctx.params["size"]))


@gostage.action("bench.flood")
def flood(ctx: gostage.ActionContext) -> None:
    """Until it is killed."""
    while True:
        ctx.send_many("flood", payloads(10_000, 70))


@gostage.action("bench.quiet")
def quiet(ctx: gostage.ActionContext) -> None:
    """A message now and then, each with the moment it was sent at."""
    for _ in range(ctx.params["count"]):
        ctx.send("quiet", time.monotonic())
        time.sleep(0.005)  # the pace is what is wanted, nothing waits for it


def bare_child(count: int, size: int) -> None:
    """The least there is to do: encode each message with msgspec, write blocks."""
    import msgspec

    Item = msgspec.defstruct("Item", [("type", str), ("payload", object)])  # noqa: N806  it is a class
    encode = msgspec.json.Encoder().encode
    block: list[bytes] = []
    held = 0
    for one in payloads(count, size):
        line = encode(Item("item", one)) + b"\n"
        block.append(line)
        held += len(line)
        if held >= BLOCK_BYTES:
            write_all(b"".join(block))
            block, held = [], 0
    write_all(b"".join(block))


def write_all(data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(1, view) :]


def bytes_child(count: int, size: int) -> None:
    """As many bytes as the others send, in blocks, and nothing done for them."""
    left = count * max(70, size)
    block = b"x" * BLOCK_BYTES
    while left > 0:
        write_all(block[:left])
        left -= len(block)


def pipe_child(connection: Any, count: int, size: int) -> None:
    """For `multiprocessing.Pipe`."""
    for one in payloads(count, size):
        connection.send(("item", one))


def queue_child(queue: Any, count: int, size: int) -> None:
    """For `multiprocessing.Queue`."""
    for one in payloads(count, size):
        queue.put(("item", one))


def say_hello(connection: Any) -> None:
    """For a `Process` of multiprocessing."""
    connection.send("hello")


def the_word_hello() -> str:
    """For pools."""
    return "hello"


if __name__ == "__main__":
    (bytes_child if sys.argv[3:] else bare_child)(int(sys.argv[1]), int(sys.argv[2]))

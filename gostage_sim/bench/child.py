"""The children's side of the contenders; each sends the same messages.

`python -m gostage_sim.bench.child COUNT` is the bare child. Imports little: the start of a child is measured as well.
"""

from __future__ import annotations

import os
import sys

from gostage_sim import gostage

TYPE_CHECKING = False  # see gostage/__init__.py
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

BLOCK_BYTES = 64 * 1024


def payloads(count: int) -> Iterator[dict[str, str]]:
    """The messages all contenders carry: about 70 bytes each on the wire."""
    for i in range(count):
        yield {"key": f"user-{i}", "value": "Ada Lovelace"}


@gostage.action("bench.hello")
def hello(ctx: gostage.ActionContext) -> None:
    ctx.send("hello")


@gostage.action("bench.send")
def send(ctx: gostage.ActionContext) -> None:
    for payload in payloads(ctx.params["count"]):
        ctx.send("item", payload)


@gostage.action("bench.send_many")
def send_many(ctx: gostage.ActionContext) -> None:
    ctx.send_many("item", payloads(ctx.params["count"]))


def bare_child(count: int) -> None:
    """The least there is to do: encode each message with msgspec, write blocks."""
    import msgspec

    Item = msgspec.defstruct("Item", [("type", str), ("payload", object)])  # noqa: N806  it is a class
    encode = msgspec.json.Encoder().encode
    block: list[bytes] = []
    size = 0
    for payload in payloads(count):
        line = encode(Item("item", payload)) + b"\n"
        block.append(line)
        size += len(line)
        if size >= BLOCK_BYTES:
            os.write(1, b"".join(block))
            block, size = [], 0
    os.write(1, b"".join(block))


def pipe_child(connection: Any, count: int) -> None:
    """For `multiprocessing.Pipe`."""
    for payload in payloads(count):
        connection.send(("item", payload))


def queue_child(queue: Any, count: int) -> None:
    """For `multiprocessing.Queue`."""
    for payload in payloads(count):
        queue.put(("item", payload))


if __name__ == "__main__":
    bare_child(int(sys.argv[1]))

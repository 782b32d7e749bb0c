"""Messages of the engine's children by either transport, to a handler that does nothing."""

from __future__ import annotations

import os
import tempfile
import threading
import time
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any

from gostage_sim import gostage
from gostage_sim.bench.processor import ProcessorTime
from gostage_sim.bench.spawn.bare import handle
from gostage_sim.bench.spawn.moments import percentile, warm_start
from gostage_sim.bench.spawn.ours import definition
from gostage_sim.bench.transport.grpcio import CHILD
from gostage_sim.gostage import transports


class _Start:
    """Opens the gate when the last child is ready, and knows when that was."""

    def __init__(self, gate: Path, children: int) -> None:
        os.mkfifo(gate)
        self.gate = gate
        self.begun = self.ended = 0.0
        self._children = children
        self._ready: set[int] = set()
        self._lock = threading.Lock()
        self._open = -1

    def ready(self, message: gostage.Message) -> None:
        with self._lock:
            self._ready.add(message.context.pid)
            if len(self._ready) == self._children:
                self.processor, self.begun = ProcessorTime(self._ready), time.perf_counter()
                self._open = os.open(self.gate, os.O_RDWR)  # who only writes would wait for who reads

    def finished(self, message: gostage.Message) -> None:
        self.ended = time.perf_counter()

    def close(self) -> None:
        os.close(self._open)


def _taken(
    action: str, transport: transports.Transport, children: int, count: int, size: int
) -> tuple[dict[str, float], list[float]]:
    """Seconds and processor time from the opened gate to the last result; and what the children say of their time."""
    times: list[list[float]] = []
    launcher = gostage.launchers.ChildModule([CHILD])
    with (
        tempfile.TemporaryDirectory(prefix="gostage-bench-") as folder,
        gostage.Runner(launcher=launcher, transport=transport) as runner,
    ):
        start = _Start(Path(folder, "gate"), children)
        for kind, handler in (
            ("ready", start.ready),
            ("item", handle),
            ("times", lambda message: times.append(message.payload)),
            ("workflow_result", start.finished),
        ):
            runner.broker.register_handler(kind, handler)
        flow = definition(action, count=count // children, size=size, gate=str(start.gate))
        for result in runner.spawn_all([flow] * children, max_parallel=children):
            result.raise_for_outcome()
            assert result.message_counts["item"] == count // children
        start.close()
        return {"": start.ended - start.begun, "cpu": start.processor.spent_s()}, sorted(chain(*times))


def _bulk(transport: transports.Transport, children: int, count: int, size: int) -> dict[str, float]:
    """`ctx.send_many`."""
    return _taken("bench.bulk", transport, children, count, size)[0]


def _each(transport: transports.Transport, children: int, count: int, size: int) -> dict[str, float]:
    """`ctx.send` one after another, and percentiles of what one takes: to the kernel, or by gRPC to the ack."""
    figures, times = _taken("bench.each", transport, children, count, size)
    return {**figures, "p50": percentile(times, 50), "p99": percentile(times, 99)}


_WINDOW, _EACH = transports.grpc(), transports.grpc(acknowledge="each")
json_bulk: Any = partial(_bulk, transports.json(), 1)
json_bulk_of_8: Any = partial(_bulk, transports.json(), 8)
grpc_bulk: Any = partial(_bulk, _WINDOW, 1)
grpc_bulk_of_8: Any = partial(_bulk, _WINDOW, 8)
json_each: Any = partial(_each, transports.json(), 1)
json_each_of_8: Any = partial(_each, transports.json(), 8)
grpc_each: Any = partial(_each, _EACH, 1)
grpc_each_of_8: Any = partial(_each, _EACH, 8)


def warm_start_by_grpc(count: int, size: int) -> float:
    """As `warm_start`, of children that send by gRPC."""
    return warm_start(count, size, transport=_WINDOW)

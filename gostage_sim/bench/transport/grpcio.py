"""The least there is to do with gRPC: plain grpcio, decode with msgspec, call."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator

import grpc
import msgspec

from gostage_sim.bench.processor import ProcessorTime
from gostage_sim.bench.spawn.bare import Item, handle
from gostage_sim.bench.transport.child import METHODS

CHILD = "gostage_sim.bench.transport.child"


class _Server(grpc.GenericRpcHandler):
    """Takes both kinds of calls, and knows when the first began."""

    def __init__(self) -> None:
        self.child: subprocess.Popen[bytes] | None = None
        self.begun: tuple[float, ProcessorTime] | None = None
        self.handled = 0
        self._decode = msgspec.json.Decoder(Item).decode

    def service(self, details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler[bytes, bytes] | None:
        if details.method == METHODS["unary"]:
            return grpc.unary_unary_rpc_method_handler(lambda request, _: self._take(request))
        return grpc.stream_unary_rpc_method_handler(self._take_all)

    def _take_all(self, requests: Iterator[bytes], context: grpc.ServicerContext) -> bytes:
        for request in requests:
            self._take(request)
        return b""

    def _take(self, frame: bytes) -> bytes:
        if self.begun is None:
            assert self.child is not None
            self.begun = time.perf_counter(), ProcessorTime([self.child.pid])
        for line in frame.splitlines():
            handle(self._decode(line))
            self.handled += 1
        return b""


def _taken(kind: str, count: int, size: int) -> dict[str, float]:
    from concurrent.futures import ThreadPoolExecutor

    ours = _Server()
    server = grpc.server(ThreadPoolExecutor(1), options=[("grpc.max_receive_message_length", -1)])
    server.add_generic_rpc_handlers([ours])
    port = server.add_insecure_port("127.0.0.1:0")
    ours.child = subprocess.Popen([sys.executable, "-m", CHILD, kind, str(port), str(count), str(size)])
    server.start()
    code = ours.child.wait()
    ended = time.perf_counter()
    server.stop(None).wait()
    assert (code, ours.handled) == (0, count)
    assert ours.begun is not None
    begun, processor = ours.begun
    return {"": ended - begun, "cpu": processor.spent_s()}


def grpcio_frames(count: int, size: int) -> dict[str, float]:
    """One stream, 256 messages a frame, or as many as a MiB holds."""
    return _taken("frames", count, size)


def grpcio_unary(count: int, size: int) -> dict[str, float]:
    """A call a message."""
    return _taken("unary", count, size)

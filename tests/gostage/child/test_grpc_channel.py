"""What a child's gRPC channel puts on the wire, seen by a plain grpcio server in this process."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from queue import SimpleQueue

import grpc

from gostage_sim.gostage.child.grpc_channel import BATCH_BYTES, GrpcChannel
from gostage_sim.gostage.wire.proto import gostage_pb2 as pb

WAIT_S = 30.0


class Parent(grpc.GenericRpcHandler):
    """Takes batches, and acknowledges each when it is told to."""

    def __init__(self) -> None:
        self.batches: SimpleQueue[bytes] = SimpleQueue()
        self.acknowledge: SimpleQueue[None] = SimpleQueue()

    def service(self, details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler[bytes, bytes]:
        if details.method == "/gostage.WorkflowIPC/SendMessage":
            return grpc.unary_unary_rpc_method_handler(lambda request, context: request)
        assert details.method == "/gostage.WorkflowIPC/SendLines"
        return grpc.stream_stream_rpc_method_handler(self._take)

    def _take(self, requests: Iterator[bytes], context: grpc.ServicerContext) -> Iterator[bytes]:
        received: SimpleQueue[int | None] = SimpleQueue()

        def read() -> None:
            for number, data in enumerate(requests, 1):
                self.batches.put(pb.LineBatch.FromString(data).lines)
                received.put(number)
            received.put(None)

        threading.Thread(target=read).start()
        while (number := received.get(timeout=WAIT_S)) is not None:
            self.acknowledge.get(timeout=WAIT_S)
            yield pb.BatchAck(batches=number).SerializeToString()


@contextmanager
def connected(window_bytes: int = 0) -> Iterator[tuple[Parent, GrpcChannel]]:
    parent = Parent()
    with ThreadPoolExecutor(2) as pool:
        server = grpc.server(pool, handlers=[parent])
        port = server.add_insecure_port("127.0.0.1:0")
        server.start()
        channel = GrpcChannel(f"127.0.0.1:{port}", "token", "w", window_bytes=window_bytes)
        try:
            yield parent, channel
        finally:
            for _ in range(100):
                parent.acknowledge.put(None)
            channel.close()
            server.stop(None).wait(WAIT_S)


def sent_while_one_is_on_its_way(channel: GrpcChannel, parent: Parent, send: Callable[[], object]) -> list[bytes]:
    """The batches of what is sent between the arrival of the first and its acknowledgement."""
    channel.write(b"first\n")
    assert parent.batches.get(timeout=WAIT_S) == b"first\n"
    send()
    for _ in range(100):
        parent.acknowledge.put(None)
    channel.flush()
    return [parent.batches.get_nowait() for _ in range(parent.batches.qsize())]


def test_what_is_sent_meanwhile_goes_into_one_batch() -> None:
    """While a batch is on its way, lines gather for the next one: a request costs much more than a line."""
    lines = [b"%d\n" % i for i in range(5)]
    with connected() as (parent, channel):

        def send() -> None:
            for line in lines:
                channel.write(line)
                assert channel.request(b"there and back") == b"there and back"  # a batch would have overtaken it

        batches = sent_while_one_is_on_its_way(channel, parent, send)
    assert batches == [b"".join(lines)]


def test_a_full_batch_does_not_wait() -> None:
    """So much as one request takes is sent before the one in front of it is acknowledged."""
    line = b"x" * (BATCH_BYTES - 1) + b"\n"
    with connected() as (parent, channel):
        channel.write(b"first\n")
        assert parent.batches.get(timeout=WAIT_S) == b"first\n"
        channel.write(line)
        assert parent.batches.get(timeout=WAIT_S) == line


def test_a_long_line_takes_several_batches() -> None:
    """It goes on in the next one, and nothing of it is lost or twice."""
    line = bytes(range(11, 256)) * (5 * BATCH_BYTES // 245) + b"\n"
    with connected() as (parent, channel):
        batches = sent_while_one_is_on_its_way(channel, parent, lambda: channel.write(b"short\n"))
        channel.write(line)
        channel.flush()
        batches += [parent.batches.get_nowait() for _ in range(parent.batches.qsize())]
    assert b"".join(batches) == b"short\n" + line
    assert max(map(len, batches)) == BATCH_BYTES


def test_a_window_smaller_than_a_batch() -> None:
    """Who waits for room gets it: the batch on its way is acknowledged, and then what has gathered is sent."""
    lines = [b"%099d\n" % i for i in range(20)]
    with connected(window_bytes=300) as (parent, channel):
        for _ in range(30):
            parent.acknowledge.put(None)
        for line in lines:
            channel.write(line)
        channel.flush()
        batches = [parent.batches.get_nowait() for _ in range(parent.batches.qsize())]
    assert b"".join(batches) == b"".join(lines)
    assert max(map(len, batches)) <= 300

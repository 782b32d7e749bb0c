"""The child's end of the gRPC transport: the same lines as over JSON, in batches, acknowledged by the parent.

`send` puts a line into a bounded window and returns; a thread of gRPC's sends what has gathered there while the batch
before was on its way, so that batches are as large as the parent is slow. What is acknowledged will be handled, even if
this process is killed.

A parent that does not know `SendLines` gets every message in a `SendMessage` of its own, one after another.
"""

from __future__ import annotations

import contextlib
import os
from _thread import RLock
from collections import deque
from collections.abc import Callable, Iterator
from threading import Condition, Lock, Thread
from typing import Any

import grpc

from gostage_sim.gostage.child import TOKEN_METADATA
from gostage_sim.gostage.child.channel import FORKED, JsonChannel
from gostage_sim.gostage.errors import ChannelClosedError
from gostage_sim.gostage.grpc_ends import LAST_WORDS, keep_alive, own_grpc
from gostage_sim.gostage.wire.batches import acknowledged_batches, batch_of

BATCH_BYTES = 512 * 1024
"""In one request; a longer line takes several. While one is on its way, so much is gathered before the next."""
WINDOW_BYTES = 1024 * 1024
_OPTIONS = (
    ("grpc.enable_http_proxy", 0),  # the parent is on this machine, whatever the environment says
    ("grpc.enable_retries", 0),  # a message that is sent again might be handled twice
    ("grpc.max_send_message_length", -1),  # what is too long is the parent's to say
    ("grpc.use_local_subchannel_pool", 1),  # a connection of its own
    ("grpc.http2.max_frame_size", 1024 * 1024),
    ("grpc.http2.write_buffer_size", 1024 * 1024),
)


class GrpcChannel(JsonChannel):
    """Sends messages to the parent's gRPC server. Several threads may send; a line is never torn."""

    def __init__(
        self,
        target: str,
        token: str,
        workflow_id: str,
        *,
        acknowledge_each: bool = False,
        window_bytes: int = 0,
        keep_alive_ms: int = 0,
    ) -> None:
        own_grpc()
        super().__init__(-1)
        self.target, self.token = target, token
        self.on_acknowledged: Callable[[int], object] | None = None
        """Called with how many bytes of all are acknowledged, before anybody who waits for that goes on."""
        self._owner = os.getpid()
        self._workflow_id = workflow_id
        self._each = acknowledge_each
        self._window_bytes = window_bytes or WINDOW_BYTES
        self._make_conditions()
        self._waiting: deque[bytes | memoryview] = deque()  # lines that are in no batch yet
        self._in_flight: deque[bytes] = deque()  # batches that are not acknowledged
        self._put_bytes = self._waiting_bytes = self._acknowledged_bytes = 0
        self._ended: str | None = None  # why nothing is sent any more
        self._finishing = self._one_by_one = False
        self._metadata = ((TOKEN_METADATA, token),) if token else ()
        self._connection = grpc.insecure_channel(_with_family(target), options=(*_OPTIONS, *keep_alive(keep_alive_ms)))
        self._sender = Thread(target=self._send_all, name="gostage-grpc", daemon=True)
        self._sender.start()

    def _make_conditions(self) -> None:
        lock = Lock()
        self._filled = Condition(lock)  # there is something for the sender to do
        self._emptied = Condition(lock)  # there is more room, or an acknowledgement

    # --- for who sends ----------------------------------------------------------------------------------------------

    def flush(self) -> None:
        """Wait until everything sent so far is acknowledged. ChannelClosedError when that will not be."""
        with self._emptied:
            self._wait_for(self._put_bytes)

    def request(self, data: bytes) -> bytes:
        """The answer to a `SendMessage` with these bytes, for those who test parents; raises as grpc does."""
        call: Any = self._connection.unary_unary("/gostage.WorkflowIPC/SendMessage")
        answer: bytes = call(data, metadata=self._metadata)
        return answer

    def close(self) -> None:
        """Send what is left, end the call and the connection. Raises nothing when the parent is gone."""
        if self._owner != os.getpid():
            return
        with self._filled:
            self._finishing = True
            self._filled.notify()
        self._sender.join()
        self._connection.close()

    def abandon(self) -> None:
        """This process is a fork of the child's: it has none of its threads, and nothing to say."""
        self._lock = RLock()
        self._make_conditions()
        self._is_fork, self._ended = True, FORKED

    def _write(self, data: bytes) -> None:
        """Queue it as soon as there is room; a line that is longer than the window goes into an empty one."""
        with self._emptied:
            while self._ended is None and not self.has_room(len(data)):
                self._emptied.wait()
            self._require_open()
            if data:
                self._waiting.append(data)
                self._put_bytes += len(data)
                self._waiting_bytes += len(data)
                if self._is_due:
                    self._filled.notify()
            if self._each:
                self._wait_for(self._put_bytes)
        self._until_bulk -= len(data)
        if self._until_bulk <= 0:
            self._prepare_for_bulk()

    def has_room(self, size: int) -> bool:
        """Whether so many bytes would be queued at once, or wait for the parent."""
        return not self._held_bytes or self._held_bytes + size <= self._window_bytes

    @property
    def _held_bytes(self) -> int:
        return self._put_bytes - self._acknowledged_bytes

    def _wait_for(self, position: int) -> None:
        while self._acknowledged_bytes < position:
            self._require_open()
            self._emptied.wait()

    def _require_open(self) -> None:
        if self._is_fork:
            raise ChannelClosedError(FORKED)
        if self._ended is not None:
            raise ChannelClosedError(f"the parent no longer takes this child's messages: {self._ended}")

    # --- the sender's thread, and gRPC's that takes the batches -----------------------------------------------------

    def _send_all(self) -> None:
        ended = "the parent ended the call"
        try:
            try:
                self._send_lines()
            except grpc.RpcError as error:
                if error.code() is not grpc.StatusCode.UNIMPLEMENTED:
                    raise
                self._send_messages()
        except grpc.RpcError as error:
            ended = f"{error.code().name}: {error.details()}"
        except Exception as error:
            ended = f"{type(error).__name__}: {error}"
        with self._emptied:
            self._ended = ended
            lost = not self._finishing or self._held_bytes
            self._filled.notify_all()
            self._emptied.notify_all()
        if lost:  # nowhere else would it be seen
            with contextlib.suppress(OSError):
                os.write(2, f"{LAST_WORDS}{ended}\n".encode())

    def _send_lines(self) -> None:
        """In batches; the parent says how many it has."""
        acknowledged = 0
        send: Any = self._connection.stream_stream("/gostage.WorkflowIPC/SendLines")
        for ack in send(self._batches(), metadata=self._metadata):
            with self._emptied:
                batches = acknowledged_batches(ack)
                new = min(batches - acknowledged, len(self._in_flight))
                acknowledged = batches
                self._acknowledge(sum(len(self._in_flight.popleft()) for _ in range(new)))

    def _acknowledge(self, count: int) -> None:
        self._acknowledged_bytes += count
        if self.on_acknowledged is not None:
            self.on_acknowledged(self._acknowledged_bytes)
        self._emptied.notify_all()
        if self._is_due:
            self._filled.notify()

    def _batches(self) -> Iterator[bytes]:
        while batch := self._next_batch():
            yield batch_of(batch)

    def _next_batch(self) -> bytes:
        """What is to be sent next; nothing when nothing will follow."""
        with self._filled:
            while not (self._is_due or self._finishing or self._one_by_one or self._ended):
                self._filled.wait()
            if self._one_by_one:
                return b""
            batch = self._take_batch()
            if batch:
                self._in_flight.append(batch)
            return batch

    @property
    def _is_due(self) -> bool:
        """A request costs a good part of a millisecond, and what comes meanwhile goes into the next one."""
        return bool(self._waiting) and (not self._in_flight or self._waiting_bytes >= BATCH_BYTES)

    def _take_batch(self) -> bytes:
        """As much of what is waiting as one request takes."""
        waiting, pieces, size = self._waiting, list[bytes | memoryview](), 0
        while waiting and size + len(waiting[0]) <= BATCH_BYTES:
            pieces.append(waiting.popleft())
            size += len(pieces[-1])
        if waiting and not pieces:  # one that is longer; cut without a copy of the rest of it
            view = memoryview(waiting[0])
            pieces.append(view[:BATCH_BYTES])
            waiting[0] = view[BATCH_BYTES:]
        batch = b"".join(pieces)
        self._waiting_bytes -= len(batch)
        return batch

    def _send_messages(self) -> None:
        """One by one, beginning with what the refused batches hold."""
        from gostage_sim.gostage.wire.mapping import to_proto
        from gostage_sim.gostage.wire.messages import UNSAID, Origin, decode_line
        from gostage_sim.gostage.wire.proto.gostage_pb2_grpc import WorkflowIPCStub

        stub: Any = WorkflowIPCStub(self._connection)  # type: ignore[no-untyped-call]  # generated
        origin = Origin(self._workflow_id, os.getpid(), "")
        with self._filled:
            self._one_by_one = True
            self._filled.notify_all()
            self._waiting.extendleft(reversed(self._in_flight))
            self._in_flight.clear()
        place = UNSAID
        for sequence, line in enumerate(self._lines(), 1):
            message = decode_line(line)
            place = place if message._where is UNSAID else message._where
            message._where, message._origin, message._sequence = place, origin, sequence
            stub.SendMessage(to_proto(message), metadata=self._metadata)
            with self._emptied:
                self._acknowledge(len(line))

    def _lines(self) -> Iterator[bytes]:
        """Whole lines with their newline, as they come; what is in the window always ends with one."""
        while True:
            with self._filled:
                while not self._waiting and not self._finishing:
                    self._filled.wait()
                lines = [line + b"\n" for line in b"".join(self._waiting).split(b"\n")[:-1]]
                self._waiting.clear()
            if not lines:
                return
            yield from lines


def _with_family(target: str) -> str:
    """A number as a number, for which gRPC does not start its resolver."""
    if target.startswith("["):
        return f"ipv6:{target}"
    return f"ipv4:{target}" if target.replace(".", "").replace(":", "").isdigit() else target

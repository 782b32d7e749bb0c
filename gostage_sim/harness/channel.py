"""What stands around a child's channel: it journals every message before the wire and stops at the points of faults.

A stop is a place in the stream of messages where something has to happen: a gate or a fault. Everything is done under
one lock, so that a point means the same however many threads send.
"""

from __future__ import annotations

from _thread import RLock
from collections import deque
from contextlib import suppress
from fcntl import F_GETPIPE_SZ, fcntl
from functools import lru_cache
from select import PIPE_BUF, POLLOUT, poll
from zlib import crc32

from gostage_sim.gostage.child.channel import BLOCK_BYTES
from gostage_sim.gostage.wire.encode import (
    NOWHERE,
    encode_frame,
    encode_place,
    encode_start,
    encode_value,
    place_first,
    unsendable,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any

    from gostage_sim.gostage.child.channel import JsonChannel
    from gostage_sim.gostage.child.grpc_channel import GrpcChannel
    from gostage_sim.gostage.context import ActionContext
    from gostage_sim.history.journal import Journal


def message_crc(type: str, payload: Any) -> int:
    """What journals record of a message: CRC-32 of its line as the engine's child writes it, context left out.

    The same on both sides of the wire: the encoder is one and the same, and decoding keeps the order of keys, the
    digits of floats and the kind of every value. The time that a log line bears is left out too: a run with the same
    seed sends the same messages at another time.
    """
    if type == "log" and isinstance(payload, dict):
        payload = {key: value for key, value in payload.items() if key != "time"}
    return crc32(encode_value(payload).encode(), _crc_of_start(type))


@lru_cache(maxsize=1024)
def _crc_of_start(type: str) -> int:
    return crc32(encode_start(type))


def _suffix(context: ActionContext | None) -> bytes:
    """The end of a line sent by this action."""
    return NOWHERE if context is None else _place(context.stage.id, context.action.name)


_place = lru_cache(maxsize=64)(encode_place)


def _what_it_says(result: dict[str, Any]) -> str:
    if result.get("success") is True:
        return "success"
    error = result.get("error")
    facts = error if isinstance(error, dict) else {}
    if facts.get("exited") is True:
        return "exit"
    return "panic" if facts.get("panicked") is True else "failure"


def _error_of(result: dict[str, Any]) -> dict[str, Any] | None:
    """`{"type", "errno"}` of the error that it tells of; the second where there is one."""
    error = result.get("error")
    return {key: error[key] for key in ("type", "errno") if key in error} if isinstance(error, dict) else None


class Stop:
    """Run `action` when message `message` (from 1; 0: before the first) was written, or `byte` bytes of it."""

    __slots__ = ("action", "byte", "message")

    def __init__(self, message: int, action: Callable[[], None], byte: int | None = None) -> None:
        self.message = message
        self.byte = byte
        self.action = action

    def order(self) -> tuple[int, float]:
        return (self.message, float("inf") if self.byte is None else self.byte)


class JournallingChannel:
    """Writes to a channel the bytes that the channel itself would write, and leaves a record of each message.

    It stands around stdout first, and goes on around the gRPC connection of a child that has one. A message is handed
    over when nothing that happens to this process can lose it any more: over JSON when its bytes are in the kernel, by
    gRPC when the parent has acknowledged them. At a stop all that was sent so far is handed over.

    With `by_grpc` nothing is handed over before there is a connection: the parent does not read stdout for messages.
    """

    def __init__(
        self, inner: JsonChannel, journal: Journal, journal_lock: Any, stops: list[Stop], *, by_grpc: bool = False
    ) -> None:
        self.count = 0
        """Messages written so far."""
        self.offset = 0
        """Bytes written so far."""
        self.before_each: list[Callable[[], None]] = []
        self.stdout_fd = inner.fd
        """The private descriptor of the real stdout."""
        self.connection: GrpcChannel | None = None
        """Once the child sends by gRPC."""
        self._inner = inner
        self._by_grpc = by_grpc
        self._journal = journal
        self._journal_lock = journal_lock
        self._stops = sorted(stops, key=Stop.order)
        self._order = RLock()
        self._unacknowledged: deque[tuple[int, int]] = deque()  # after so many bytes there were so many messages
        self._requested = 0  # bytes in requests of their own
        self._longest_bits = 16  # of the longest line so far, or of one of 64 KiB
        self._waits = 0  # writes for which there was no room
        self._writable = poll()
        self._writable.register(inner.fd, POLLOUT)

    def go_on_with(self, connection: GrpcChannel) -> None:
        """Send by gRPC from here on; offsets count the bytes of the connection."""
        self.offset = 0
        connection.on_acknowledged = self._acknowledged
        self._inner = self.connection = connection

    def send(self, type: str, payload: Any, context: ActionContext | None = None) -> None:
        """One message; when it returns, the points behind it are passed."""
        suffix = _suffix(context)
        body = encode_frame(type, payload, b"")
        if type == "workflow_result" and isinstance(payload, dict):
            with self._journal_lock:
                self._journal.event("result", says=_what_it_says(payload), error=_error_of(payload))
        self._emit(type, [body + suffix], [message_crc(type, payload) if type == "log" else crc32(body)])

    def send_many(self, type: str, payloads: Iterable[Any], context: ActionContext | None = None) -> None:
        """Many messages of one type, in blocks that end where something has to happen."""
        prefix, start = encode_start(type), _crc_of_start(type)
        first = place_first(_suffix(context), prefix)
        frames: list[bytes] = []
        sums: list[int] = []
        size = 0
        try:
            for payload in payloads:
                body = encode_value(payload).encode()
                sums.append(message_crc(type, payload) if type == "log" else crc32(body, start))
                frames.append(b"%b%b}\n" % (prefix if frames else first, body))
                size += len(prefix) + len(body) + 2
                if size >= BLOCK_BYTES:
                    ready, ready_sums, frames, sums, size = frames, sums, [], [], 0
                    self._emit(type, ready, ready_sums, first)
        except (TypeError, ValueError, RecursionError) as error:
            raise unsendable(type, error) from error
        finally:
            self._emit(type, frames, sums, first)

    def write_raw(self, data: bytes, facts: dict[str, Any], message: tuple[str, Any] | None) -> None:
        """Bytes of a fault, journalled with their offset; `message` counts as sent."""
        with self._order:
            self._look_ahead(len(data), len(data))
            with self._journal_lock:
                self._journal.event("raw", offset=self.offset, length=len(data), **facts)
                if message is not None:
                    self._journal.sending(message[0], message_crc(*message))
            self._write(data, messages=message is not None)
            if message is not None:
                self._pass_points()

    def request(self, data: bytes, facts: dict[str, Any]) -> None:
        """These bytes as a gRPC request of their own, behind all that was sent, journalled; raises as grpc does."""
        assert self.connection is not None, "only a child by gRPC makes requests"
        with self._order:
            self.flush()
            with self._journal_lock:
                self._journal.event("raw", offset=self._requested, length=len(data), request=True, **facts)
            self._requested += len(data)
            self.connection.request(data)

    def flush(self) -> None:
        """Wait until all that was sent is handed over."""
        self._inner.flush()

    def close(self) -> None:
        """End the channel."""
        self._inner.close()

    def pass_all_points(self) -> None:
        """Stop at all points that are left, in their order, although their messages were never sent."""
        with self._order:
            while self._stops:
                self._strike()

    def _emit(self, type: str, frames: list[bytes], sums: list[int], first: bytes = b"") -> None:
        """Write them with what has to happen between them. `first` begins the first of several, which says for all of
        them where they come from; and another one after something else was sent in their midst."""
        with self._order:
            self._pass_points()
            position = offset = 0
            while position < len(frames):
                for action in tuple(self.before_each):
                    action()
                if position and self.offset != offset:
                    frames[position] = first + frames[position][len(encode_start(type)) :]
                room = self._room(1 if self.before_each else len(frames) - position)
                if room:
                    part = frames[position : position + room]
                    offset = self.offset + sum(map(len, part))
                    self._write_whole(type, part, sums[position : position + room])
                    position += len(part)
                else:
                    offset = self.offset + len(frames[position])
                    self._write_in_pieces(type, frames[position], sums[position])
                    position += 1
                self._pass_points()

    def _room(self, waiting: int) -> int:
        """How many of the waiting messages may go out in one write; 0 when the next one has a stop inside."""
        stop = self._next_stop()
        return waiting if stop is None else min(waiting, stop.message - self.count - (stop.byte is not None))

    def _write_whole(self, type: str, frames: list[bytes], sums: list[int]) -> None:
        data = frames[0] if len(frames) == 1 else b"".join(frames)
        self._look_ahead(len(data), max(map(len, frames)))
        sending = self._journal.sending
        with self._journal_lock:
            for crc in sums:
                sending(type, crc)
        self._write(data, messages=len(frames))

    def _write_in_pieces(self, type: str, frame: bytes, crc: int) -> None:
        self._look_ahead(len(frame), len(frame))
        with self._journal_lock:
            self._journal.sending(type, crc)
        start, done = self.offset, 0
        while (stop := self._next_stop()) is not None and stop.message == self.count + 1 and stop.byte is not None:
            if stop.byte > len(frame):
                break  # no message is so long: it cannot strike, and is passed with the message
            self._write(frame[done : stop.byte], messages=0)
            done = stop.byte
            with self._journal_lock:
                self._journal.event("cut", offset=start, length=done)
            self._strike()
        with self._journal_lock:  # who dies from here on dies with more of it written, nobody knows how much
            self._journal.event("cut", offset=start, length=done, up_to=len(frame))
        self._write(frame[done:], messages=1)

    def _write(self, data: bytes, messages: int) -> None:
        """Bytes that complete so many messages."""
        if self.connection is None:
            self._inner.write(data)
        else:
            self._unacknowledged.append((self.offset + len(data), self.count + messages))
            self.connection.write(data)  # its acknowledgement may be here before this returns
        self.offset += len(data)
        self.count += messages
        if messages and not self._by_grpc:
            with self._journal_lock:
                self._journal.handed_over(self.count, self.offset)

    def _look_ahead(self, size: int, longest: int) -> None:
        """Take notice when the next write has to wait for the parent, because there is no room for it, and when one of
        its lines is longer than those before. Recorded each time that either is twice as much as before."""
        if longest >> self._longest_bits:
            self._longest_bits = longest.bit_length()
            with self._journal_lock:
                self._journal.event("longest", below=1 << self._longest_bits)
        if not self._has_room(size):
            self._waits += 1
            if self._waits & (self._waits - 1) == 0:
                with self._journal_lock:
                    self._journal.event("full", writes=self._waits)

    def _has_room(self, size: int) -> bool:
        """Whether so many bytes need not wait for the parent; more than the pipe holds, or the window, always do."""
        if self.connection is not None:
            return self.connection.has_room(size)
        if size > PIPE_BUF:
            with suppress(OSError):  # it is no pipe
                if size > fcntl(self.stdout_fd, F_GETPIPE_SZ):
                    return False
        return bool(self._writable.poll(0))

    def _acknowledged(self, size: int) -> None:
        """In the connection's thread: the parent has so many bytes of all."""
        count = 0
        while self._unacknowledged and self._unacknowledged[0][0] <= size:
            _, count = self._unacknowledged.popleft()
        if count:
            with self._journal_lock:
                self._journal.handed_over(count, size)

    def _next_stop(self) -> Stop | None:
        return self._stops[0] if self._stops else None

    def _pass_points(self) -> None:
        while (stop := self._next_stop()) is not None and stop.message <= self.count:
            # Else its message was shorter, or one that a fault wrote in one piece: it cannot strike any more.
            if stop.byte is None:
                self._strike()
            else:
                del self._stops[0]

    def _strike(self) -> None:
        """The next stop, with all that was sent handed over."""
        self.flush()
        self._stops.pop(0).action()

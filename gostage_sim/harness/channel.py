"""The child's channel to the engine, which journals every message before the wire and stops at the points of faults.

A stop is a place in the stream of messages where something has to happen: a gate or a fault. Everything is done under
one lock, so that a point means the same however many threads send.
"""

from __future__ import annotations

from _thread import RLock
from functools import lru_cache
from zlib import crc32

from gostage_sim.gostage.child.channel import BLOCK_BYTES, JsonChannel
from gostage_sim.gostage.wire.encode import encode_frame, encode_start, encode_value, unsendable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any

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


def _what_it_says(result: dict[str, Any]) -> str:
    if result.get("success") is True:
        return "success"
    error = result.get("error")
    facts = error if isinstance(error, dict) else {}
    if facts.get("exited") is True:
        return "exit"
    return "panic" if facts.get("panicked") is True else "failure"


class Stop:
    """Run `action` when message `message` (from 1; 0: before the first) was written, or `byte` bytes of it."""

    __slots__ = ("action", "byte", "message")

    def __init__(self, message: int, action: Callable[[], None], byte: int | None = None) -> None:
        self.message = message
        self.byte = byte
        self.action = action

    def order(self) -> tuple[int, float]:
        return (self.message, float("inf") if self.byte is None else self.byte)


class JournallingChannel(JsonChannel):
    """A `JsonChannel` that writes the same bytes and leaves a record of each message."""

    def __init__(self, fd: int, journal: Journal, journal_lock: Any, stops: list[Stop]) -> None:
        super().__init__(fd)
        self.count = 0
        """Messages written so far."""
        self.offset = 0
        """Bytes written so far."""
        self.before_each: list[Callable[[], None]] = []
        self._journal = journal
        self._journal_lock = journal_lock
        self._stops = sorted(stops, key=Stop.order)
        self._order = RLock()

    def send(self, type: str, payload: Any, context: ActionContext | None = None) -> None:
        """One message; when it returns, the bytes are in the kernel and the points behind it are passed."""
        suffix = self._suffix(context)
        body = encode_frame(type, payload, b"")
        if type == "workflow_result" and isinstance(payload, dict):
            with self._journal_lock:
                self._journal.event("result", says=_what_it_says(payload))
        self._emit(type, [body + suffix], [message_crc(type, payload) if type == "log" else crc32(body)])

    def send_many(self, type: str, payloads: Iterable[Any], context: ActionContext | None = None) -> None:
        """Many messages of one type, in blocks that end where something has to happen."""
        suffix = self._suffix(context)
        prefix, start = encode_start(type), _crc_of_start(type)
        frames: list[bytes] = []
        sums: list[int] = []
        size = 0
        try:
            for payload in payloads:
                body = encode_value(payload).encode()
                sums.append(message_crc(type, payload) if type == "log" else crc32(body, start))
                frames.append(b"%b%b%b" % (prefix, body, suffix))
                size += len(frames[-1])
                if size >= BLOCK_BYTES:
                    ready, ready_sums, frames, sums, size = frames, sums, [], [], 0
                    self._emit(type, ready, ready_sums)
        except (TypeError, ValueError, RecursionError) as error:
            raise unsendable(type, error) from error
        finally:
            self._emit(type, frames, sums)

    def write_raw(self, data: bytes, facts: dict[str, Any], message: tuple[str, Any] | None) -> None:
        """Bytes of a fault, journalled with their offset; `message` counts as sent."""
        with self._order:
            with self._journal_lock:
                self._journal.event("raw", offset=self.offset, length=len(data), **facts)
                if message is not None:
                    self._journal.sending(message[0], message_crc(*message))
            self._write(data)
            self.offset += len(data)
            if message is not None:
                self.count += 1
                with self._journal_lock:
                    self._journal.written(self.count)
                self._pass_points()

    def pass_all_points(self) -> None:
        """Stop at all points that are left, in their order, although their messages were never sent."""
        with self._order:
            while self._stops:
                self._stops.pop(0).action()

    def _emit(self, type: str, frames: list[bytes], sums: list[int]) -> None:
        with self._order:
            self._pass_points()
            position = 0
            while position < len(frames):
                for action in tuple(self.before_each):
                    action()
                room = 1 if self.before_each else self._room(len(frames) - position)
                if room:
                    part = frames[position : position + room]
                    self._write_whole(type, part, sums[position : position + room])
                    position += len(part)
                else:
                    self._write_in_pieces(type, frames[position], sums[position])
                    position += 1
                self._pass_points()

    def _room(self, waiting: int) -> int:
        """How many of the waiting messages may go out in one write; 0 when the next one has a stop inside."""
        stop = self._next_stop()
        return waiting if stop is None else min(waiting, stop.message - self.count - (stop.byte is not None))

    def _write_whole(self, type: str, frames: list[bytes], sums: list[int]) -> None:
        data = frames[0] if len(frames) == 1 else b"".join(frames)
        sending = self._journal.sending
        with self._journal_lock:
            for crc in sums:
                sending(type, crc)
        self._write(data)
        self.offset += len(data)
        self.count += len(frames)
        with self._journal_lock:
            self._journal.written(self.count)

    def _write_in_pieces(self, type: str, frame: bytes, crc: int) -> None:
        with self._journal_lock:
            self._journal.sending(type, crc)
        start, done = self.offset, 0
        while (stop := self._next_stop()) is not None and stop.message == self.count + 1 and stop.byte is not None:
            if stop.byte > len(frame):
                break  # no message is so long: it cannot strike, and is passed with the message
            del self._stops[0]
            self._write(frame[done : stop.byte])
            done = stop.byte
            self.offset = start + done
            with self._journal_lock:
                self._journal.event("cut", offset=start, length=done)
            stop.action()
        self._write(frame[done:])
        self.offset = start + len(frame)
        self.count += 1
        with self._journal_lock:
            self._journal.written(self.count)

    def _next_stop(self) -> Stop | None:
        return self._stops[0] if self._stops else None

    def _pass_points(self) -> None:
        while (stop := self._next_stop()) is not None and stop.message <= self.count:
            del self._stops[0]
            # Else its message was shorter, or one that a fault wrote in one piece: it cannot strike any more.
            if stop.byte is None:
                stop.action()

"""The frames of a child's gRPC calls, made into messages.

A batch of lines is a piece of the same stream that the JSON transport has on a pipe, and is read by the same reader; a
single message is protobuf, as programs in other languages send it.
"""

from __future__ import annotations

from google.protobuf.message import DecodeError

from gostage_sim.gostage.spawn.inlet import Frame, Kind
from gostage_sim.gostage.spawn.readers import EXCERPT_BYTES, LineReader, PutAway, reason, too_long
from gostage_sim.gostage.wire.mapping import from_proto
from gostage_sim.gostage.wire.messages import DECODE_ERRORS, Message
from gostage_sim.gostage.wire.proto import gostage_pb2 as pb


class FrameReader:
    """Reads frames of all kinds, in the order they were taken. An offset in quarantine counts the bytes of its kind."""

    def __init__(self, max_message_bytes: int, put_away: PutAway) -> None:
        self._max = max_message_bytes
        self._put_away = put_away
        self._lines = LineReader(max_message_bytes, put_away)
        self._offset = 0

    def feed(self, frame: Frame, /) -> list[Message]:
        if frame.kind is Kind.LINES:
            return self._read_lines(frame.data)
        if frame.kind is Kind.END_OF_LINES:
            return self.finish()
        return self._read_message(frame.data)

    def finish(self) -> list[Message]:
        messages = self._lines.finish()
        self._lines = LineReader(self._max, self._put_away)
        return messages

    def _read_lines(self, data: bytes) -> list[Message]:
        try:
            lines = pb.LineBatch.FromString(data).lines
        except DecodeError as error:
            self._refuse(data, f"not a LineBatch: {error}")
            return []
        return self._lines.feed(lines)

    def _read_message(self, data: bytes) -> list[Message]:
        try:
            if len(data) > self._max:
                raise ValueError(too_long(self._max))
            message = from_proto(data)
        except DECODE_ERRORS as error:
            self._refuse(data, reason(error))
            return []
        self._offset += len(data)
        return [message]

    def _refuse(self, data: bytes, why: str) -> None:
        self._put_away(self._offset, len(data), why, data[:EXCERPT_BYTES])
        self._offset += len(data)

"""Messages as the parent's handlers see them, and the decoder of a line.

Format: one JSON object a line, `{"type": …, "payload": …}`. Extra keys are ignored; ours adds `context`, which says
where in the child's workflow the message was sent. A line without it was sent where the line before it was; in a block
of lines the first one says it.
"""

from __future__ import annotations

from codecs import getincrementaldecoder
from functools import lru_cache
from typing import Any

import msgspec


class MessageContext(msgspec.Struct, frozen=True):
    """Where a message comes from. Workflow, pid and session are what the parent knows, the rest is the child's word."""

    workflow_id: str
    stage_id: str = ""
    action_name: str = ""
    pid: int = 0
    is_child: bool = False
    session_id: str = ""
    sequence: int = 0
    """Position in the child's stream, from 1, as the parent counted."""


class Origin(msgspec.Struct, frozen=True):
    """The part of a message's context that is the same for a whole session."""

    workflow_id: str
    pid: int
    session_id: str
    is_child: bool = True


class _Where(msgspec.Struct):
    """What a child says of its place, on the wire under `context`."""

    stage_id: str = ""
    action_name: str = ""


@lru_cache(maxsize=64)  # an action says the same with each of its messages
def _read_where(data: bytes) -> _Where:
    if not data:
        return _Where()
    try:
        return msgspec.json.decode(data, type=_Where)
    except DECODE_ERRORS:
        return _Where()  # a foreign child may use the key for something of its own


UNSAID = msgspec.Raw(b"")
"""The place of a line that does not say it: that of the line before it."""


class Message(msgspec.Struct, gc=False):  # JSON holds no cycles, and untracked objects are cheaper
    """One message: its type, and its payload as decoded from JSON."""

    type: str
    payload: Any = None
    _where: msgspec.Raw = msgspec.field(default=UNSAID, name="context")
    # Set by the session after decoding, whatever a child may have written under these names.
    _origin: Any = None
    _sequence: Any = 0

    @property
    def origin(self) -> Origin:
        """The part of `context` that the parent knows by itself; costs nothing."""
        origin: Origin = self._origin
        return origin

    @property
    def context(self) -> MessageContext:
        """Where it comes from; made when asked for, because most handlers do not ask."""
        origin = self.origin
        where = _read_where(bytes(self._where))
        return MessageContext(
            workflow_id=origin.workflow_id,
            stage_id=where.stage_id,
            action_name=where.action_name,
            pid=origin.pid,
            is_child=origin.is_child,
            session_id=origin.session_id,
            sequence=self._sequence,
        )

    def let_go_of_line(self) -> None:
        """Copy the little that is left undecoded, which is a view of the whole line and would keep it in memory."""
        self._where = self._where.copy()

    def came_like(self, other: Message) -> None:
        """Take over where `other` came from: for a message put in its place."""
        self._where, self._origin, self._sequence = other._where, other._origin, other._sequence


_PIECE_BYTES = 1024 * 1024  # so much of a long line is text in memory beside it

decode_line = msgspec.json.Decoder(Message).decode


def require_text(line: bytes | bytearray) -> None:
    """UnicodeDecodeError for a line that is not UTF-8. The decoder does not look at what it skips: keys it does not
    know, and the context, which is decoded when it is asked for."""
    if line.isascii():
        return
    if len(line) <= _PIECE_BYTES:
        str(line, "utf-8")
    else:
        decode, view = getincrementaldecoder("utf-8")().decode, memoryview(line)
        for start in range(0, len(line), _PIECE_BYTES):
            decode(view[start : start + _PIECE_BYTES])
        decode(b"", final=True)


#: What `decode_line` raises for bytes that are no message. A 100,000-deep document raises RecursionError, bytes that
#: are not UTF-8 UnicodeDecodeError; neither is a msgspec error.
DECODE_ERRORS = (msgspec.MsgspecError, ValueError, RecursionError)

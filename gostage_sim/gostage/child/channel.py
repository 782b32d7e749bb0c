"""The child's end of the JSON transport: whole lines, written to a private descriptor.

The real stdout moves to a descriptor that closes on exec and on fork, and fd 1 points at stderr, so that a stray
`print`, a C library or a grandchild can neither corrupt the protocol nor hold it open.
"""

from __future__ import annotations

import os
import sys
from _thread import RLock
from errno import EBADF, EPIPE

from gostage_sim.gostage.errors import ChannelClosedError
from gostage_sim.gostage.wire.encode import (
    NOWHERE,
    encode_payload,
    encode_place,
    encode_start,
    place_first,
    unsendable,
)

TYPE_CHECKING = False  # see gostage/__init__.py
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any

    from gostage_sim.gostage.context import ActionContext

BLOCK_BYTES = 64 * 1024
"""How much `send_many` gathers for one write: as much as a pipe holds by default."""


BULK_BYTES = 1024 * 1024
"""After how much a quicker encoder is worth its import, which takes 10 ms."""


FORKED = "the parent takes no messages of this process: it is a fork of the child"


def guard_stdout() -> int:
    """Move stdout to a private descriptor and return it; fd 1 is stderr from here on."""
    private = os.dup(1)  # not inheritable, so it closes on exec (PEP 446)
    os.dup2(2, 1)
    return private


def point_at_nothing(fd: int) -> None:
    """What is written to it from here on fails; not closed, because the next file opened would get its number."""
    nothing = os.open(os.devnull, os.O_RDONLY)
    if nothing != fd:
        os.dup2(nothing, fd, inheritable=False)
        os.close(nothing)


class JsonChannel:
    """Sends messages as JSON lines. Several threads may send; a line is never torn."""

    def __init__(self, fd: int) -> None:
        self.fd = fd
        self._lock = RLock()
        self._suffixes: tuple[ActionContext | None, bytes] = (None, NOWHERE)
        self._writing = False
        self._torn = self._is_fork = False
        self._later: list[bytes] = []
        self._encode: Callable[[Any], bytes] = encode_payload
        self._until_bulk = BULK_BYTES

    def send(self, type: str, payload: Any, context: ActionContext | None = None) -> None:
        """One message; when it returns, the bytes are in the kernel."""
        known, suffix = self._suffixes
        if context is not known:
            suffix = self._suffix(context)
        try:
            frame = b"".join((encode_start(type), self._encode(payload), suffix))
        except (TypeError, ValueError, RecursionError) as error:
            raise unsendable(type, error) from error
        self.write(frame)

    def write(self, data: bytes) -> None:
        """Lines as they are, for who encodes them; and bytes that are none, for those who test parents."""
        with self._lock:
            self._write(data)

    def flush(self) -> None:
        """Everything sent is in the kernel already."""

    def abandon(self) -> None:
        """This process is a fork of the child's, and has nothing to say."""
        self._is_fork = True
        self._lock = RLock()  # who held it is not in this process
        point_at_nothing(self.fd)

    def close(self) -> None:
        """The descriptor goes with the process: whoever is left in it may still send."""

    def send_many(self, type: str, payloads: Iterable[Any], context: ActionContext | None = None) -> None:
        """Many messages of one type; when it returns, all are in the kernel.

        When the iterable or the encoding of one payload raises, those before it have been sent.
        """
        start = encode_start(type)
        # The first line of a block says for all of them where they come from.
        first, between = place_first(self._suffix(context), start), b"}\n" + start
        fixed, encode = len(between), self._encode
        block: list[bytes] = []
        size = 0
        try:
            for payload in payloads:
                body = encode(payload)
                block.append(body)
                size += len(body) + fixed
                if size >= BLOCK_BYTES:
                    self._write_block(block, first, between)
                    size, encode = 0, self._encode
        except (TypeError, ValueError, RecursionError) as error:
            raise unsendable(type, error) from error
        finally:
            self._write_block(block, first, between)

    def _write_block(self, block: list[bytes], first: bytes, between: bytes) -> None:
        if block:
            data = b"".join((first, between.join(block), b"}\n"))  # a copy less than adding, of a long one
            block.clear()
            self.write(data)

    def _suffix(self, context: ActionContext | None) -> bytes:
        """The end of a line sent by this action; encoded once, used for all its messages."""
        known, suffix = self._suffixes
        if context is known:
            return suffix
        if context is None:
            return NOWHERE
        suffix = encode_place(context.stage.id, context.action.name)
        self._suffixes = (context, suffix)
        return suffix

    def _write(self, data: bytes) -> None:
        """All of it, blocking: a pipe takes what fits, and a parent that is behind slows this child down.

        Python runs signal handlers between two writes. One that raises leaves a torn line, which the next write ends
        before it begins its own; one that sends has its line written after the one it interrupted.
        """
        if self._writing:
            self._later.append(data)
            return
        self._writing = True
        try:
            self._write_all(b"\n" + data if self._torn else data)
            while self._later:
                self._write_all(self._later.pop(0))
        finally:
            self._writing = False

    def _write_all(self, data: bytes) -> None:
        view: bytes | memoryview = data
        self._torn = True
        while view:
            try:
                written = os.write(self.fd, view)
            except BlockingIOError:  # somebody set O_NONBLOCK on the description we share
                import select

                select.select([], [self.fd], [])
                continue
            except OSError as error:
                if error.errno not in (EPIPE, EBADF):  # a signal handler's own TimeoutError is an OSError too
                    raise
                if self._is_fork:
                    raise ChannelClosedError(FORKED) from None
                raise ChannelClosedError(f"the parent no longer reads this child's messages: {error}") from error
            self._until_bulk -= written
            if written == len(view):  # nearly always
                break
            view = memoryview(view)[written:]
        self._torn = False
        if self._until_bulk <= 0:
            self._prepare_for_bulk()

    def _prepare_for_bulk(self) -> None:
        """Who has sent so much will go on, and is worth the import of a quicker encoder."""
        self._until_bulk = sys.maxsize
        try:
            from gostage_sim.gostage.wire.bulk import make_bulk_encoder

            self._encode = make_bulk_encoder()
        except Exception:  # no descriptor or no memory left for it; the one there is does the same
            pass

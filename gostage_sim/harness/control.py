"""The control socket: how the subject and the children talk with the observer, one JSON object a packet.

A child says `hello`, `reached` (a fault's point), `ready` (to be broken from outside), `over` (the fault's code
returned) and `gate`; the subject says `hello`, `baseline`, `returned` (a spawn), `done` and, in between, `beat`. For a
spawn with a fault around it the subject opens another connection, says `spawning`, and there, as the child would,
`reached` and `over`. Whoever waits gets one packet back; who is `ready`, only if it is to go on afterwards. The
socket's end is also the sign that the observer is gone. Children import this module: it imports little.
"""

from __future__ import annotations

import os
import socket
import struct

from gostage_sim.gostage.wire.encode import decode_document, encode_value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    Packet = dict[str, Any]

SOCKET_NAME = "control"

#: Environment variable by which a child learns the path of its plan, and so the folder of the socket.
PLAN_VARIABLE = "GOSTAGE_SIM_PLAN"

#: Exit code of a process of ours that lost its observer.
EXIT_ORPHANED = 86

_LARGEST_PACKET = 64 << 10
_PEER_CREDENTIALS = struct.Struct("iII")


class Gone(Exception):  # noqa: N818 - not an error: it is how a peer says that it has ended
    """You get it from a `Peer` whose process closed its end or died."""


class Client:
    """The end of a child or of the subject. When the observer is gone it ends this process at once."""

    def __init__(self, folder: str) -> None:
        """Connect to the observer that listens in the run folder."""
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        try:
            with _Address(folder) as address:
                self._socket.connect(address)
        except OSError:
            os._exit(EXIT_ORPHANED)

    def fileno(self) -> int:
        return self._socket.fileno()

    def close(self) -> None:
        self._socket.close()

    def tell(self, kind: str, **facts: Any) -> None:
        """Send one packet; several threads may."""
        try:
            self._socket.send(encode_value({"kind": kind, **facts}).encode())
        except OSError:
            os._exit(EXIT_ORPHANED)

    def hint(self, kind: str, **facts: Any) -> None:
        """As `tell`, but never waits: when the observer is behind, the packet is not sent."""
        try:
            self._socket.send(encode_value({"kind": kind, **facts}).encode(), socket.MSG_DONTWAIT)
        except BlockingIOError:
            return
        except OSError:
            os._exit(EXIT_ORPHANED)

    def wait(self) -> Packet:
        """The next packet from the observer; blocks in the kernel."""
        try:
            data = self._socket.recv(_LARGEST_PACKET)
        except OSError:
            data = b""
        if not data:
            os._exit(EXIT_ORPHANED)
        return decode_document(data)

    def ask(self, kind: str, **facts: Any) -> Packet:
        """Send one packet and wait for the answer."""
        self.tell(kind, **facts)
        return self.wait()


class Listener:
    """The observer's end: accepts the subject and its children."""

    def __init__(self, folder: str) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET | socket.SOCK_NONBLOCK)
        with _Address(folder) as address:
            self._socket.bind(address)
        self._socket.listen(1024)

    def fileno(self) -> int:
        return self._socket.fileno()

    def accept(self) -> Peer:
        """The next one; BlockingIOError when nobody waits."""
        connection, _ = self._socket.accept()
        connection.setblocking(False)
        return Peer(connection)

    def close(self) -> None:
        self._socket.close()


class Peer:
    """The observer's end of one connection."""

    def __init__(self, connection: socket.socket) -> None:
        self._socket = connection
        credentials = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _PEER_CREDENTIALS.size)
        self.pid: int = _PEER_CREDENTIALS.unpack(credentials)[0]
        """Of the process that connected, as the kernel says."""

    def fileno(self) -> int:
        return self._socket.fileno()

    def receive(self) -> Packet:
        """One packet; Gone at the end, BlockingIOError when there is none, ValueError when it is not ours."""
        try:
            data = self._socket.recv(_LARGEST_PACKET)
        except ConnectionError:
            data = b""
        if not data:
            raise Gone
        try:
            return decode_document(data)
        except Exception as error:
            raise ValueError(f"process {self.pid} sent a control packet that is not a JSON object: {error}") from error

    def answer(self, **facts: Any) -> None:
        """Release whoever waits; nothing happens when it is gone already."""
        try:
            self._socket.send(encode_value(facts).encode())
        except OSError:
            return

    def close(self) -> None:
        self._socket.close()


class _Address:
    """The socket's path by way of a descriptor of its folder: an address has 108 bytes, run folders may be deeper."""

    def __init__(self, folder: str) -> None:
        self._folder = folder

    def __enter__(self) -> str:
        self._fd = os.open(self._folder, os.O_PATH | os.O_DIRECTORY)
        return f"/proc/self/fd/{self._fd}/{SOCKET_NAME}"

    def __exit__(self, *exception: object) -> None:
        os.close(self._fd)

"""The gRPC server of a runner: lets its children in and nobody else, and hands what they send to their inlets.

A call is looked at before a byte of its requests is: by the token in its metadata, compared in constant time, or for a
child that knows none by the process group at the other end of its connection. Requests are not parsed here but in the
thread that waits for the child. Its threads do nothing but carry bytes; one that finds an inlet full waits, and with it
gRPC's flow control and the child.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import socket
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future
from hmac import compare_digest
from typing import Any, NoReturn
from weakref import WeakSet

import grpc
from google.protobuf.message import DecodeError

from gostage_sim.gostage.child import TOKEN_METADATA
from gostage_sim.gostage.grpc_ends import keep_alive
from gostage_sim.gostage.spawn.inlet import Call, Frame, Inlet, Kind, RefusedError, SessionOverError
from gostage_sim.gostage.spawn.launchers.contract import LaunchError
from gostage_sim.gostage.spawn.peers import group_at
from gostage_sim.gostage.spawn.strangers import Strangers
from gostage_sim.gostage.transports import Grpc
from gostage_sim.gostage.wire.proto import gostage_pb2 as pb

MAX_CALLS = 64
"""Of one connection at once, each with a thread here; HTTP/2 lets further ones wait in the child."""
LOOKAHEAD_BYTES = 1024 * 1024
"""How much of a call gRPC may have read before it is asked for; less stops a child in the middle of each batch."""
START_S = 10.0
"""How long an anonymous child may be connected before its start is known here."""
MAX_PATH_BYTES = 107
"""Of the address of a Unix socket; see unix(7)."""
_OVER = "the session of this child is over"
STOP_S = 2.0
"""How long stopping may take. The garbage collector may ask for it in the very thread that would have to answer."""


class GrpcServer:
    """A running server; OSError or LaunchError when it cannot listen. `close()` stops it."""

    def __init__(self, settings: Grpc) -> None:
        self.settings = settings
        self._owner = os.getpid()
        self.refused = 0
        """How many calls were no child's, or not the only connection of theirs."""
        self._lock = threading.Condition()
        self._tokens: dict[Inlet, bytes] = {}
        self._anonymous: dict[Inlet, int | None] = {}
        self._folder: str | None = None
        self._strangers: Strangers | None = None
        if settings.unix_socket:
            _require_short_path()
        else:
            _require_free(settings)
        self._door, self._threads = _Door(self), _ThreadEach()
        server = grpc.server(
            self._threads,  # type: ignore[arg-type]  # of a pool nothing is used but `submit`
            handlers=[self._door],
            options=(
                ("grpc.so_reuseport", 0),
                ("grpc.max_concurrent_streams", MAX_CALLS),
                ("grpc.max_receive_message_length", settings.max_frame_bytes),
                ("grpc.http2.lookahead_bytes", LOOKAHEAD_BYTES),
                ("grpc.http2.bdp_probe", 0),  # the network is this machine: nothing is to be found out about it
                ("grpc.http2.max_frame_size", LOOKAHEAD_BYTES),
                *keep_alive(settings.keep_alive_ms),
            ),
        )
        self._server: grpc.Server | None = server
        self.address, self.port = settings.address, 0
        try:
            if settings.unix_socket:
                self._folder = tempfile.mkdtemp(prefix="gostage-")
                self.address = f"unix:{self._folder}/s"
                server.add_insecure_port(self.address)
            else:
                self.port = server.add_insecure_port(_target(settings.address, settings.port))
                self._strangers = Strangers(self.address, self.port)
        except RuntimeError as error:
            self.close()
            raise LaunchError(f"the gRPC server cannot listen on {self.address}: {error}") from error
        server.start()

    @property
    def strangers(self) -> int | None:
        """How many connections ended without a call of a child's, see `Strangers`; 0 at a Unix socket, where the
        permissions of its folder keep strangers out."""
        return 0 if self._strangers is None else self._strangers.count

    def welcome(self, peer: str) -> None:
        """A child is at the other end of this connection."""
        if self._strangers is not None:
            self._strangers.welcome(peer)

    def admit(self, *, anonymous: bool) -> tuple[Inlet, str]:
        """A place for a child that is about to start, and the token that lets it in."""
        if anonymous and self.settings.unix_socket:
            raise LaunchError(
                "SpawnOptions.anonymous_child needs a port: who is at the other end of a Unix socket is not to be seen "
                "through gRPC; use transports.grpc() without unix_socket"
            )
        self._look_out()
        token = secrets.token_urlsafe(32)
        inlet = Inlet(self._dismiss)
        with self._lock:
            self._tokens[inlet] = token.encode()
            if anonymous:
                self._anonymous[inlet] = None
        return inlet, token

    def started(self, inlet: Inlet, pid: int) -> None:
        """The child of this inlet leads that process group."""
        with self._lock:
            if inlet in self._anonymous:
                self._anonymous[inlet] = pid
                self._lock.notify_all()

    def close(self) -> None:
        """Stop listening and end all calls; a child that still runs can send nothing more."""
        if self._owner != os.getpid():  # a fork of that program, whose server it is not
            return
        dismissed = set() if self._strangers is None else self._strangers.connected()
        if self._server is not None:
            self._server.stop(None).wait(STOP_S)
        self._threads.join(STOP_S)
        if self._strangers is not None:
            self._strangers.close(dismissed)
        # gRPC returns its descriptors when its server is forgotten; a traceback may still name this object.
        self._server = self._door.server = None
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)

    def _dismiss(self, inlet: Inlet) -> None:
        with self._lock:
            self._tokens.pop(inlet, None)
            self._anonymous.pop(inlet, None)
        self._look_out()

    def _look_out(self) -> None:
        if self._strangers is not None:
            self._strangers.look()

    # --- in gRPC's threads ------------------------------------------------------------------------------------------

    def find(self, token: str | bytes) -> Inlet | None:
        """Whose token it is; looks at all of them, whichever it is."""
        given = token.encode("utf-8", "surrogateescape") if isinstance(token, str) else token
        with self._lock:
            known = list(self._tokens.items())
        matching = [inlet for inlet, token in known if compare_digest(token, given)]
        return matching[0] if matching else None

    def find_anonymous(self, peer: str) -> Inlet | None:
        """The inlet of the child in whose process group the other end of the connection is."""
        until = time.monotonic() + START_S
        with self._lock:
            while None in self._anonymous.values() and (left_s := until - time.monotonic()) > 0:
                self._lock.wait(left_s)
            groups = {group: inlet for inlet, group in self._anonymous.items() if group is not None}
        group = group_at(peer, self.port, groups)
        return None if group is None else groups[group]

    @property
    def takes_anonymous(self) -> bool:
        with self._lock:
            return bool(self._anonymous)

    def refuse(self, context: grpc.ServicerContext, code: grpc.StatusCode, why: str) -> NoReturn:
        """End a call that is to be counted; raises."""
        with self._lock:
            self.refused += 1
        context.abort(code, why)


class _Door(grpc.GenericRpcHandler):
    """Decides from a call's metadata who serves it. Every call is served as a stream: on the wire that is the same."""

    def __init__(self, server: GrpcServer) -> None:
        self.server: GrpcServer | None = server

    def service(self, details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler[Any, Any] | None:
        server = self.server
        if server is None:
            return None
        token = next((value for key, value in details.invocation_metadata or () if key == TOKEN_METADATA), None)
        inlet = None if token is None else server.find(token)
        if inlet is None and not (token is None and server.takes_anonymous):
            return grpc.stream_stream_rpc_method_handler(lambda _, context: _refuse(server, context))
        method = _METHODS.get(details.method)
        if method is None:
            return None  # UNIMPLEMENTED
        kind, acknowledge = method

        def serve(requests: Iterator[bytes], context: grpc.ServicerContext) -> Iterator[bytes]:
            mine = inlet or server.find_anonymous(context.peer())
            if mine is None:
                return _refuse(server, context)
            return _serve(server, mine, kind, acknowledge, requests, context)

        return grpc.stream_stream_rpc_method_handler(serve)


def _refuse(server: GrpcServer, context: grpc.ServicerContext) -> NoReturn:
    server.refuse(context, grpc.StatusCode.UNAUTHENTICATED, "no child of this runner has this token")


def _serve(
    server: GrpcServer,
    inlet: Inlet,
    kind: Kind,
    acknowledge: Callable[[int, bytes], bytes] | None,
    requests: Iterator[bytes],
    context: grpc.ServicerContext,
) -> Iterator[bytes]:
    call = Call(context.peer(), kind, context.cancel)
    try:
        inlet.begin(call)
        server.welcome(call.peer)
    except RefusedError as refused:
        server.refuse(context, grpc.StatusCode.ALREADY_EXISTS, str(refused))
    except SessionOverError:
        server.welcome(call.peer)
        context.abort(grpc.StatusCode.UNAVAILABLE, _OVER)
    try:
        for number, data in enumerate(requests, 1):
            inlet.put(Frame(kind, data))
            if acknowledge is not None:
                yield acknowledge(number, data)
    except grpc.RpcError as error:  # the child is gone, or its call
        # gRPC keeps it with the call; with its traceback it would keep the server's descriptors to the next collection.
        error.__traceback__ = None
    except SessionOverError:
        context.abort(grpc.StatusCode.UNAVAILABLE, _OVER)
    finally:
        if kind is Kind.LINES:
            with contextlib.suppress(SessionOverError):
                inlet.put(Frame(Kind.END_OF_LINES))
        inlet.end(call)


def _acknowledge_batch(number: int, data: bytes) -> bytes:
    return pb.BatchAck(batches=number).SerializeToString()


def _acknowledge_message(number: int, data: bytes) -> bytes:
    try:
        ack = pb.MessageAck(success=True, message_id=pb.IPCMessage.FromString(data).message_id)
    except DecodeError as error:  # it is in the queue all the same, on its way to quarantine
        ack = pb.MessageAck(success=False, error_message=f"not an IPCMessage: {error}")
    return ack.SerializeToString()


_METHODS: dict[str, tuple[Kind, Callable[[int, bytes], bytes] | None]] = {
    "/gostage.WorkflowIPC/SendMessage": (Kind.MESSAGE, _acknowledge_message),
    "/gostage.WorkflowIPC/StreamMessages": (Kind.MESSAGE, _acknowledge_message),
    "/gostage.WorkflowIPC/BidirectionalStream": (Kind.MESSAGE, None),
    "/gostage.WorkflowIPC/SendLines": (Kind.LINES, _acknowledge_batch),
}


class _ThreadEach(Executor):
    """A thread for each call. A pool's are waited for at the end of the program, also one whose call never ends."""

    def __init__(self) -> None:
        self._threads: WeakSet[threading.Thread] = WeakSet()

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()

        def run() -> None:
            try:
                future.set_result(fn(*args, **kwargs))
            except BaseException as error:
                future.set_exception(error)

        thread = threading.Thread(target=run, name="gostage-grpc", daemon=True)
        self._threads.add(thread)
        thread.start()
        return future

    def join(self, timeout_s: float) -> None:
        """Wait for all of them, but no longer than this."""
        until = time.monotonic() + timeout_s
        for thread in list(self._threads):
            if thread is not threading.current_thread():
                thread.join(max(0.0, until - time.monotonic()))


def _target(address: str, port: int) -> str:
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


def _require_short_path() -> None:
    """LaunchError where the path of a Unix socket would be longer than the system takes."""
    length = len(os.fsencode(tempfile.gettempdir())) + len("/gostage-12345678/s")
    if length > MAX_PATH_BYTES:
        raise LaunchError(
            f"the gRPC server cannot listen on a Unix socket in {tempfile.gettempdir()}: its path would have {length} "
            f"bytes, and the system takes {MAX_PATH_BYTES}; set TMPDIR to a folder with a shorter path"
        )


def _require_free(settings: Grpc) -> None:
    """LaunchError that says why nothing can listen there; gRPC would write to stderr and say less."""
    family = socket.AF_INET6 if ":" in settings.address else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((settings.address, settings.port))
            probe.listen()
        except OSError as error:
            raise LaunchError(
                f"the gRPC server cannot listen on {_target(settings.address, settings.port)}: "
                f"{os.strerror(error.errno or 0)}; use port 0, and the system chooses one that is free"
            ) from error

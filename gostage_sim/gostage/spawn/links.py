"""How the children of a runner send to it: chosen for each from its definition and the runner's transport."""

from __future__ import annotations

import os
import threading
import weakref
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import msgspec

from gostage_sim.gostage.child import TOKEN_VARIABLE
from gostage_sim.gostage.definition import SubWorkflowDef, TransportDef
from gostage_sim.gostage.grpc_ends import core_settings, own_grpc
from gostage_sim.gostage.spawn.launchers.contract import LaunchError
from gostage_sim.gostage.spawn.options import SpawnOptions
from gostage_sim.gostage.spawn.readers import LineReader, PutAway, Reader
from gostage_sim.gostage.transports import ADDRESS, Grpc, Json, Transport

if TYPE_CHECKING:
    from gostage_sim.gostage.spawn.grpc_server import GrpcServer
    from gostage_sim.gostage.spawn.inlet import Inlet


@dataclass(frozen=True, slots=True)
class Link:
    """The way of one child's messages."""

    definition: SubWorkflowDef
    """As the child gets it: it says where to send to."""
    options: SpawnOptions
    """With what the child has to know besides."""
    make_reader: Callable[[int, PutAway], Reader] = LineReader
    inlet: Inlet | None = None
    """None for a child that writes to its stdout."""
    started: Callable[[int], object] = lambda pid: None
    """To be called with the child's pid."""

    def close(self) -> None:
        """Take nothing more."""
        if self.inlet is not None:
            self.inlet.close()


class Links:
    """Opens the links of one runner's children, and keeps the server that those by gRPC need."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport
        self._lock = threading.Lock()
        self._server: GrpcServer | None = None
        self._refused_before = 0
        self._strangers_before: int | None = 0
        self._end: weakref.finalize[[], Links] | None = None
        _LINKS.add(self)

    @property
    def refused(self) -> int:
        """How many calls the server has refused, and those before it."""
        with self._lock:
            return self._refused_before + (0 if self._server is None else self._server.refused)

    @property
    def strangers(self) -> int | None:
        """How many connections to the server, and to those before it, were no child's; None where that is not known."""
        with self._lock:
            return _sum(self._strangers_before, 0 if self._server is None else self._server.strangers)

    def open(self, definition: SubWorkflowDef, options: SpawnOptions) -> Link:
        """The link of a child that is about to start; OSError or LaunchError when there can be none."""
        settings = self._settings(definition.transport)
        if isinstance(settings, Json):
            return Link(definition, options)
        from gostage_sim.gostage.spawn.frames import FrameReader

        server = self._running(settings, definition.transport)
        inlet, token = server.admit(anonymous=options.anonymous_child)
        transport = TransportDef(
            type="grpc",
            grpc_address=server.address,
            grpc_port=server.port,
            acknowledge=settings.acknowledge,
            window_bytes=settings.window_bytes,
            keep_alive_ms=settings.keep_alive_ms,
        )
        return Link(
            msgspec.structs.replace(definition, transport=transport),
            replace(options, environment={**options.environment, TOKEN_VARIABLE: token}),
            FrameReader,
            inlet,
            lambda pid: server.started(inlet, pid),
        )

    def close(self) -> None:
        """Stop the server, if there is one. Another child by gRPC starts a new one."""
        with self._lock:
            server, self._server = self._server, None
            if self._end is not None:
                self._end()
            if server is not None:
                self._refused_before += server.refused
                self._strangers_before = _sum(self._strangers_before, server.strangers)

    def _settings(self, wanted: TransportDef | None) -> Transport:
        """The definition's word is the last; where it leaves something open, the runner's counts."""
        if wanted is None or (wanted.type == "grpc" and isinstance(self._transport, Grpc)):
            return self._transport
        if wanted.type == "json":
            return Json()
        try:
            return Grpc(address=wanted.grpc_address or ADDRESS, port=wanted.grpc_port)
        except ValueError as error:
            raise LaunchError(str(error)) from error

    def _running(self, settings: Grpc, wanted: TransportDef | None) -> GrpcServer:
        try:
            own_grpc()
        except RuntimeError as error:
            raise LaunchError(str(error)) from error
        with self._lock:
            server = self._server
            if server is None:
                with core_settings(quiet=False):
                    from gostage_sim.gostage.spawn.grpc_server import GrpcServer

                    server = self._server = GrpcServer(settings)
                self._end = weakref.finalize(self, server.close)  # also at the end of the program
        if wanted is not None:
            address, port = wanted.grpc_address or server.address, wanted.grpc_port or server.port
            if (address, port) != (server.address, server.port):
                raise LaunchError(
                    f"the definition asks for gRPC at {address}, port {port}, and this runner's server listens at "
                    f"{server.address}, port {server.port}; there is one a runner"
                )
        return server


def _sum(before: int | None, now: int | None) -> int | None:
    return None if before is None or now is None else before + now


_LINKS: weakref.WeakSet[Links] = weakref.WeakSet()


def _unlock() -> None:
    """In a fork of this program: whoever held a lock is not in it, and will never let go."""
    for links in _LINKS:
        links._lock = threading.Lock()


os.register_at_fork(after_in_child=_unlock)

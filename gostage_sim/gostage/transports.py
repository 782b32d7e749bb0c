"""Transports: how children send to this program; `Runner(transport=transports.grpc())`.

* `json()`  lines on the child's stdout; the default
* `grpc()`  calls to a server of the runner's, for children in other languages too

Where a runner is not told, the environment says: GOSTAGE_IPC_TRANSPORT (`json` or `grpc`), GOSTAGE_GRPC_ADDRESS and
GOSTAGE_GRPC_PORT. A child finds out from its definition; its code is the same.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Literal

TRANSPORT_VARIABLE = "GOSTAGE_IPC_TRANSPORT"
ADDRESS_VARIABLE = "GOSTAGE_GRPC_ADDRESS"
PORT_VARIABLE = "GOSTAGE_GRPC_PORT"
ADDRESS = "127.0.0.1"
WINDOW_BYTES = 1024 * 1024
MAX_FRAME_BYTES = 16 * 1024 * 1024 + 64 * 1024
MAX_KEEP_ALIVE_S = 24 * 3600


@dataclass(frozen=True, slots=True)
class Json:
    """JSON lines on the child's stdout. `send` returns when the bytes are in the kernel."""


@dataclass(frozen=True, slots=True)
class Grpc:
    """Calls to a gRPC server, one a runner, started at its first spawn and stopped by `Runner.close()`."""

    address: str = ADDRESS
    """Where it listens; a loopback address."""
    port: int = 0
    """0 lets the system choose one that is free."""
    unix_socket: bool = False
    """Listen on a Unix socket in a folder that only this user may enter, and on no port."""
    acknowledge: Literal["window", "each"] = "window"
    """What `send` in a child waits for: room in its window, or the acknowledgement of this message."""
    window_bytes: int = WINDOW_BYTES
    """How much a child may have sent that is not acknowledged. What a hard kill can lose."""
    max_frame_bytes: int = MAX_FRAME_BYTES
    """What one request may hold; gRPC refuses a larger one. Children of ours send a long message in several."""
    keep_alive_s: float | None = None
    """After so many seconds without a word either side asks whether the other is there, and after as many without an
    answer the connection is over: `send` raises in the child. For connections that break while both processes live;
    that a process has ended is seen without it. A process that is stopped for longer cannot answer either. gRPC asks at
    most once a second. None: never.
    """

    def __post_init__(self) -> None:
        try:
            good = ip_address(self.address).is_loopback
        except ValueError:
            good = False
        _require(good, "address", "a loopback address, as 127.0.0.1 or ::1", self.address)
        _require(_is_whole(self.port, 0, 65535), "port", "a whole number from 0 to 65535", self.port)
        _require(isinstance(self.unix_socket, bool), "unix_socket", "True or False", self.unix_socket)
        _require(not (self.unix_socket and self.port), "port", "0 beside unix_socket=True", self.port)
        _require(self.acknowledge in ("window", "each"), "acknowledge", "'window' or 'each'", self.acknowledge)
        _require(_is_whole(self.window_bytes, 1), "window_bytes", "1 or more", self.window_bytes)
        _require(_is_whole(self.max_frame_bytes, 1 << 20), "max_frame_bytes", "1 MiB or more", self.max_frame_bytes)
        _require(
            self.keep_alive_s is None
            or (type(self.keep_alive_s) in (int, float) and 1 <= self.keep_alive_s <= MAX_KEEP_ALIVE_S),
            "keep_alive_s",
            f"seconds from 1 to {MAX_KEEP_ALIVE_S}, or None",
            self.keep_alive_s,
        )

    @property
    def keep_alive_ms(self) -> int:
        """As gRPC and a definition count it; 0 for never."""
        return round((self.keep_alive_s or 0) * 1000)


Transport = Json | Grpc


def json() -> Json:
    """Lines on the child's stdout."""
    return Json()


def grpc(
    address: str | None = None,
    port: int | None = None,
    *,
    unix_socket: bool = False,
    acknowledge: Literal["window", "each"] = "window",
    window_bytes: int = WINDOW_BYTES,
    max_frame_bytes: int = MAX_FRAME_BYTES,
    keep_alive_s: float | None = None,
) -> Grpc:
    """Calls to a server of the runner's, see `Grpc`; address and port by default as the environment says."""
    return Grpc(
        address=os.environ.get(ADDRESS_VARIABLE) or ADDRESS if address is None else address,
        port=_port(os.environ) if port is None and not unix_socket else port or 0,
        unix_socket=unix_socket,
        acknowledge=acknowledge,
        window_bytes=window_bytes,
        max_frame_bytes=max_frame_bytes,
        keep_alive_s=keep_alive_s,
    )


def named(transport: Transport | str | None) -> Transport:
    """What a runner was given: a transport, its name, or None for what the environment says."""
    if isinstance(transport, Json | Grpc):
        return transport
    where = "transport"
    if transport is None:
        where, transport = TRANSPORT_VARIABLE, os.environ.get(TRANSPORT_VARIABLE) or "json"
    if transport not in ("json", "grpc"):
        raise ValueError(f"{where} must be 'json' or 'grpc', or one of gostage.transports; found {transport!r}")
    return grpc() if transport == "grpc" else json()


def _port(environment: Mapping[str, str]) -> int:
    text = environment.get(PORT_VARIABLE) or "0"
    _require(text.isascii() and text.isdigit(), PORT_VARIABLE, "a whole number from 0 to 65535", text)
    return int(text)


def _require(good: bool, name: str, expected: str, found: object) -> None:
    if not good:
        raise ValueError(f"{name} of the gRPC transport must be {expected}; found {found!r}")


def _is_whole(value: object, least: int, most: float = float("inf")) -> bool:
    return type(value) is int and least <= value <= most

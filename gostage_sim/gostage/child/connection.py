"""Whether a child sends by gRPC: its definition says so. What that takes is imported then, and only then."""

from __future__ import annotations

import os

from gostage_sim.gostage.child import TOKEN_VARIABLE

TYPE_CHECKING = False  # see gostage/__init__.py
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from gostage_sim.gostage.broker import Channel
    from gostage_sim.gostage.child.grpc_channel import GrpcChannel
    from gostage_sim.gostage.context import ActionContext


def open_connection(document: dict[str, Any]) -> GrpcChannel | None:
    """A channel to the server that the definition names; None when it names none. Does not wait for the server."""
    token = os.environ.pop(TOKEN_VARIABLE, "")  # not for the children of this child
    transport = document.get("transport")
    if not isinstance(transport, dict):
        return None
    told = {str(key).lower(): value for key, value in transport.items()}  # in any case, as Go reads them
    if told.get("type") != "grpc":
        return None
    from gostage_sim.gostage.child.grpc_core import has_begun, require_room
    from gostage_sim.gostage.grpc_ends import core_settings

    if not has_begun():
        require_room()
    with core_settings(quiet=True):
        channel = load_grpc()(
            _target(str(told.get("grpcaddress") or "127.0.0.1"), told.get("grpcport") or 0),
            token,
            str(document.get("id") or ""),
            acknowledge_each=told.get("acknowledge") == "each",
            window_bytes=int(told.get("windowbytes") or 0),
            keep_alive_ms=int(told.get("keepalivems") or 0),
        )
    os.register_at_fork(after_in_child=channel.abandon)
    return channel


def load_grpc() -> type[GrpcChannel]:
    """Import all that a child by gRPC needs; a fork server does it before there are children. Starts no thread."""
    from gostage_sim.gostage.child.grpc_channel import GrpcChannel

    try:  # what grpc itself imports when it makes its first channel
        import grpc._channel
        import grpc.experimental  # noqa: F401
    except ImportError:
        pass
    return GrpcChannel


def _target(address: str, port: int) -> str:
    """As gRPC writes it."""
    if address.startswith("unix:"):
        return address
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


def acknowledged(channel: Channel) -> Callable[[ActionContext, Callable[[], None]], None]:
    """Middleware: an action has ended when the parent has what it sent, also one that failed."""

    def wait(ctx: ActionContext, proceed: Callable[[], None]) -> None:
        try:
            proceed()
        finally:
            channel.flush()

    return wait

"""What runs in the fork server: imports what children need, then the loop of `multiprocess.forkserver`."""

from __future__ import annotations

import contextlib
import gc
import os
import sys
from collections.abc import Sequence
from importlib import import_module

from multiprocess import forkserver  # type: ignore[import-untyped]

from gostage_sim.gostage.child.connection import load_grpc
from gostage_sim.gostage.grpc_ends import core_settings

ALWAYS = (
    "dill",
    "random",
    "resource",
    "gostage_sim.gostage.arguments",
    "gostage_sim.gostage.child.failure",
    "gostage_sim.gostage.child.logs",
    "gostage_sim.gostage.child.main",
    "gostage_sim.gostage.child.modules",
    "gostage_sim.gostage.rebuild",
    "gostage_sim.gostage.spawn.launchers.fork_server.child",
    "gostage_sim.gostage.storing.encoding",
)
"""What every child uses."""


def serve(
    listener_fd: int, alive_fd: int, failure_fd: int, path: Sequence[str], preload: Sequence[str], by_grpc: bool
) -> None:
    """Fork a child for everyone who connects, until the other end of `alive_fd` is closed.

    A module that cannot be imported ends the server, with the reason as text on `failure_fd`.
    """
    sys.path[:] = path
    os.dup2(2, 1)  # nothing that a module prints is for the parent's stdout
    for fd in (listener_fd, alive_fd, failure_fd):
        os.set_inheritable(fd, False)
    for module in (*ALWAYS, *preload):
        try:
            import_module(module)
        except BaseException as error:
            text = f"{type(error).__name__}: {error}"
            os.write(failure_fd, f"module {module!r} of preload cannot be imported: {text}".encode()[:4096])
            raise
    if by_grpc:
        with contextlib.suppress(ImportError), core_settings(quiet=True):  # a child will say that it is missing
            load_grpc()
        import_module("gostage_sim.gostage.spawn.launchers.fork_server.waiting")
    os.close(failure_fd)  # before there is a child that could write to it
    sys.stdout.flush()
    gc.collect()
    gc.freeze()  # or each child's first collection would copy every page that holds an object
    forkserver.main(listener_fd, alive_fd, None)

"""Steps that put a load on the child: time, CPU, memory, descriptors and threads.

What one takes is kept to the end of the process, so that whatever comes after meets a child that has it. Child
processes import this module: it imports next to nothing.
"""

from __future__ import annotations

import os
import time
from _thread import allocate_lock

TYPE_CHECKING = False
if TYPE_CHECKING:
    from gostage_sim.gostage.context import ActionContext

_kept: list[object] = []


def sleep(context: ActionContext) -> None:
    """Nothing, for so long."""
    time.sleep(context.params["duration"])


def spin(context: ActionContext) -> None:
    """CPU time of this thread, however long the machine takes to give it."""
    until = time.thread_time() + context.params["duration"]
    while time.thread_time() < until:
        pass


def allocate(context: ActionContext) -> None:
    """Memory that was written to: of pages that nobody touched the kernel has only promised some."""
    _kept.append(bytearray(b"\1") * context.params["size"])


def open_files(context: ActionContext) -> None:
    """Descriptors."""
    _kept.extend(os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC) for _ in range(context.params["count"]))


def threads(context: ActionContext) -> None:
    """Threads that wait for what never comes; daemons, or the child would wait for them at its end."""
    from threading import Thread

    never = allocate_lock()
    never.acquire()
    for _ in range(context.params["count"]):
        Thread(target=never.acquire, daemon=True).start()


STEPS = (sleep, spin, allocate, open_files, threads)

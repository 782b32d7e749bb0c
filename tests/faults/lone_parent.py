"""A parent with one fault around one start of a child, and no engine: `lone_parent.py KIND PARAMS`.

Prints as JSON what it noted and how the start, the wait and the undoing went.
"""

from __future__ import annotations

import errno
import json
import os
import sys
import threading
import time
from typing import TYPE_CHECKING, Any

from gostage_sim.faults import fault_kind

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

    from gostage_sim.faults.contract import Parent


class LoneParent:
    starting = True

    def __init__(self) -> None:
        self.command = [sys.executable, "-I", "-S", "-c", "raise SystemExit(7)"]
        self.notes: list[dict[str, Any]] = []
        self.actions: list[Callable[[int], object]] = []
        self.looks = 0
        self.stepped_s = 0.0

    def note(self, **facts: Any) -> None:
        self.notes.append({"t_ns": time.monotonic_ns(), "by": "parent", **facts})

    def hold(self) -> None:
        raise NotImplementedError("there is no observer here")

    def before_reaping(self, action: Callable[[int], object]) -> None:
        self.actions.append(action)

    def close_runner(self) -> None:
        raise NotImplementedError("there is no engine here, and no runner")

    def use_for_spawns(self, middleware: Any) -> AbstractContextManager[None]:
        raise NotImplementedError("there is no engine here, and no runner")

    def use_for_messages(self, inbound: Callable[[Any], Any]) -> AbstractContextManager[None]:
        raise NotImplementedError("there is no engine here, and no broker")

    def step_clock(self, seconds: float) -> None:
        self.stepped_s = seconds

    def clock_looks(self) -> int:
        self.looks += 1
        return self.looks

    def listening(self) -> list[int]:
        raise NotImplementedError("there is no engine here, and no server")


def start_and_wait(parent: LoneParent) -> dict[str, Any]:
    """The errno of a start that failed, or the pid and what was waited for."""
    try:
        pid = os.posix_spawn(parent.command[0], parent.command, {})
    except OSError as error:
        return {"start": errno.errorcode[error.errno or 0]}
    for action in parent.actions:
        action(pid)
    try:
        return {"pid": pid, "wait": os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])}
    except ChildProcessError:
        return {"pid": pid, "wait": "ECHILD"}


def state() -> dict[str, Any]:
    """What the fault must give back."""
    with open("/proc/thread-self/status") as status:
        facts = {name: value.strip() for name, _, value in (line.partition(":") for line in status)}
    # Signals 32 and 33 are glibc's own: its posix_spawn leaves them ignored, and its first thread takes that back.
    ignored = int(facts["SigIgn"], 16) & ~(0b11 << 31)
    kept = [facts["Uid"], facts["CapEff"], hex(ignored)]
    return {"fds": sorted(os.listdir("/proc/self/fd")), "status": kept, "threads": threading.active_count()}


def main(kind: str, params: str) -> None:
    lone = LoneParent()
    parent: Parent = lone
    fault: Any = fault_kind(kind)(**json.loads(params))
    before = state()
    with fault.around(parent):
        inside = {"fds": [fd for fd in (0, 1, 2) if not os.path.lexists(f"/proc/self/fd/{fd}")]}
        done = start_and_wait(lone)
    after = state()
    left = {name: [before[name], after[name]] for name in before if after[name] != before[name]}
    print(json.dumps({"notes": lone.notes, "inside": inside, "left": left, **done}))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])

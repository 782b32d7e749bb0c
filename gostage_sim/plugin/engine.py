"""The fixture `gostage_runner`: an engine for children out of the test itself, and the check that none is left."""

from __future__ import annotations

import contextlib
import os
import select
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gostage_sim.gostage import Runner, SpawnContext

_GONE_S = 5.0


@contextmanager
def checked_runner(transport: str) -> Iterator[Runner]:
    """A runner whose children are forks of a warm server, which take closures. AssertionError at the end when a child
    was not waited for, or somebody of its process group is still there; they are killed first."""
    from gostage_sim import gostage

    watch = _Watch()
    with gostage.launchers.ForkServer() as launcher, gostage.Runner(transport=transport, launcher=launcher) as runner:
        runner.use_for_spawns(watch)
        yield runner
        left = watch.end_who_is_left()
    assert not left, "; ".join(left)


class _Watch:
    """Spawn middleware that knows who was started and who was waited for."""

    def __init__(self) -> None:
        self._begun: list[SpawnContext] = []
        self._over: list[SpawnContext] = []

    def before_spawn(self, ctx: SpawnContext) -> None:
        self._begun.append(ctx)

    def after_spawn(self, ctx: SpawnContext) -> None:
        self._over.append(ctx)

    def end_who_is_left(self) -> list[str]:
        """A sentence for each child that has left something."""
        found = []
        for ctx in self._begun:
            name = f"the child {ctx.definition.id!r} (pid {ctx.pid})"
            if ctx not in self._over:
                found.append(f"{name} was started and never waited for; call wait() or use `with runner.start(…)`")
            elif ctx.pid is not None and _is_there(ctx.pid):
                found.append(f"{name} is gone, and somebody of its process group is not")
            else:
                continue
            if ctx.pid is not None:
                _kill(ctx.pid)
        return found


def _kill(group: int) -> None:
    """And wait until its first process is gone, whose status the fork server takes."""
    with contextlib.suppress(ProcessLookupError):
        pidfd = os.pidfd_open(group)
        try:
            os.killpg(group, signal.SIGKILL)
            select.select([pidfd], [], [], _GONE_S)
        finally:
            os.close(pidfd)


def _is_there(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True

"""Saboteurs of `no-orphans`: engines that leave children behind when they are killed.

Each changes what ties a child to its parent; see `gostage.spawn.process`.
"""

from __future__ import annotations

import fcntl
import signal

from gostage_sim.gostage.spawn import process
from gostage_sim.gostage.spawn.process import Pipes
from gostage_sim.harness.saboteurs.contract import Saboteur


def _abandons() -> None:
    """The parent's end means nothing to its children."""

    def untied(self: Pipes, pid: int) -> None:
        return

    Pipes.tie = untied  # type: ignore[method-assign]


def _orphans() -> None:
    """The parent's end kills each child, and nobody else of its group."""
    tie = process.tie

    def to_the_child(self: Pipes, pid: int) -> None:
        tie(self.child_lifeline, pid)
        fcntl.fcntl(self.child_lifeline, fcntl.F_SETOWN, pid)

    Pipes.tie = to_the_child  # type: ignore[method-assign]


def _asks() -> None:
    """The parent's end is told by a signal that a child may ignore, and that a stopped one does not see."""
    tie = process.tie

    def by_sigterm(self: Pipes, pid: int) -> None:
        tie(self.child_lifeline, pid)
        fcntl.fcntl(self.child_lifeline, fcntl.F_SETSIG, signal.SIGTERM)

    Pipes.tie = by_sigterm  # type: ignore[method-assign]


SABOTEURS = (
    Saboteur("abandons", "no-orphans", "ties no child to the life of the parent", _abandons, "killed parent"),
    Saboteur("orphans", "no-orphans", "ties children to its life, but not theirs", _orphans, "killed parent"),
    Saboteur("asks", "no-orphans", "asks children to leave with it, which they need not", _asks, "killed parent"),
)

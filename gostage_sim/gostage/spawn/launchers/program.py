"""Any command as a child."""

from __future__ import annotations

import os
from collections.abc import Sequence

from gostage_sim.gostage.spawn.command import start_command
from gostage_sim.gostage.spawn.launchers.contract import Launch
from gostage_sim.gostage.spawn.process import Process


class Program:
    """Any command that speaks the protocol: definition on stdin, messages on stdout."""

    def __init__(self, argv: Sequence[str], *, foreign: bool = True) -> None:
        if isinstance(argv, str) or not argv:
            raise TypeError(f"a command is a non-empty list of arguments; found {argv!r}")
        self.argv = list(argv)
        for argument in self.argv:
            if not isinstance(argument, str | bytes | os.PathLike):
                raise TypeError(f"the arguments of a command are str, bytes or paths; found {argument!r}")
        self.foreign = foreign

    def start(self, launch: Launch) -> Process:
        return start_command(self.argv, launch.options, launch.depth)

"""A child of the engine's own, for programs that cannot start themselves again."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from gostage_sim.gostage.child import CHILD_FLAG
from gostage_sim.gostage.spawn.command import start_command
from gostage_sim.gostage.spawn.launchers.contract import Launch
from gostage_sim.gostage.spawn.process import Process


class ChildModule:
    """`python -m gostage_sim.gostage.child`, after importing the modules that register the actions."""

    foreign = False

    def __init__(self, imports: Sequence[str] = ()) -> None:
        if isinstance(imports, str):
            raise TypeError(f"imports is a list of module names; found {imports!r}")
        self.argv = [sys.executable, "-m", "gostage_sim.gostage.child", CHILD_FLAG]
        for module in imports:
            self.argv += ["--import", module]

    def start(self, launch: Launch) -> Process:
        return start_command(self.argv, launch.options, launch.depth)

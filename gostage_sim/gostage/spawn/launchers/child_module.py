"""A child of the engine's own, for programs that cannot start themselves again."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence

from gostage_sim.gostage.child import CHILD_FLAG
from gostage_sim.gostage.spawn.command import interpreter, start_command
from gostage_sim.gostage.spawn.launchers.contract import Launch
from gostage_sim.gostage.spawn.launchers.importable import current_folder, files_of, places_of, with_our_path
from gostage_sim.gostage.spawn.options import SpawnOptions
from gostage_sim.gostage.spawn.process import Process

RUN_CHILD = "from gostage_sim.gostage.child.__main__ import main; main()"
"""`-m gostage_sim.gostage.child` without `runpy`, whose imports take a seventh of a child's start."""


class ChildModule:
    """`python -m gostage_sim.gostage.child`, after importing the modules that register the actions.

    They are found as in this program, along its `sys.path` or where it has imported them from, and in the folder of
    the child.
    """

    foreign = False

    def __init__(self, imports: Sequence[str] = ()) -> None:
        if isinstance(imports, str):
            raise TypeError(f"imports is a list of module names; found {imports!r}")
        self.imports = tuple(imports)

    def start(self, launch: Launch) -> Process:
        command = importing_command(self.imports, launch.options)
        options = with_our_path(launch.options)
        return start_command(command, options, launch.depth, files_of(["gostage_sim", *self.imports]))


def importing_command(modules: Sequence[str], options: SpawnOptions) -> list[str]:
    """The command line of a child that imports these modules first, each once.

    What the options set for its path goes before this program's, and its own folder comes last.
    """
    places = places_of(module for module in modules if module in sys.modules)
    folder = os.path.join(current_folder(), options.cwd or "")
    own = [entry for entry in options.environment.get("PYTHONPATH", "").split(os.pathsep) if entry]
    places["path"] = [*(os.path.join(folder, entry) for entry in own), *places["path"], folder]
    command = [*interpreter(), "-c", RUN_CHILD, CHILD_FLAG, "--find", json.dumps(places)]
    for module in dict.fromkeys(modules):
        command += ["--import", module]
    return command

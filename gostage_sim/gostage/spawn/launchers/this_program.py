"""The running program as its own child."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence

from gostage_sim.gostage.child import CHILD_FLAG
from gostage_sim.gostage.registry import entries
from gostage_sim.gostage.spawn.command import interpreter, start_command
from gostage_sim.gostage.spawn.launchers.contract import Launch, LaunchError
from gostage_sim.gostage.spawn.launchers.importable import places_of
from gostage_sim.gostage.spawn.process import Process


class ThisProgram:
    """The running program again, with `--gostage-child` for its arguments.

    Works for a script, `python -m package`, a console script, a zipapp and a frozen program. Those must call
    `gostage.child_main()` when `gostage.is_child()`. pytest and an interactive interpreter cannot be started again:
    their children import the modules that registered the actions of the definition, and nothing else.
    """

    foreign = False

    def start(self, launch: Launch) -> Process:
        command = _this_command() or _importing_command(launch)
        return start_command(command, launch.options, launch.depth)


def _this_command() -> list[str] | None:
    """The command line that starts this program as a child; None for a program that cannot be its own."""
    if getattr(sys, "frozen", False):
        return [sys.executable, CHILD_FLAG]
    command = None if _is_pytest() else _interpreter_part(sys.orig_argv[1:])
    return None if command is None else [sys.executable, *command, CHILD_FLAG]


def _is_pytest() -> bool:
    """Also in a worker of pytest-xdist, which is no pytest by its command line, and before the first test begins."""
    name = os.path.basename(sys.argv[0]) if sys.argv else ""
    runs = name in ("pytest", "py.test") or not os.environ.keys().isdisjoint(("PYTEST_VERSION", "PYTEST_CURRENT_TEST"))
    return runs and "pytest" in sys.modules


def _importing_command(launch: Launch) -> list[str]:
    """A child that imports what registered the actions; LaunchError for one that no import registers.

    An action that nobody registered is the child's to complain about, who knows which are close.
    """
    known = entries()
    modules: list[str] = []
    for id in launch.action_ids():
        entry = known.get(id)
        if entry is None:
            continue
        if entry.imported_by in (None, "__main__"):
            program = "pytest" if _is_pytest() else "an interactive interpreter"
            raise LaunchError(
                f"action {id!r} was registered at {entry.place} by running code, not by importing a module, and this "
                f"program is {program}, which cannot be its own child; use Runner(launcher=launchers.ForkServer()), "
                "whose children take closures too, or move it to the top of a module and use "
                "Runner(launcher=launchers.ChildModule(imports=['the.module.with.your.actions']))"
            )
        modules.append(entry.imported_by)
    command = [*interpreter(), "-m", "gostage_sim.gostage.child", CHILD_FLAG, "--find", json.dumps(places_of(modules))]
    for module in dict.fromkeys(modules):
        command += ["--import", module]
    return command


def _interpreter_part(arguments: Sequence[str]) -> list[str] | None:
    """The interpreter's options and what it runs, as given, because a program may change `sys.argv`. None for nothing.

    https://docs.python.org/3/using/cmdline.html: options of one letter may be joined, `-c`, `-m`, `-W` and `-X` take
    the rest of their argument or the next one, and `-c`, `-m` or the first that is no option is the program.
    """
    part: list[str] = []
    rest = iter(arguments)
    for argument in rest:
        part.append(argument)
        if argument == "-":
            return None
        if not argument.startswith("-"):
            return [*part[:-1], _script(argument)]
        if argument.startswith("--"):
            if argument == "--check-hash-based-pycs":
                part.append(next(rest, ""))
            continue
        letter = next((letter for letter in argument[1:] if letter in "cmWX"), "")
        if letter and argument.index(letter) == len(argument) - 1:
            part.append(next(rest, ""))
        if letter in ("c", "m"):
            return part
    return None


def _script(given: str) -> str:
    """The path of the script, absolute where that is known: this program or the child may be in another directory."""
    file = getattr(sys.modules.get("__main__"), "__file__", None) or ""
    if os.path.isabs(given) or not os.path.isabs(file):
        return given
    for known in (file, os.path.dirname(file)):  # the second for a directory or an archive with a __main__.py in it
        if known.endswith(os.path.normpath(given).lstrip("./")) and os.path.exists(known):
            return known
    return given

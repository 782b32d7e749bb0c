"""The running program as its own child."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

from gostage_sim.gostage.child import CHILD_FLAG
from gostage_sim.gostage.spawn.command import start_command
from gostage_sim.gostage.spawn.launchers.contract import Launch, LaunchError
from gostage_sim.gostage.spawn.process import Process


class ThisProgram:
    """The running program again, with `--gostage-child` for its arguments.

    Works for a script, `python -m package`, a console script and a frozen program. Those must call
    `gostage.child_main()` when `gostage.is_child()`.
    """

    foreign = False

    def start(self, launch: Launch) -> Process:
        return start_command([*_this_command(), CHILD_FLAG], launch.options, launch.depth)


def _this_command() -> list[str]:
    """The command line of this program without the program's own arguments."""
    if getattr(sys, "frozen", False):
        return [sys.executable]
    name = os.path.basename(sys.argv[0]) if sys.argv else ""
    if "pytest" in sys.modules and (os.environ.get("PYTEST_CURRENT_TEST") or name in ("pytest", "py.test")):
        raise LaunchError(
            "this program is pytest, which cannot be its own child; use "
            "Runner(launcher=launchers.ChildModule(imports=['the.module.with.your.actions']))"
        )
    command = _interpreter_part(sys.orig_argv[1:])
    if command is None:
        raise LaunchError(
            "an interactive interpreter cannot be its own child; use "
            "Runner(launcher=launchers.ChildModule(imports=['the.module.with.your.actions']))"
        )
    return [sys.executable, *command]


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

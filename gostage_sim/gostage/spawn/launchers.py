"""Which command starts a child. A launcher is anything with `foreign` and `start(options, depth)`."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import Protocol

from gostage_sim.gostage.child import CHILD_FLAG
from gostage_sim.gostage.spawn.options import SpawnOptions
from gostage_sim.gostage.spawn.process import Process, child_environment


class LaunchError(Exception):
    """There is no command that could start a child; the text says what to use instead. Becomes `start_failed`."""


class Launcher(Protocol):
    """How children come to be."""

    @property
    def foreign(self) -> bool:
        """True for a program that is not ours: it may end with 0 without a result and still have completed."""
        ...

    def start(self, options: SpawnOptions, depth: int) -> Process:
        """Start one child; OSError or LaunchError when that is not possible."""
        ...


class Program:
    """Any command that speaks the protocol: definition on stdin, messages on stdout."""

    def __init__(self, argv: Sequence[str], *, foreign: bool = True) -> None:
        if isinstance(argv, str) or not argv:
            raise TypeError(f"a command is a non-empty list of arguments; found {argv!r}")
        self.argv = list(argv)
        self.foreign = foreign

    def start(self, options: SpawnOptions, depth: int) -> Process:
        return Process(self.argv, options, child_environment(options, depth))


class ChildModule:
    """`python -m gostage_sim.gostage.child`, after importing the modules that register the actions."""

    foreign = False

    def __init__(self, imports: Sequence[str] = ()) -> None:
        if isinstance(imports, str):
            raise TypeError(f"imports is a list of module names; found {imports!r}")
        self.argv = [sys.executable, "-m", "gostage_sim.gostage.child", CHILD_FLAG]
        for module in imports:
            self.argv += ["--import", module]

    def start(self, options: SpawnOptions, depth: int) -> Process:
        return Process(self.argv, options, child_environment(options, depth))


class ThisProgram:
    """The running program again, with `--gostage-child` for its arguments.

    Works for a script, `python -m package`, a console script and a frozen program. Those must call
    `gostage.child_main()` when `gostage.is_child()`.
    """

    foreign = False

    def start(self, options: SpawnOptions, depth: int) -> Process:
        return Process([*_this_command(), CHILD_FLAG], options, child_environment(options, depth))


_ARGUMENTS = len(sys.argv) - 1  # when the program was young: it may change sys.argv later


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
    if name in ("", "-"):
        raise LaunchError(
            "an interactive interpreter cannot be its own child; use "
            "Runner(launcher=launchers.ChildModule(imports=['the.module.with.your.actions']))"
        )
    command = [sys.executable, *sys.orig_argv[1:]]
    return command[: len(command) - _ARGUMENTS] if _ARGUMENTS else command

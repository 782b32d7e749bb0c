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

"""The running program as its own child."""

from __future__ import annotations

import os
import sys
import sysconfig
from collections.abc import Sequence
from dataclasses import replace

from gostage_sim.gostage.child import CHILD_FLAG
from gostage_sim.gostage.registry import entries
from gostage_sim.gostage.spawn.command import interpreter, start_command
from gostage_sim.gostage.spawn.launchers.child_module import importing_command
from gostage_sim.gostage.spawn.launchers.contract import Launch, LaunchError
from gostage_sim.gostage.spawn.options import SpawnOptions
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
        return start_command(command, _with_its_folder(launch.options), launch.depth)


def _with_its_folder(options: SpawnOptions) -> SpawnOptions:
    """`python -m` looks into the folder that it is started in: a child in another one needs to be told of ours."""
    spec = getattr(sys.modules.get("__main__"), "__spec__", None)
    if spec is None or spec.origin is None or spec.name == "__main__" or "PYTHONPATH" in options.environment:
        return options
    folder = os.path.dirname(os.path.abspath(spec.origin))
    for _ in range(spec.name.count(".")):
        folder = os.path.dirname(folder)
    if folder not in sys.path or folder in sysconfig.get_paths().values() or not os.path.isdir(folder):
        return options
    if options.cwd is None and os.path.samefile(folder, os.curdir):
        return options
    given = os.environ.get("PYTHONPATH")
    path = folder if not given else f"{folder}{os.pathsep}{given}"
    return replace(options, environment={**options.environment, "PYTHONPATH": path})


def _this_command() -> list[str] | None:
    """The command line that starts this program as a child; None for a program that cannot be its own."""
    if getattr(sys, "frozen", False):
        return [sys.executable, CHILD_FLAG]
    if _is_pytest():
        return None
    part = _interpreter_part(sys.orig_argv[1:])
    if part is None:
        return None
    if _bootstrap(part) is not None or _module(part) in _RUNNERS or os.path.basename(part[-1]) == "coverage":
        program = _main_program()
        return None if program is None else [*interpreter(), *program, CHILD_FLAG]
    if _module(part) in _CONSOLES or (not _is_text(part) and _file_of_main() is None):
        return None  # IPython and Jupyter put a module without a file into the place of `__main__`
    return [sys.executable, *part, CHILD_FLAG]


_CONSOLES = ("code", "asyncio", "IPython", "ipykernel_launcher", "ipykernel")
_RUNNERS = ("cProfile", "profile", "trace", "pdb", "coverage")
"""Modules that run another program in their own process."""


def _bootstrap(part: Sequence[str]) -> str | None:
    """What this process is when it was started by code of a library and not by its program; None otherwise."""
    if not _is_text(part):
        return None
    if _FORK_SERVER in part[-1]:
        return "a child of a fork server"
    return (
        "a process of multiprocessing" if part[-1].startswith(("from multiprocessing", "from multiprocess")) else None
    )


_FORK_SERVER = "from gostage_sim.gostage.spawn.launchers.fork_server.serving import serve"


def _is_text(part: Sequence[str]) -> bool:
    """Whether it runs code that is an argument."""
    return len(part) > 1 and part[-2].startswith("-") and part[-2].endswith("c")


def _module(part: Sequence[str]) -> str | None:
    """The module that it runs."""
    is_module = len(part) > 1 and part[-2].startswith("-") and part[-2].endswith("m")
    return part[-1] if is_module else None


def _main_program() -> list[str] | None:
    """What `__main__` is of, where the command line does not tell: the library that runs it puts it there."""
    spec = getattr(sys.modules.get("__main__"), "__spec__", None)
    name = "" if spec is None else spec.name.removesuffix(".__main__")
    if name and name not in _RUNNERS:
        return ["-m", name]
    file = _file_of_main()
    if name or (file is not None and os.path.basename(file) == "coverage"):  # still the runner's own
        file = sys.argv[0] if sys.argv else None
    if file is None or not os.path.isfile(file) or os.path.basename(file) in _PYTESTS:
        return None
    return [os.path.abspath(file)]


def _file_of_main() -> str | None:
    return getattr(sys.modules.get("__main__"), "__file__", None)


_PYTESTS = ("pytest", "py.test")


def _is_pytest() -> bool:
    """Also in a worker of pytest-xdist, which is no pytest by its command line, and before the first test begins.

    A program that a test starts inherits what pytest has set; a variable that it did not begin with is its own.
    """
    if "pytest" not in sys.modules:
        return False
    name = os.path.basename(sys.argv[0]) if sys.argv else ""
    if name in _PYTESTS or _module(_interpreter_part(sys.orig_argv[1:]) or ()) == "pytest":
        return True
    if "xdist.remote" in sys.modules:
        return True
    try:
        with open("/proc/self/environ", "rb") as file:
            begun_with = file.read().split(b"\0")
    except OSError:  # a program that has changed its user
        begun_with = []
    ours = (variable for variable in ("PYTEST_VERSION", "PYTEST_CURRENT_TEST") if variable in os.environ)
    return any(os.fsencode(f"{variable}={os.environ[variable]}") not in begun_with for variable in ours)


def _kind() -> str:
    """What this program is that cannot be its own child."""
    if _is_pytest():
        return "pytest"
    part = _interpreter_part(sys.orig_argv[1:]) or ()
    return _bootstrap(part) or ("one under a runner" if _module(part) in _RUNNERS else "an interactive interpreter")


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
            raise LaunchError(
                f"action {id!r} was registered at {entry.place} by running code, not by importing a module, and this "
                f"program is {_kind()}, which cannot be its own child; use Runner(launcher=launchers.ForkServer()), "
                "whose children take closures too, or move it to the top of a module and use "
                "Runner(launcher=launchers.ChildModule(imports=['the.module.with.your.actions']))"
            )
        modules.append(entry.imported_by)
    return importing_command(modules, launch.options)


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
    file = _file_of_main() or ""
    if os.path.isabs(given) or not os.path.isabs(file):
        return given
    for known in (file, os.path.dirname(file)):  # the second for a directory or an archive with a __main__.py in it
        if known.endswith(os.path.normpath(given).lstrip("./")) and os.path.exists(known):
            return known
    return given

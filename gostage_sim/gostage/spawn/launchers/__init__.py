"""Launchers: which command, or which server, starts a child.

* `ThisProgram`  the running program again, with `--gostage-child`; the default
* `ChildModule`  `python -m gostage_sim.gostage.child`, after importing the modules that register the actions
* `Program`      any command that speaks the protocol
* `ForkServer`   a warm process that forks: children start in milliseconds, and their actions may be closures
* `contract`     what a launcher is, and what it is given
* `importable`   how a child imports the modules of this program

A new one is one file with a class that has `foreign` and `start(launch)`; `tests/gostage/spawn/test_contract.py` holds
all of them to the same contract. Names are loaded on first use (PEP 562), because the fork server is in here too.
"""

from __future__ import annotations

TYPE_CHECKING = False  # see gostage/__init__.py
if TYPE_CHECKING:
    from gostage_sim.gostage.spawn.launchers.child_module import ChildModule as ChildModule
    from gostage_sim.gostage.spawn.launchers.contract import Launch as Launch
    from gostage_sim.gostage.spawn.launchers.contract import Launcher as Launcher
    from gostage_sim.gostage.spawn.launchers.contract import LaunchError as LaunchError
    from gostage_sim.gostage.spawn.launchers.fork_server.launcher import ForkServer as ForkServer
    from gostage_sim.gostage.spawn.launchers.program import Program as Program
    from gostage_sim.gostage.spawn.launchers.this_program import ThisProgram as ThisProgram

_HOME = {
    "ChildModule": "child_module",
    "ForkServer": "fork_server.launcher",
    "Launch": "contract",
    "LaunchError": "contract",
    "Launcher": "contract",
    "Program": "program",
    "ThisProgram": "this_program",
}

__all__ = ["ChildModule", "ForkServer", "Launch", "LaunchError", "Launcher", "Program", "ThisProgram"]


def __getattr__(name: str) -> object:
    from importlib import import_module

    room = _HOME.get(name)
    if room is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{room}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)

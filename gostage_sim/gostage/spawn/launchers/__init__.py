"""Launchers: which command, or which server, starts a child.

* `Program`      any command that speaks the protocol
* `ChildModule`  `python -m gostage_sim.gostage.child`, after importing the modules that register the actions
* `ThisProgram`  the running program again, with `--gostage-child`; the default

A new one is one file with a class that has `foreign` and `start(launch)`; `tests/gostage/spawn/test_contract.py` holds
all of them to the same contract.
"""

from __future__ import annotations

from gostage_sim.gostage.spawn.launchers.child_module import ChildModule
from gostage_sim.gostage.spawn.launchers.contract import Launch, Launcher, LaunchError
from gostage_sim.gostage.spawn.launchers.program import Program
from gostage_sim.gostage.spawn.launchers.this_program import ThisProgram

__all__ = ["ChildModule", "Launch", "LaunchError", "Launcher", "Program", "ThisProgram"]

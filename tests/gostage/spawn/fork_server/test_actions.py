"""Registrations as bytes, made in a program that does something else meanwhile."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from typing import Any

import dill  # type: ignore[import-untyped]
import pytest

from gostage_sim import gostage
from gostage_sim.gostage import registry
from gostage_sim.gostage.spawn.launchers.fork_server.actions import names_of_globals, pack

LIMIT = 3
DILLS_OWN: Callable[..., list[str]] = dill.detect.nestedglobals
"""As it was imported; packing puts ours into its place."""


def test_stdout_stays_the_programs(monkeypatch: pytest.MonkeyPatch) -> None:
    """While several threads pack closures, what the program prints is not taken from it, and not afterwards either."""
    monkeypatch.setattr(registry, "_factories", {})
    gostage.register_action("act", lambda: gostage.FunctionAction("act", lambda ctx: ctx.send("limit", LIMIT)))
    before, seen = sys.stdout, set()
    packed = [threading.Thread(target=lambda: [pack(registry.entries()) for _ in range(50)]) for _ in range(3)]
    for thread in packed:
        thread.start()
    while any(thread.is_alive() for thread in packed):
        seen.add(sys.stdout)
    assert (seen, sys.stdout) == ({before}, before)


def nested() -> object:
    def inner() -> int:
        return LIMIT

    return [inner for _ in sys.path]


def assigning() -> None:
    global LIMIT
    LIMIT = 3


NAMES = ["nested", "assigning", "a code object", "a lambda", "a built-in function", "no function"]


@pytest.mark.parametrize("function", [nested, assigning, nested.__code__, lambda: None, len, None], ids=NAMES)
def test_the_globals_of_a_function(function: Any) -> None:
    """They are those that dill would find."""
    assert sorted(names_of_globals(function)) == sorted(DILLS_OWN(function))

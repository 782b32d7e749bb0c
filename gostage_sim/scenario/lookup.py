"""Imports users' modules in a process of its own, `python -m gostage_sim.scenario.lookup`, and says what it found.

What importing them does to the process is nobody's concern: it is thrown away. On stdin it takes JSON,
`{"folder": …, "directory": …, "targets": [[module, attribute], …]}`. On stdout it says `"ready"` and answers a line
for each target, in their order: whether the module could be imported, and null or what is wrong. It ends early after a
module that could not, because nobody knows what that left behind.
"""

from __future__ import annotations

import importlib
import inspect
import json
import os
import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any

from gostage_sim.scenario.problems import close_match, kind_of

#: The first line, before any module is touched.
READY = "ready"
_LONGEST_TEXT = 2000


class NotImported(Exception):  # noqa: N818 - named for what it says
    """Why a module cannot be imported."""


def main() -> None:
    request = json.loads(sys.stdin.buffer.read())
    answers = os.dup(1)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)  # what a module prints is no answer
    own = os.getpid()
    folder = request["folder"]
    sys.path[:0] = [folder, request["directory"]]

    def say(what: object) -> None:
        if os.getpid() != own:
            leave(0)  # a process that a module forked, on its way out of the import
        os.write(answers, json.dumps(what).encode() + b"\n")

    leave = os._exit  # a thread that a module started must not keep us, nor one that replaced this function
    say(READY)
    for name, attribute in request["targets"]:
        try:
            module = _import(name, folder)
        except NotImported as error:
            say((False, str(error)))
            break
        say((True, _problem(module, name, attribute) if attribute else None))
    leave(0)


def _import(name: str, folder: str) -> ModuleType:
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name is not None and (name == error.name or name.startswith(f"{error.name}.")):
            where = f"in {folder!r}, the current directory or the installed packages"
            raise NotImported(f"no module named {error.name!r} {where}") from None
        raise NotImported(f"importing {name!r} raises {_described(error)}") from None
    except BaseException as error:
        raise NotImported(f"importing {name!r} raises {_described(error)}") from None


def _described(error: BaseException) -> str:
    try:
        text = str(error)[:_LONGEST_TEXT]
    except BaseException as second:
        text = f"(its text raises {type(second).__name__})"
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def _problem(module: ModuleType, name: str, attribute: str) -> str | None:
    """Why `module:attribute` cannot be called with an action context, or None."""
    found: Any = module
    for part in attribute.split("."):
        try:
            found = getattr(found, part)
        except AttributeError:
            match = close_match(part, [known for known in dir(found) if not known.startswith("_")])
            return f"{name!r} has no {part!r}" + (f"; did you mean '{match}'?" if match is not None else "")
        except BaseException as error:
            return f"cannot read {part!r} of {name!r}: {_described(error)}"
    target = f"{name}:{attribute}"
    if not callable(found):
        return f"{target!r} is {kind_of(found)}; expected a function of one argument"
    return _not_an_action(target, found)


def _not_an_action(target: str, found: Callable[..., Any]) -> str | None:
    """Why calling it with the action context would fail, or would return without having run any of it."""
    for is_one, kind in (
        (inspect.iscoroutinefunction, "an async function"),
        (inspect.isasyncgenfunction, "an async generator function"),
        (inspect.isgeneratorfunction, "a generator function"),
    ):
        if is_one(found):
            return f"{target!r} is {kind}, nothing in it would run; expected a plain function of one argument"
    try:
        signature = inspect.signature(found)
    except (TypeError, ValueError):
        return None  # some of those written in C have none
    try:
        signature.bind(None)
    except TypeError as error:
        return f"{target!r} cannot be called with one argument, the action context: {error}"
    return None


if __name__ == "__main__":
    main()
